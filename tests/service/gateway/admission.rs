//! Who is not let in, and what they are told.

use std::time::Duration;

use fabric_auth_tests::{HttpAnswer, HttpClient, alice};
use secrecy::ExposeSecret as _;

use super::support::{Edge, ME, problem};
use crate::browser::Browser;

/// For how long an API token that is revoked may still be taken.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

#[track_caller]
fn assert_not_let_in(name: &str, answer: &HttpAnswer) {
    assert_eq!(problem(answer), (401, "unauthenticated".to_owned()), "{name}");
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{name}: {answer:?}");
    assert!(answer.header("set-cookie").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_without_an_api_token_that_is_in_force() {
    let edge = Edge::new().await;
    let token = edge.token.expose_secret();
    let anybody = edge.anybody();
    let shown = |value: &str| anybody.with_header("authorization", value);
    for (name, client) in [
        ("nothing", anybody.clone()),
        ("garbage", shown("Bearer garbage")),
        ("no scheme", shown(token)),
        ("another scheme", shown(&format!("Basic {token}"))),
        ("two tokens", shown(&format!("Bearer {token}")).with_header("authorization", &format!("Bearer {token}"))),
        ("a token and more", shown(&format!("Bearer {token}, Bearer {token}"))),
        ("a token in a cookie", anybody.with_header("cookie", &format!("fabric_auth_session={token}"))),
        ("another header", anybody.with_header("x-databricks-token", token)),
        ("an underscore", anybody.with_header("authorization_", &format!("Bearer {token}"))),
    ] {
        assert_not_let_in(name, &client.get("/echo").await);
    }
    assert_not_let_in("in the query", &anybody.get(&format!("/echo?access_token={token}")).await);
    assert_eq!(edge.upstream.count("/echo"), 0);
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_revoked_is_none() {
    let edge = Edge::new().await;
    assert_eq!(edge.alice().get("/echo").await.status, 200);
    assert_eq!(edge.service.users().revoke_api_tokens("alice").await.unwrap(), 1);
    edge.service.world.advance(REVOKED_WITHIN);
    assert_not_let_in("revoked", &edge.alice().get("/echo").await);
    assert_eq!(edge.upstream.count("/echo"), 1);
    edge.service.end().await;
}

/// The gateway takes nothing that a browser would send by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_console_opens_nothing_and_pages_have_no_business_here() {
    let edge = Edge::new().await;
    let browser = Browser::new(&edge.service);
    browser.sign_in(&edge.token).await;
    let cookie = browser.cookie_line();
    assert!(cookie.contains("fabric_auth_session="), "no session");
    assert_not_let_in("a session", &edge.anybody().with_header("cookie", &cookie).get("/echo").await);
    for origin in ["https://evil.example", "null", edge.service.base_url.as_str()] {
        let answer = edge.alice().with_header("origin", origin).get("/echo").await;
        assert_eq!(answer.status, 403, "{origin}");
        assert!(answer.header("access-control-allow-origin").is_empty());
    }
    let preflight = edge.anybody().with_header("origin", "https://evil.example");
    let preflight = preflight.with_header("access-control-request-method", "POST");
    assert_eq!(preflight.send(http::Method::OPTIONS, "/echo").await.status, 403);
    assert_eq!(edge.upstream.count("/echo"), 0);
    // And nothing of the console is here.
    for path in ["/sign-in", "/api/v1/fabrics", "/assets/console.css", "/healthz", "/metrics"] {
        let answer = HttpClient::get(&edge.anybody(), path).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_signed_in_to_databricks_is_told_where() {
    let edge = Edge::new().await;
    let answer = edge.alice().with_header("prophecy-fabric", "dev").get(ME).await;
    assert_eq!(problem(&answer), (401, "sign-in-required".to_owned()));
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(answer.json()["sign_in_url"], format!("{}/connect?fabric=dev", edge.service.base_url));
    edge.service.world.sign_in(&alice()).await;
    assert_eq!(edge.alice().with_header("prophecy-fabric", "dev").get(ME).await.status, 200);
    edge.end().await;
}
