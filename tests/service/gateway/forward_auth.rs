//! Forward-auth: what gateways that keep their own data path are told.

use fabric_auth_tests::{DEV, HttpClient, alice, stranger};

use super::support::{ALICES, Edge, RAW, blamed, problem};

const PATH: &str = "/.prophecy/forward-auth";

/// A gateway that asks for a client, and names the fabric of the workspace that it sends to.
fn about(client: HttpClient) -> HttpClient {
    client.with_header("prophecy-fabric", RAW)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_request_is_told_its_token_and_its_workspace() {
    let edge = Edge::new().await;
    let told = |client: HttpClient| async move { client.get(PATH).await };
    for header in ["x-original-uri", "x-forwarded-uri"] {
        let answer = told(about(edge.alice()).with_header(header, "/api/2.0/sql/warehouses?x=1")).await;
        assert_eq!(answer.status, 200, "{header}");
        assert_eq!(answer.header("authorization"), format!("Bearer {ALICES}"));
        assert_eq!(answer.header("prophecy-workspace-url"), edge.upstream.url);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.is_empty());
    }
    // As Envoy asks.
    for path in ["/api/2.0/sql/warehouses", "/", ""] {
        let alice = about(edge.alice());
        let client = if path.is_empty() { alice.with_header("x-original-uri", "/") } else { alice };
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
        (at(about(edge.anybody()), "/echo"), 401, "unauthenticated"),
        (at(about(edge.anybody()).with_header("authorization", "Bearer x"), "/echo"), 401, "unauthenticated"),
        (at(edge.alice().with_header("prophecy-fabric", DEV), "/echo"), 401, "sign-in-required"),
        (at(about(sven), "/echo"), 403, "not-found"),
        (at(edge.alice().with_header("prophecy-fabric", "none"), "/echo"), 403, "not-found"),
        (at(about(edge.alice()).with_header("prophecy-fabric", RAW), "/echo"), 403, "invalid-input"),
        (at(about(edge.alice()).with_header("prophecy-activity", "scheduled-run"), "/echo"), 403, "forbidden"),
        (at(about(edge.alice()), "/oidc/v1/token"), 403, "forbidden"),
        (at(about(edge.alice()), "/api/../oidc/v1/token"), 403, "invalid-input"),
        (at(about(edge.alice()), "http://x/echo"), 403, "invalid-input"),
        (at(about(edge.alice()).with_header("origin", "https://evil.example"), "/echo"), 403, "invalid-input"),
    ] {
        let answer = client.get(PATH).await;
        assert_eq!(problem(&answer), (status, case.to_owned()));
        assert!(answer.header("authorization").is_empty());
        if case == "sign-in-required" {
            assert_eq!(answer.json()["sign_in_url"], format!("{}/connect?fabric=dev", edge.service.base_url));
        }
    }
    let appended = about(edge.alice()).get(&format!("{PATH}/oidc/v1/token")).await;
    assert_eq!(problem(&appended), (403, "forbidden".to_owned()));
    edge.end().await;
}

/// The gateway that asks sends to one workspace. The fabric that is meant for those who name none may be another's.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_names_no_fabric_is_told_nothing() {
    let edge = Edge::new().await;
    let answer = edge.alice().with_header("x-original-uri", "/echo").get(PATH).await;
    assert_eq!(blamed(&answer), (403, "prophecy-fabric".to_owned()));
    edge.end().await;
}

/// `TRACE` would bring the token back, whether it is named or asked with.
#[tokio::test(flavor = "multi_thread")]
async fn requests_with_other_methods_are_refused() {
    let edge = Edge::new().await;
    let alice = about(edge.alice()).with_header("x-original-uri", "/echo");
    for header in ["x-original-method", "x-forwarded-method"] {
        assert_eq!(problem(&alice.with_header(header, "TRACE").get(PATH).await).0, 403, "{header}");
        assert_eq!(alice.with_header(header, "PATCH").get(PATH).await.status, 200, "{header}");
    }
    for (method, status) in [("TRACE", 403), ("TRACK", 403), ("trace", 403), ("DELETE", 200)] {
        let head = format!("{method} {PATH}/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nProphecy-Fabric: {RAW}");
        let answer = edge.exchange(format!("{head}\r\n{}\r\n\r\n", edge.authorization()).as_bytes()).await;
        assert_eq!(crate::raw::status(&answer), Some(status), "{answer}");
        assert_eq!(answer.contains(ALICES), status == 200, "{answer}");
    }
    edge.end().await;
}

/// A client that tells a path of its own beside the gateway's gains nothing (CVE-2026-40575 of another proxy).
#[tokio::test(flavor = "multi_thread")]
async fn paths_that_contradict_each_other_are_refused() {
    let edge = Edge::new().await;
    let told = |lines: &[(&str, &str)]| {
        lines.iter().fold(about(edge.alice()), |client, (name, value)| client.with_header(name, value))
    };
    for lines in [
        &[][..],
        &[("x-original-uri", "/oidc/v1/token"), ("x-forwarded-uri", "/echo")],
        &[("x-original-uri", "/echo"), ("x-original-uri", "/oidc/v1/token")],
        &[("x-forwarded-uri", "/echo, /oidc/v1/token"), ("x-original-uri", "/echo")],
        &[("x-original-uri", "/\u{e4}")],
    ] {
        assert_eq!(blamed(&told(lines).get(PATH).await), (403, "x-original-uri".to_owned()), "{lines:?}");
    }
    let spoofed =
        about(edge.alice()).with_header("x-original-uri", "/echo").get(&format!("{PATH}/oidc/v1/token")).await;
    assert_eq!(blamed(&spoofed), (403, "x-original-uri".to_owned()));
    assert_eq!(told(&[("x-original-uri", "/echo"), ("x-forwarded-uri", "/echo")]).get(PATH).await.status, 200);
    edge.end().await;
}
