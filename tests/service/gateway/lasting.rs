//! What lasts: streams, renewals, sign-outs, and workspaces that do not do their part.

use std::time::{Duration, Instant};

use fabric_auth_tests::{DEV, DRIPS, HOUR, alice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{Edge, ME, RAW, problem};

/// How long after a sign-out the next request may still be let through.
const SIGNED_OUT_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_breaks_off_or_lies_fails_that_request_alone() {
    let edge = Edge::new().await;
    for path in ["/reset", "/garbage", "/two-lengths", "/large-head"] {
        assert_eq!(problem(&edge.alice().get(path).await), (504, "unreachable".to_owned()), "{path}");
        assert_eq!(edge.alice().get("/echo").await.status, 200);
    }
    assert_eq!(edge.alice().get("/switch").await.status, 502);
    for path in ["/short", "/cut", "/both-framings"] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}\r\nConnection: close\r\n\r\n", edge.authorization());
        let answer = edge.exchange(request.as_bytes()).await;
        // A client that counts sees that it did not get everything.
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.ends_with("0\r\n\r\n"), "{path}: {answer}");
        assert_eq!(edge.alice().get("/echo").await.status, 200);
    }
    // What comes behind a reply is nobody's.
    for _ in 0..3 {
        assert_eq!(edge.alice().get("/much-after").await.text(), "ok");
    }
    edge.end().await;
}

/// What has begun goes on, and nothing new begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_counts_for_the_next_request_and_cuts_no_stream() {
    let edge = Edge::new().await;
    edge.service.world.sign_in(&alice()).await;
    let dev = edge.alice().with_header("prophecy-fabric", DEV);
    assert_eq!(dev.get(ME).await.status, 200);
    let mut stream = TcpStream::connect(edge.address()).await.unwrap();
    let request = format!("GET /drip HTTP/1.1\r\nHost: x\r\n{}\r\nConnection: close\r\n\r\n", edge.authorization());
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();

    edge.service.world.host.sign_out(&alice(), DEV).await.unwrap();
    edge.service.world.host.remove_personal_access_token(&alice(), RAW).await.unwrap();
    let began = Instant::now();
    for client in [dev, edge.alice()] {
        while client.get(ME).await.status == 200 {
            assert!(began.elapsed() < SIGNED_OUT_WITHIN, "requests go on after the sign-out");
        }
        assert_eq!(client.get(ME).await.status, 401);
    }
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with(&"x".repeat(DRIPS)), "{rest}");
    edge.service.end().await;
}

/// The same where another host has signed the person out: what this one remembers is asked after in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_at_another_host_counts_within_five_seconds() {
    let edge = Edge::new().await;
    edge.service.world.sign_in(&alice()).await;
    let dev = edge.alice().with_header("prophecy-fabric", DEV);
    assert_eq!(dev.get(ME).await.status, 200);
    let other = edge.service.world.another_host().await;
    other.sign_out(&alice(), DEV).await.unwrap();
    edge.service.world.advance(SIGNED_OUT_WITHIN);
    assert_eq!(dev.get(ME).await.status, 401);
    other.finish().await;
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_in_mid_traffic_fails_no_request() {
    let edge = Edge::new().await;
    let world = &edge.service.world;
    world.sign_in(&alice()).await;
    let dev = edge.alice().with_header("prophecy-fabric", DEV);
    for round in 1..=3 {
        let asking: Vec<_> = (0..64)
            .map(|_| {
                let dev = dev.clone();
                tokio::spawn(async move { dev.get(ME).await })
            })
            .collect();
        world.advance(HOUR);
        for answer in futures::future::join_all(asking).await {
            let answer = answer.unwrap();
            assert_eq!(answer.json()["userName"], "alice@example.com", "{answer:?}");
        }
        assert_eq!(dev.get(ME).await.status, 200);
        assert_eq!((world.refreshes(), world.books().reuses()), (round, 0));
    }
    edge.end().await;
}

/// A host that ends waits for nobody who only waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_ends_although_a_workspace_stalls() {
    let edge = Edge::new().await;
    let client = edge.alice();
    let asking = tokio::spawn(async move { client.get("/stall").await });
    fabric_auth_tests::eventually("it has arrived", async || edge.upstream.count("/stall") == 1).await;
    asking.abort();
    let _ = asking.await;
    let ended = tokio::time::timeout(Duration::from_secs(45), edge.service.end()).await;
    assert!(ended.is_ok(), "the service does not end");
}
