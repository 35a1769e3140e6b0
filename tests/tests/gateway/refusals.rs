//! Replies that may say that the workspace does not take the token.

use std::time::Duration;

use bytes::Bytes;
use fabric_auth_tests::{HOUR, alice};
use futures::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use simulated_workspace::{Endpoint, Fault};

use super::{as_person, get, raw, text, who, with_upstream};
use crate::support::signed_in;

const ME: &str = "/api/2.0/preview/scim/v2/Me";

/// A token that Databricks has revoked costs nobody a request: it is renewed, and the request is sent once more.
#[tokio::test]
async fn a_token_that_is_refused_is_renewed_and_the_request_repeated_once() {
    let world = signed_in().await;
    let (token, _) = world.token(&alice()).await.unwrap();
    assert!(world.workspace.revoke_access_token(&token));
    assert_eq!(who(&world, as_person(alice())).await, "alice@example.com");
    assert_eq!((world.refreshes(), world.host.figures().given_up), (1, 0));
}

#[tokio::test]
async fn a_request_whose_body_is_gone_is_not_repeated_but_the_next_one_succeeds() {
    let world = signed_in().await;
    let (token, _) = world.token(&alice()).await.unwrap();
    assert!(world.workspace.revoke_access_token(&token));
    let statement = || {
        let body = r#"{"warehouse_id": "a1b2c3d4e5f60718", "statement": "SELECT 1"}"#;
        let request = Request::post("/api/2.0/sql/statements").header("content-type", "application/json");
        request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
    };
    let refused = world.host.forward(as_person(alice()), statement()).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"0".parse().unwrap()));
    assert_eq!(world.host.forward(as_person(alice()), statement()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_renewal_in_the_middle_fails_no_request() {
    let world = signed_in().await;
    world.advance(HOUR);
    let asking: Vec<_> = (0..32).map(|_| who(&world, as_person(alice()))).collect();
    for user in join_all(asking).await {
        assert_eq!(user, "alice@example.com");
    }
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_token_comes_back_whole() {
    let (world, _upstream) = with_upstream().await;
    let reply = world.host.forward(raw(), get("/refused-for-another-reason")).await.unwrap();
    assert_eq!(reply.status(), 403);
    let body = text(reply).await;
    assert!(body.len() > 60_000 && body.starts_with("{\"error_code\"") && body.ends_with("\"}"), "{}", body.len());
}

/// Most refusals are about something else, and there are many of them.
#[tokio::test]
async fn refusals_about_something_else_do_not_keep_one_about_the_token_from_being_believed() {
    let world = signed_in().await;
    let denied = json!({"error_code": "PERMISSION_DENIED", "message": "User does not have CAN_VIEW."});
    for _ in 0..3 {
        world.workspace.inject(Endpoint::Me, Fault::json(403, &denied));
        let reply = world.host.forward(as_person(alice()), get(ME)).await.unwrap();
        assert_eq!((reply.status().as_u16(), text(reply).await), (403, denied.to_string()));
    }
    assert_eq!(world.host.figures().given_up, 0);
    let (token, _) = world.token(&alice()).await.unwrap();
    assert!(world.workspace.revoke_access_token(&token));
    assert_eq!(who(&world, as_person(alice())).await, "alice@example.com");
    assert_eq!(world.refreshes(), 1);
}

/// What comes in drops is not held back until it is whole: somebody could send it for hours.
#[tokio::test]
async fn a_refusal_that_trickles_is_passed_on_as_it_comes() {
    let world = signed_in().await;
    let body = r#"{"error_code":"PERMISSION_DENIED","message":"no"}"#;
    let every = Duration::from_millis(50);
    world.workspace.inject(Endpoint::Me, Fault::Trickle { code: 403, body: body.to_owned(), every });
    let host = world.host.clone();
    let asking = tokio::spawn(async move { host.forward(as_person(alice()), get(ME)).await.unwrap() });
    tokio::time::sleep(10 * every).await;
    assert!(!asking.is_finished());
    world.advance(Duration::from_secs(11));
    let reply = asking.await.unwrap();
    assert_eq!(reply.status(), 403);
    let mut body_of_reply = reply.into_body();
    let first = body_of_reply.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.len() < body.len(), "all of it came at once");
    let rest = body_of_reply.collect().await.unwrap().to_bytes();
    assert_eq!([first, rest].concat(), body.as_bytes());
    assert_eq!((world.host.figures().given_up, world.refreshes()), (0, 0));
}

/// Whatever comes at the moment at which patience ends.
#[tokio::test]
async fn a_refusal_that_never_rests_is_passed_on_all_the_same() {
    let world = signed_in().await;
    let body = "no ".repeat(100);
    let every = Duration::from_millis(1);
    for _ in 0..10 {
        world.workspace.inject(Endpoint::Me, Fault::Trickle { code: 403, body: body.clone(), every });
        let host = world.host.clone();
        let asking = tokio::spawn(async move { host.forward(as_person(alice()), get(ME)).await.unwrap() });
        tokio::time::sleep(100 * every).await;
        world.advance(Duration::from_secs(11));
        assert_eq!(text(asking.await.unwrap()).await, body);
    }
    assert_eq!(world.host.figures().given_up, 0);
}

/// More than is looked at, and then the rest.
#[tokio::test]
async fn a_long_refusal_comes_back_whole() {
    let world = signed_in().await;
    let denied = json!({"error_code": "PERMISSION_DENIED", "message": "no ".repeat(20_000)});
    world.workspace.inject(Endpoint::Me, Fault::json(403, &denied));
    let reply = world.host.forward(as_person(alice()), get(ME)).await.unwrap();
    assert_eq!((reply.status().as_u16(), text(reply).await), (403, denied.to_string()));
    assert_eq!(world.host.figures().given_up, 0);
}

/// What is not looked at is not held either: nothing that is said of a personal access token makes another one.
#[tokio::test]
async fn what_is_said_of_a_personal_access_token_is_passed_on_unread() {
    let (world, _upstream) = with_upstream().await;
    let reply = world.host.forward(raw(), get("/refused-in-drops")).await.unwrap();
    assert_eq!(reply.status(), 403);
    let mut body = reply.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
}
