//! Forward-auth: what gateways that keep their own data path are told.

use fabric_auth_tests::{DEV, HttpClient, alice, stranger};

use super::support::{ALICES, Edge, blamed, problem};

const PATH: &str = "/.prophecy/forward-auth";

#[tokio::test(flavor = "multi_thread")]
async fn a_good_request_is_told_its_token_and_its_workspace() {
    let edge = Edge::new().await;
    let told = |client: HttpClient| async move { client.get(PATH).await };
    for header in ["x-original-uri", "x-forwarded-uri"] {
        let answer = told(edge.alice().with_header(header, "/api/2.0/sql/warehouses?x=1")).await;
        assert_eq!(answer.status, 200, "{header}");
        assert_eq!(answer.header("authorization"), format!("Bearer {ALICES}"));
        assert_eq!(answer.header("prophecy-workspace-url"), edge.upstream.url);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.is_empty());
    }
    // As Envoy asks.
    for path in ["/api/2.0/sql/warehouses", "/", ""] {
        let client = if path.is_empty() { edge.alice().with_header("x-original-uri", "/") } else { edge.alice() };
        assert_eq!(client.get(&format!("{PATH}{path}")).await.status, 200, "{path}");
    }
    edge.service.world.sign_in(&alice()).await;
    let dev = edge.alice().with_header("prophecy-fabric", DEV).with_header("x-original-uri", "/api/2.0/x");
    assert_eq!(dev.get(PATH).await.header("prophecy-workspace-url"), edge.service.world.workspace.url());
    assert_eq!(edge.upstream.heads().iter().filter(|head| head.contains(".prophecy")).count(), 0);
    edge.end().await;
}

/// nginx and others take 401 and 403 for refusals, and anything else for a failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_told_401_or_403() {
    let edge = Edge::new().await;
    let sven = edge.anybody().with_token(&edge.service.api_token(&stranger()).await);
    let at = |client: HttpClient, path: &str| client.with_header("x-original-uri", path);
    for (client, status, case) in [
        (at(edge.anybody(), "/echo"), 401, "unauthenticated"),
        (at(edge.anybody().with_header("authorization", "Bearer x"), "/echo"), 401, "unauthenticated"),
        (at(edge.alice().with_header("prophecy-fabric", DEV), "/echo"), 401, "sign-in-required"),
        (at(sven, "/echo"), 403, "not-found"),
        (at(edge.alice().with_header("prophecy-fabric", "none"), "/echo"), 403, "not-found"),
        (at(edge.alice().with_header("prophecy-activity", "scheduled-run"), "/echo"), 403, "forbidden"),
        (at(edge.alice(), "/oidc/v1/token"), 403, "forbidden"),
        (at(edge.alice(), "/api/../oidc/v1/token"), 403, "invalid-input"),
        (at(edge.alice(), "http://x/echo"), 403, "invalid-input"),
        (at(edge.alice().with_header("origin", "https://evil.example"), "/echo"), 403, "invalid-input"),
    ] {
        let answer = client.get(PATH).await;
        assert_eq!((answer.status.as_u16(), answer.json()["case"].as_str()), (status, Some(case)), "{answer:?}");
        assert!(answer.header("authorization").is_empty());
        if case == "sign-in-required" {
            assert_eq!(answer.json()["sign_in_url"], format!("{}/connect?fabric=dev", edge.service.base_url));
        }
    }
    assert_eq!(problem(&edge.alice().get(&format!("{PATH}/oidc/v1/token")).await), (403, "forbidden".to_owned()));
    edge.end().await;
}

/// A client that tells a path of its own beside the gateway's gains nothing (CVE-2026-40575 of another proxy).
#[tokio::test(flavor = "multi_thread")]
async fn paths_that_contradict_each_other_are_refused() {
    let edge = Edge::new().await;
    let told = |lines: &[(&str, &str)]| {
        lines.iter().fold(edge.alice(), |client, (name, value)| client.with_header(name, value))
    };
    for lines in [
        &[][..],
        &[("x-original-uri", "/oidc/v1/token"), ("x-forwarded-uri", "/echo")],
        &[("x-original-uri", "/echo"), ("x-original-uri", "/oidc/v1/token")],
        &[("x-forwarded-uri", "/echo, /oidc/v1/token"), ("x-original-uri", "/echo")],
        &[("x-original-uri", "/\u{e4}")],
    ] {
        assert_eq!(blamed(&told(lines).get(PATH).await), (400, "x-original-uri".to_owned()), "{lines:?}");
    }
    let spoofed = edge.alice().with_header("x-original-uri", "/echo").get(&format!("{PATH}/oidc/v1/token")).await;
    assert_eq!(blamed(&spoofed), (400, "x-original-uri".to_owned()));
    assert_eq!(told(&[("x-original-uri", "/echo"), ("x-forwarded-uri", "/echo")]).get(PATH).await.status, 200);
    edge.end().await;
}
