//! Signing in by the API, and out; personal access tokens.

use fabric_auth_tests::{ServiceWorld, alice, bob, team_admin};
use http::Method;
use serde_json::json;
use simulated_workspace::Identity;

use super::support::{blamed, client_of, problem, sign_in, text, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_gets_a_token_and_signs_out() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &alice()).await;
    let status = "/api/v1/fabrics/dev/sign-in";
    assert_eq!(client.get(status).await.json()["required"], "never-signed-in");
    let refused = token(&client, "pipeline-development").await;
    assert_eq!(problem(&refused), (409, "sign-in-required".to_owned()));
    assert_eq!(
        (&refused.json()["reason"], &refused.json()["actor"]),
        (&json!("never-signed-in"), &json!("the person"))
    );

    let completed = sign_in(&service, &client, "dev", "alice@example.com").await;
    assert_eq!(completed.status, 200, "{}", completed.text());
    let completed = completed.json();
    assert_eq!((&completed["fabric"], &completed["renewable"]), (&json!("dev"), &json!(true)));
    assert_eq!(completed["databricks_user"], "alice@example.com");
    let state = client.get(status).await.json();
    assert!(state.get("required").is_none(), "{state}");
    assert!((1..=3_600).contains(&state["access_token_expires_in"].as_u64().unwrap()), "{state}");
    assert_eq!(state["session_expires_in"].as_u64().unwrap() / 86_400, 6, "{state}");
    assert_eq!(token(&client, "pipeline-development").await.status, 200);

    let ended = client.send(Method::DELETE, status).await;
    assert_eq!((ended.status.as_u16(), ended.json()), (200, json!({"grant_ended": true, "revoked": false})));
    assert_eq!(client.get(status).await.json()["required"], "signed-out");
    assert_eq!(client.send(Method::DELETE, status).await.json()["grant_ended"], false);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_for_who_began_it_in_the_browser_that_began_it() {
    let service = ServiceWorld::new().await;
    let (alice, bob) = (client_of(&service, &alice()).await, client_of(&service, &bob()).await);
    let begun = alice.send_json(Method::POST, "/api/v1/fabrics/dev/sign-ins", &json!({})).await.json();
    assert_eq!(begun["redirect_url"], format!("{}/api/databricks/oauthredirect", service.base_url));
    assert_eq!(begun["expires_in"], 600);
    let callback = service.world.callback(&text(&begun, "authorization_url"), "alice@example.com").await;
    let query = secrecy::ExposeSecret::expose_secret(&callback);
    let complete = |binding: &str| json!({"callback_query": query, "binding": binding});
    let binding = text(&begun, "binding");
    let path = "/api/v1/sign-ins/complete";
    assert_eq!(problem(&bob.send_json(Method::POST, path, &complete(&binding)).await), (404, "not-found".to_owned()));
    assert_eq!(blamed(&alice.send_json(Method::POST, path, &complete("other")).await).1, "binding");
    assert_eq!(alice.send_json(Method::POST, path, &complete(&binding)).await.status, 200);
    assert_eq!(problem(&alice.send_json(Method::POST, path, &complete(&binding)).await).1, "not-found");
    let metrics = alice.get("/metrics").await.text();
    assert!(metrics.contains("fabric_auth_sign_ins_total{outcome=\"served\"} 1"), "{metrics}");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_url_that_is_not_registered_is_refused() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &alice()).await;
    let path = "/api/v1/fabrics/dev/sign-ins";
    let begun = client.send_json(Method::POST, path, &json!({"redirect_url": "https://evil.example/"})).await;
    assert_eq!(blamed(&begun), (400, "redirect_url".to_owned()));
    let other = format!("{}/metadata/oauthCallback", service.base_url);
    let begun = client.send_json(Method::POST, path, &json!({"redirect_url": other})).await;
    assert_eq!((begun.status.as_u16(), &begun.json()["redirect_url"]), (201, &json!(other)));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_as_somebody_else_is_told_both_names() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &alice()).await;
    let refused = sign_in(&service, &client, "dev", "bob@example.com").await;
    assert_eq!(problem(&refused), (409, "identity-mismatch".to_owned()));
    let told = refused.json();
    assert_eq!((&told["expected"], &told["found"]), (&json!("alice@example.com"), &json!("bob@example.com")));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_access_token_is_kept_handed_out_and_removed() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    let settings = json!({"kind": "spark", "workspace": service.world.workspace.url(), "team": "data",
        "authentication": "personal-access-token"});
    let put = admin.send_json(Method::PUT, "/api/v1/fabrics/dev", &json!({"settings": settings})).await;
    assert_eq!(put.status, 200, "{}", put.text());

    let client = client_of(&service, &alice()).await;
    let path = "/api/v1/fabrics/dev/personal-access-token";
    let secret = service.world.workspace.issue_personal_access_token(Identity::User("alice@example.com".into()));
    let kept = client.send_json(Method::PUT, path, &json!({"token": secret.expose()})).await;
    assert_eq!((kept.status.as_u16(), kept.json()), (200, json!({"databricks_user": "alice@example.com"})));
    assert_eq!(token(&client, "pipeline-development").await.json()["access_token"], secret.expose());
    let wrong = client.send_json(Method::PUT, path, &json!({"token": "dapi00000000000000000000000000000000"})).await;
    assert_eq!(blamed(&wrong).1, "token");
    assert_eq!(client.send(Method::DELETE, path).await.status, 204);
    assert_eq!(problem(&client.send(Method::DELETE, path).await), (404, "not-found".to_owned()));
    let begun = client.send_json(Method::POST, "/api/v1/fabrics/dev/sign-ins", &json!({})).await;
    assert_eq!(blamed(&begun).1, "fabric");
    service.end().await;
}
