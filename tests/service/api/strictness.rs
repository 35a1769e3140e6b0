//! What cannot be meant is refused, with a problem detail that names it.

use fabric_auth_tests::{HttpClient, ServiceWorld, cluster_admin, team_admin};
use http::Method;
use serde_json::{Value, json};

use super::support::{blamed, client_of, fabric, problem};

/// The secret that none of the answers may repeat.
const SECRET: &str = "dose-of-s3cret";

async fn put(client: &HttpClient, body: &Value) -> (u16, String) {
    let answer = client.send_json(Method::PUT, "/api/v1/fabrics/dev", body).await;
    assert!(!answer.text().contains(SECRET), "{}", answer.text());
    blamed(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_unknown_missing_or_of_another_type_are_named() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    for (member, value) in [
        ("settings.kind", json!("cluster")),
        ("settings.kind", json!(1)),
        ("settings.workspace", json!([SECRET])),
        ("settings.team", Value::Null),
        ("settings.scopes", json!(SECRET)),
        ("settings.scopes[1]", json!(["sql", 2])),
        ("settings.service_principal_secret_expires_in", json!(-1)),
        ("settings.service_principal_secret_expires_in", json!(1.5)),
        ("settings.name", json!("dev")),
        ("settings.service_principal_secret", json!(SECRET)),
        ("service_principal_secret", json!({"secret": SECRET})),
        ("expected_revision", json!("1")),
        ("expected_revision", json!(1e300)),
        ("secret", json!(SECRET)),
        ("settings", json!([SECRET])),
        ("settings", json!(SECRET)),
    ] {
        let mut body = fabric(&service);
        let name = member.split('[').next().unwrap();
        match name.strip_prefix("settings.") {
            Some(setting) => body["settings"][setting] = value,
            None => body[name] = value,
        }
        assert_eq!(put(&admin, &body).await, (400, member.to_owned()));
    }
    let mut missing = fabric(&service);
    missing["settings"].as_object_mut().unwrap().remove("team");
    assert_eq!(put(&admin, &missing).await.1, "settings.team");
    assert_eq!(put(&admin, &json!({})).await.1, "settings");
    for no_object in [json!([]), json!(SECRET), json!(null), json!(7)] {
        assert_eq!(put(&admin, &no_object).await.1, "body");
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_must_be_json_and_say_so() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    let path = "/api/v1/fabrics/dev/check";
    let body = fabric(&service).to_string();
    assert_eq!(problem(&admin.send_body(Method::POST, path, body.clone()).await).0, 415);
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "*/*"] {
        let client = admin.with_header("content-type", media_type);
        assert_eq!(problem(&client.send_body(Method::POST, path, body.clone()).await).0, 415, "{media_type}");
    }
    let json = admin.with_header("content-type", "application/json; charset=utf-8");
    assert_eq!(json.send_body(Method::POST, path, body.clone()).await.status, 204);
    for wrong in ["", "{", "{\"settings\":", &format!("{body}{body}"), &format!("{body}x"), "\u{feff}{}", "nul"] {
        assert_eq!(blamed(&json.send_body(Method::POST, path, wrong.to_owned()).await).1, "body", "{wrong}");
    }
    let not_utf8 = [b"{\"settings\":{\"team\":\"".as_slice(), &[0xff, 0xfe], b"\"}}"].concat();
    assert_eq!(blamed(&json.send_body(Method::POST, path, not_utf8).await).0, 400);
    let deep = format!("{{\"settings\":{}", "[".repeat(20_000));
    assert_eq!(blamed(&json.send_body(Method::POST, path, deep).await).0, 400);
    let twice = body.replacen("\"settings\"", "\"settings\":{},\"settings\"", 1);
    assert_eq!(blamed(&json.send_body(Method::POST, path, twice).await).0, 400);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_body_is_not_read() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await.with_header("content-type", "application/json");
    let body = format!("{{\"settings\":\"{}\"}}", "a".repeat(70_000));
    assert_eq!(problem(&admin.send_body(Method::PUT, "/api/v1/fabrics/dev", body).await).0, 413);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_or_query_must_be_encoded_as_it_should_be() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &cluster_admin()).await;
    for segment in ["%zz", "%", "%2", "a%ff", "%C3%28", "%C3%BC%"] {
        let answer = admin.get(&format!("/api/v1/fabrics/{segment}")).await;
        assert_eq!(blamed(&answer), (400, "path".to_owned()), "{segment}");
    }
    for (query, field) in [
        ("after=%zz", "query"),
        ("after=%ff", "query"),
        ("after=a&after=b", "after"),
        ("before=a", "before"),
        ("after=a&limit=1", "limit"),
        ("%61fter=nonsense", "after"),
        ("", ""),
    ] {
        let answer = admin.get(&format!("/api/v1/grants?{query}")).await;
        if field.is_empty() {
            assert_eq!(answer.status, 200);
        } else {
            assert_eq!(blamed(&answer), (400, field.to_owned()), "{query}");
        }
    }
    for name in ["%00", "%0A", "a%07b", &"a".repeat(129)] {
        assert_eq!(blamed(&admin.get(&format!("/api/v1/fabrics/{name}")).await), (400, "fabric".to_owned()), "{name}");
    }
    let put = admin.send_json(Method::PUT, &format!("/api/v1/fabrics/{}", "a".repeat(129)), &fabric(&service)).await;
    assert_eq!(blamed(&put).1, "fabric");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_is_shown_once_and_as_a_bearer_token() {
    let service = ServiceWorld::bare().await;
    let token = service.api_token(&cluster_admin()).await;
    let token = secrecy::ExposeSecret::expose_secret(&token);
    let anybody = HttpClient::new(&service.base_url);
    let bearer = format!("Bearer {token}");
    for (name, client) in [
        ("another scheme", anybody.with_header("authorization", &format!("Basic {token}"))),
        ("no scheme", anybody.with_header("authorization", token)),
        ("two of them", anybody.with_header("authorization", &bearer).with_header("authorization", &bearer)),
        ("a cookie", anybody.with_header("cookie", &format!("fabric_auth_session={token}"))),
        ("another header", anybody.with_header("x-api-key", token)),
    ] {
        assert_eq!(problem(&client.get("/api/v1/fabrics").await).0, 401, "{name}");
    }
    assert_eq!(problem(&anybody.get(&format!("/api/v1/fabrics?access_token={token}")).await).0, 401);
    assert_eq!(
        anybody.with_header("authorization", &bearer.replace("Bearer", "bearer")).get("/api/v1/fabrics").await.status,
        200
    );
    service.end().await;
}
