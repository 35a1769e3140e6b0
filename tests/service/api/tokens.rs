//! Access tokens by the API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fabric_auth_tests::{HOUR, HttpClient, ServiceWorld, alice, cluster_admin, team_admin, workload};
use http::Method;
use serde_json::{Value, json};
use simulated_workspace::{Endpoint, Fault, Needle, RetryAfter};

use super::support::{blamed, client_of, principal_secret, problem, sign_in, text, token};

async fn report(client: &HttpClient, token: &Value, rejection: Value) -> fabric_auth_tests::HttpAnswer {
    let body = json!({"activity": "scheduled-run", "reference": token["reference"], "rejection": rejection});
    client.send_json(Method::POST, "/api/v1/fabrics/dev/rejections", &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_says_whose_it_is_and_how_long_it_lasts_and_is_renewed() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &alice()).await;
    sign_in(&service, &client, "dev", "alice@example.com").await;
    let first = token(&client, "pipeline-development").await;
    assert_eq!(first.header("cache-control"), "no-store");
    let first = first.json();
    assert_eq!((&first["token_type"], &first["identity"]), (&json!("Bearer"), &json!("person")));
    assert_eq!(first["databricks_user"], "alice@example.com");
    assert_eq!(first["workspace_url"], service.world.workspace.url());
    assert!((3_000..3_600).contains(&first["expires_in"].as_u64().unwrap()), "{first}");
    assert_eq!(first["reference"]["generation"], 1);
    assert_eq!(token(&client, "on-demand-run").await.json()["access_token"], first["access_token"]);

    service.world.advance(HOUR);
    let second = token(&client, "pipeline-development").await.json();
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(second["reference"]["lineage"], first["reference"]["lineage"]);
    assert_eq!(second["reference"]["generation"], 2);

    let metrics = client.get("/metrics").await.text();
    let served = "fabric_auth_tokens_total{identity=\"person\",outcome=\"served\"} 3";
    assert!(metrics.contains(served), "{metrics}");
    assert!(metrics.contains("route=\"/api/v1/fabrics/{fabric}/access-token\""), "{metrics}");
    assert!(!metrics.contains("dev"), "{metrics}");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_not_served_again() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &workload()).await;
    let first = token(&client, "scheduled-run").await.json();
    assert_eq!(first["identity"], "service-principal");
    let about_permissions = json!({"status": 403, "body": "{\"error_code\":\"PERMISSION_DENIED\",\"message\":\"no\"}"});
    assert_eq!(problem(&report(&client, &first, about_permissions).await).1, "permission-denied");

    let body = STANDARD.encode("{\"error_code\":\"403\",\"message\":\"Invalid access token.\"}");
    let verdict = report(&client, &first, json!({"status": 403, "body_base64": body})).await;
    assert_eq!(verdict.json(), json!({"verdict": "token-rejected"}), "{}", verdict.text());
    let second = token(&client, "scheduled-run").await.json();
    assert_ne!(second["access_token"], first["access_token"]);
    let verdict = report(&client, &first, json!({"status": 401})).await;
    assert_eq!(verdict.json(), json!({"verdict": "already-replaced"}), "{}", verdict.text());
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_must_be_one() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &workload()).await;
    let token = token(&client, "scheduled-run").await.json();
    for (rejection, field) in [
        (json!({"status": 200}), "rejection.status"),
        (json!({"status": 70_000}), "rejection.status"),
        (json!({"status": 401, "body_base64": "*"}), "rejection.body_base64"),
        (json!({"status": 401, "body": "", "body_base64": ""}), "rejection.body_base64"),
    ] {
        assert_eq!(blamed(&report(&client, &token, rejection).await), (400, field.to_owned()));
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_itself_says_when_to_try_again() {
    let service = ServiceWorld::new().await;
    let client = client_of(&service, &workload()).await;
    let throttle = Fault::Throttle { retry_after: RetryAfter::Seconds(17) };
    service.world.workspace.inject_until_cleared(Endpoint::Token, throttle);
    let answer = token(&client, "scheduled-run").await;
    assert_eq!(problem(&answer), (503, "throttled".to_owned()));
    assert_eq!((answer.header("retry-after"), &answer.json()["retry_after"]), ("17", &json!(17)));
    assert_eq!(answer.json()["actor"], "nobody; try again");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_mended_elsewhere_is_told_with_who_mends_it() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    let settings = json!({"kind": "spark", "workspace": service.world.workspace.url(), "team": "data"});
    admin.send_json(Method::PUT, "/api/v1/fabrics/dev", &json!({"settings": settings})).await;
    let client = client_of(&service, &workload()).await;
    let answer = token(&client, "scheduled-run").await;
    assert_eq!(problem(&answer), (424, "service-principal-missing".to_owned()));
    assert_eq!(answer.json()["actor"], "an admin of the fabric's team");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_answer_but_the_tokens_own() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &cluster_admin()).await;
    let person = client_of(&service, &alice()).await;
    sign_in(&service, &person, "dev", "alice@example.com").await;
    let access_token = text(&token(&person, "pipeline-development").await.json(), "access_token");
    let mut answers = Vec::new();
    for path in [
        "/api/v1/authentication-methods",
        "/api/v1/fabrics",
        "/api/v1/fabrics/dev",
        "/api/v1/fabrics/dev/advisories",
        "/api/v1/app-connections",
        "/api/v1/grants",
        "/metrics",
    ] {
        answers.push(admin.get(path).await);
    }
    answers.push(person.get("/api/v1/fabrics/dev/sign-in").await);
    for identity in ["person", "service-principal"] {
        for step in ["discovery", "access-token", "identity", "compute"] {
            let body = json!({"identity": identity, "step": step});
            answers.push(admin.send_json(Method::POST, "/api/v1/fabrics/dev/test-connection", &body).await);
            answers.push(person.send_json(Method::POST, "/api/v1/fabrics/dev/test-connection", &body).await);
        }
    }
    let secret = principal_secret(&service);
    // Secrets where something else should stand.
    for body in [json!({"activity": secret}), json!({"activity": {"token": secret}}), json!([secret])] {
        answers.push(person.send_json(Method::POST, "/api/v1/fabrics/dev/access-token", &body).await);
    }
    let secrets: Vec<String> =
        service.world.workspace.secrets().iter().map(|secret| secret.expose().to_owned()).chain([secret]).collect();
    assert!(secrets.contains(&access_token), "what is searched for is not what was handed out");
    for secret in &secrets {
        let needle = Needle::new(secret);
        for answer in &answers {
            assert!(needle.find(&answer.body).is_none(), "a secret is in {}", answer.status);
        }
    }
    service.end().await;
}
