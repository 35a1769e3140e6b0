//! Callers of the API, and what they send.

use fabric_auth::contract::Caller;
use fabric_auth_tests::{HttpAnswer, HttpClient, ServiceWorld, TEAM};
use http::Method;
use serde_json::{Value, json};

/// A client with an API token of a user who is made for it.
pub(super) async fn client_of(service: &ServiceWorld, caller: &Caller) -> HttpClient {
    let token = service.api_token(caller).await;
    HttpClient::new(&service.base_url).with_token(&token)
}

/// The settings of a fabric of the team, with the service principal of the workspace.
pub(super) fn settings(service: &ServiceWorld) -> Value {
    let world = &service.world;
    json!({
        "kind": "spark",
        "workspace": world.workspace.url(),
        "team": TEAM,
        "service_principal_client_id": world.principal.application_id,
    })
}

/// What creates such a fabric.
pub(super) fn fabric(service: &ServiceWorld) -> Value {
    json!({"settings": settings(service), "service_principal_secret": principal_secret(service)})
}

/// The service principal's secret.
pub(super) fn principal_secret(service: &ServiceWorld) -> String {
    service.world.principal.secret().expect("a secret").expose().to_owned()
}

/// Signs a person in to the fabric, from beginning to end, and gives the answer to that.
pub(super) async fn sign_in(service: &ServiceWorld, client: &HttpClient, fabric: &str, user_name: &str) -> HttpAnswer {
    let begun = client.send_json(Method::POST, &format!("/api/v1/fabrics/{fabric}/sign-ins"), &json!({})).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let begun = begun.json();
    let url = text(&begun, "authorization_url");
    let callback = service.world.callback(&url, user_name).await;
    let query = secrecy::ExposeSecret::expose_secret(&callback);
    let complete = json!({"callback_query": query, "binding": begun["binding"]});
    client.send_json(Method::POST, "/api/v1/sign-ins/complete", &complete).await
}

/// Posts until there is no next piece, and gives all answers.
pub(super) async fn all_pieces(client: &HttpClient, path: &str, body: Option<&Value>) -> Vec<Value> {
    let mut pieces: Vec<Value> = Vec::new();
    let mut target = path.to_owned();
    loop {
        let answer = match body {
            Some(body) => client.send_json(Method::POST, &target, body).await,
            None => client.send(Method::POST, &target).await,
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
        pieces.push(answer.json());
        assert!(pieces.len() < 100, "{path} does not end");
        match answer.json()["next"].as_str() {
            Some(next) => target = format!("{path}?{}", after(next)),
            None => return pieces,
        }
    }
}

/// The query that goes on with a listing.
pub(super) fn after(next: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("after", next).finish()
}

/// The sum of a member of all pieces.
pub(super) fn sum(pieces: &[Value], member: &str) -> u64 {
    pieces.iter().map(|piece| piece[member].as_u64().unwrap_or_else(|| panic!("no {member} in {piece}"))).sum()
}

/// Asks for an access token for the fabric `dev`.
pub(super) async fn token(client: &HttpClient, activity: &str) -> HttpAnswer {
    client.send_json(Method::POST, "/api/v1/fabrics/dev/access-token", &json!({"activity": activity})).await
}

/// A member that is text.
pub(super) fn text(body: &Value, member: &str) -> String {
    body[member].as_str().unwrap_or_else(|| panic!("{member} is no text in {body}")).to_owned()
}

/// Status and case of an answer that must be a problem detail.
pub(super) fn problem(answer: &HttpAnswer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["status"], answer.status.as_u16(), "{body}");
    assert_eq!(body["type"], format!("urn:prophecy:fabric-auth:error:{}", text(&body, "case")), "{body}");
    assert!(!text(&body, "detail").is_empty() && !text(&body, "actor").is_empty(), "{body}");
    (answer.status.as_u16(), text(&body, "case"))
}

/// The same with the member that is to blame.
pub(super) fn blamed(answer: &HttpAnswer) -> (u16, String) {
    let (status, case) = problem(answer);
    assert_eq!(case, "invalid-input", "{}", answer.text());
    (status, text(&answer.json(), "field"))
}
