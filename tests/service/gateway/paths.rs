//! Which paths are let through.

use super::support::{Edge, problem};
use crate::raw::status;

/// The status of a request whose target is written as it stands.
async fn asked(edge: &Edge, target: &str) -> (Option<u16>, String) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{}\r\nConnection: close\r\n\r\n", edge.authorization());
    let answer = edge.exchange(request.as_bytes()).await;
    (status(&answer), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_make_tokens_or_read_secrets_are_refused_in_every_spelling() {
    let edge = Edge::new().await;
    for target in [
        "/oidc/v1/token",
        "/OIDC/v1/token",
        "/%6f%69%64%63/v1/token",
        "/api/2.0/token/create",
        "/api/2.0/Token/create?x=/../",
        "/api/2.1/tokens/introspect",
        "/api/2.0/secrets/get?scope=a&key=b",
        "/api/2.0/accounts/1/servicePrincipals/2/credentials/secrets",
        "/ajax-api/2.0/token/create",
        "http://x/oidc/v1/token",
    ] {
        let (status, answer) = asked(&edge, target).await;
        assert_eq!(status, Some(403), "{target}: {answer}");
        assert!(answer.contains("\"case\":\"forbidden\""), "{target}: {answer}");
    }
    for target in [
        "//oidc/v1/token",
        "/api/../oidc/v1/token",
        "/api/%2e%2e/oidc/v1/token",
        "/api/%2E%2e%2foidc/v1/token",
        "/api/.%2e/oidc/v1/token",
        "/api/..;/oidc/v1/token",
        "/api%5c..%5coidc/v1/token",
        "/api/%252e%252e/oidc/v1/token",
        "/oidc%00/v1/token",
        "/oidc%2fv1/token",
        "/oidc;x=1/v1/token",
        "/api/2.0//token/create",
        "/./oidc/v1/token",
        "/api/2.0/x%zz",
        "/api/2.0/x%0d%0aX-Forwarded-User:%20root",
    ] {
        let (status, answer) = asked(&edge, target).await;
        assert_eq!(status, Some(400), "{target}: {answer}");
    }
    let arrived: Vec<String> = edge.upstream.heads().into_iter().filter(|head| head.contains("token")).collect();
    assert!(arrived.is_empty(), "{arrived:?}");
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_through_arrives_as_it_was_written() {
    let edge = Edge::new().await;
    for target in ["/echo?path=%2FUsers%2Fada%40example.com&x=/../oidc", "/echo?%00=%ff&&=", "/echo?a=b%20c+d"] {
        let (status, answer) = asked(&edge, target).await;
        assert_eq!(status, Some(200), "{answer}");
        assert!(answer.contains(&format!("GET {target} HTTP/1.1")), "{answer}");
    }
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_allows_and_refuses_paths_of_its_own() {
    let edge = Edge::with_paths(&["/oidc/v1/keys"], &["/upload", "/api/*/jobs/delete"]).await;
    // It is not there at this workspace, but that is for the workspace to say.
    assert_eq!(edge.alice().get("/oidc/v1/keys").await.status, 504);
    assert_eq!(edge.upstream.count("/oidc/v1/keys"), 1);
    for path in ["/oidc/v1/token", "/oidc/v1", "/upload", "/Upload/more", "/api/2.1/jobs/delete"] {
        assert_eq!(problem(&edge.alice().get(path).await), (403, "forbidden".to_owned()), "{path}");
    }
    edge.end().await;
}
