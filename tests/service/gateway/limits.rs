//! What one caller and one fabric may take.

use fabric_auth::service::GatewaySettings;
use fabric_auth_tests::{HttpAnswer, HttpClient, alice, bob, eventually};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::support::{Edge, problem, settings};

#[track_caller]
fn assert_throttled(answer: &HttpAnswer) {
    assert_eq!(problem(answer), (503, "throttled".to_owned()));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

/// Requests of a client that stay unanswered.
async fn stalled(edge: &Edge, client: &HttpClient, number: usize) -> JoinSet<HttpAnswer> {
    let before = edge.upstream.count("/stall");
    let mut requests = JoinSet::new();
    for _ in 0..number {
        let client = client.clone();
        requests.spawn(async move { client.get("/stall").await });
    }
    eventually("they have arrived", async || edge.upstream.count("/stall") == before + number).await;
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_cannot_take_what_others_need() {
    let edge = Edge::with(GatewaySettings { most_of_one_caller: 8, ..settings() }).await;
    let bob = edge.anybody().with_token(&edge.service.api_token(&bob()).await);
    let waiting = stalled(&edge, &edge.alice(), 8).await;
    assert_throttled(&edge.alice().get("/echo").await);
    // Also through another door.
    let asked = edge.alice().with_header("x-original-uri", "/echo").get("/.prophecy/forward-auth").await;
    assert_throttled(&asked);
    for _ in 0..20 {
        assert_eq!(bob.get("/echo").await.status, 200);
    }
    drop(waiting);
    // The workspace has not answered yet, and so they still count.
    assert_throttled(&edge.alice().get("/echo").await);
    edge.service.world.advance(std::time::Duration::from_secs(601));
    eventually("there is room again", async || edge.alice().get("/echo").await.status == 200).await;
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_fabric_cannot_take_what_others_need() {
    let edge = Edge::with(GatewaySettings { most_of_one_fabric: 8, ..settings() }).await;
    edge.service.world.sign_in(&alice()).await;
    let bob = edge.anybody().with_token(&edge.service.api_token(&bob()).await);
    let _waiting = stalled(&edge, &edge.alice(), 8).await;
    assert_throttled(&bob.get("/echo").await);
    let dev = edge.alice().with_header("prophecy-fabric", "dev");
    for _ in 0..20 {
        assert_eq!(dev.get(super::support::ME).await.status, 200);
    }
    edge.service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_hears_when_to_come_again_and_others_are_served() {
    let edge = Edge::with(GatewaySettings { requests_per_minute: 30, ..settings() }).await;
    let bob = edge.anybody().with_token(&edge.service.api_token(&bob()).await);
    let mut refused = 0;
    for _ in 0..60 {
        let answer = edge.alice().get("/echo").await;
        if answer.status != 200 {
            assert_throttled(&answer);
            refused += 1;
        }
    }
    assert!((20..=30).contains(&refused), "{refused}");
    assert_eq!(bob.get("/echo").await.status, 200);
    edge.service.end().await;
}

/// Clients that go away in the middle of what they send or fetch leave nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_give_their_places_back() {
    let edge = Edge::with(GatewaySettings { most_of_one_caller: 4, ..settings() }).await;
    for round in 1..=10 {
        for (target, lines) in [("GET /drip", ""), ("GET /bytes", ""), ("PUT /upload", "Content-Length: 1000000\r\n")] {
            let before = edge.upstream.heads().len();
            let mut stream = TcpStream::connect(edge.address()).await.unwrap();
            let head = format!("{target} HTTP/1.1\r\nHost: x\r\n{}\r\n{lines}\r\n", edge.authorization());
            stream.write_all(head.as_bytes()).await.unwrap();
            if target.starts_with("PUT") {
                stream.write_all(&[b'x'; 1_000]).await.unwrap();
            }
            eventually("it has arrived", async || edge.upstream.heads().len() > before).await;
            drop(stream);
        }
        eventually("the body has broken off", async || edge.upstream.broken_off() == round).await;
    }
    eventually("there is room again", async || edge.alice().get("/echo").await.status == 200).await;
    edge.end().await;
}
