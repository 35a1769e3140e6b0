//! Probes and figures: what they tell, and to whom.

use fabric_auth::service::User;
use fabric_auth_tests::{HttpClient, ServiceWorld, alice, member, workload};
use http::StatusCode;

use crate::browser::Browser;

#[tokio::test]
async fn probes_are_answered_to_anybody_and_tell_nothing_of_anybody() {
    let service = ServiceWorld::new().await;
    service.api_token(&member("canary-user")).await;
    let client = HttpClient::new(&service.base_url);
    let health = client.get("/healthz").await;
    assert_eq!((health.status, health.text()), (StatusCode::OK, String::new()));
    let ready = client.get("/readyz").await;
    let all = serde_json::json!({ "ready": true, "store": true, "keys": true, "component": true });
    assert_eq!((ready.status, ready.json()), (StatusCode::OK, all));
    service.end().await;
}

#[tokio::test]
async fn without_its_store_the_service_runs_and_is_not_ready() {
    let service = ServiceWorld::new().await;
    let client = HttpClient::new(&service.base_url);
    let browser = Browser::signed_in(&service, &alice()).await;
    let api_token = service.users().issue_api_token("alice", None).await.unwrap();
    service.world.database.close().await;
    assert_eq!(client.get("/healthz").await.status, StatusCode::OK);
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&ready.json()["ready"], &ready.json()["store"]), (&false.into(), &false.into()));
    // Who cannot be looked up is not taken for nobody, and not for somebody either.
    let answer = client.with_token(&api_token).get("/metrics").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    service.world.advance(std::time::Duration::from_secs(5));
    let page = browser.get("/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{page:?}");
    assert!(!page.text().contains(&service.world.folder().display().to_string()), "{page:?}");
    service.end().await;
}

#[tokio::test]
async fn figures_are_for_whoever_has_an_api_token() {
    let service = ServiceWorld::new().await;
    let client = HttpClient::new(&service.base_url);
    let refused = client.get("/metrics").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"fabric-auth\"");
    let session = Browser::signed_in(&service, &alice()).await;
    assert_eq!(session.get("/metrics").await.status, StatusCode::UNAUTHORIZED, "a console session is none");
    for value in ["Bearer", "Bearer ", "Basic YTpi", "fabric_auth_x", "Bearer a b"] {
        let answer = client.with_header("authorization", value).get("/metrics").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value:?}");
    }
    let api_token = service.api_token(&workload()).await;
    let answer = client.with_token(&api_token).get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{answer:?}");
    let twice = client.with_token(&api_token).with_token(&api_token).get("/metrics").await;
    assert_eq!(twice.status, StatusCode::UNAUTHORIZED, "of two tokens neither is believed");
    service.end().await;
}

#[tokio::test]
async fn figures_name_nobody_and_nothing_of_theirs() {
    let service = ServiceWorld::new().await;
    let (person, fabric, team) = ("canary-person", "canary-fabric", "canary-team");
    let user = User { name: person.into(), email: Some("canary-address@example.com".into()), ..of(team) };
    service.users().add(&user).await.unwrap();
    let api_token = service.users().issue_api_token(person, None).await.unwrap();
    let browser = Browser::new(&service);
    browser.sign_in(&api_token).await;
    for path in [
        format!("/fabric?name={fabric}"),
        format!("/connect?fabric={fabric}&next=/canary-next"),
        format!("/editors/pipeline?fabric={fabric}"),
        format!("/canary-path/{fabric}"),
        "/api/databricks/oauthredirect?state=canary-state&code=canary-code".to_owned(),
    ] {
        browser.get(&path).await;
    }
    let unusual = http::Method::from_bytes(b"CANARYMETHOD").unwrap();
    browser.send(unusual, "/", &[], "").await;
    let figures = HttpClient::new(&service.base_url).with_token(&api_token).get("/metrics").await.text();
    assert!(figures.contains("fabric_auth_requests_total") && figures.ends_with("# EOF\n"), "{figures}");
    let workspace = service.world.workspace.url().trim_start_matches("http://");
    for word in ["canary", "CANARY", workspace, &service.world.app.client_id, "fabric=", "state="] {
        assert!(!figures.contains(word), "{word} is in {figures}");
    }
    service.end().await;
}

fn of(team: &str) -> User {
    let caller = alice();
    let mut teams = caller.teams.clone();
    teams[0].team = team.to_owned();
    User { name: caller.user, kind: caller.kind, email: None, cluster_admin: true, teams }
}
