//! Fabrics as resources.

use fabric_auth_tests::{HttpClient, ServiceWorld, alice, cluster_admin, team_admin};
use http::Method;
use serde_json::{Value, json};

use super::support::{after, blamed, client_of, fabric, principal_secret, problem, settings, text};

/// Does every step of Test Connection that there is to do, and gives each with its problem's case.
async fn steps(client: &HttpClient, path: &str, mut request: Value) -> Vec<(String, Option<String>)> {
    let mut steps = Vec::new();
    for _ in 0..10 {
        let answer = client.send_json(Method::POST, path, &request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tested = answer.json();
        steps.push((text(&tested, "step"), tested["problem"]["case"].as_str().map(str::to_owned)));
        match tested.get("next") {
            Some(next) => request["step"] = next.clone(),
            None => return steps,
        }
    }
    panic!("it does not end: {steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_is_created_read_replaced_and_removed() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    let path = "/api/v1/fabrics/nightly";
    let create = json!({"expected_revision": 0, "settings": settings(&service),
        "service_principal_secret": principal_secret(&service)});
    let created = admin.send_json(Method::PUT, path, &create).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let created = created.json();
    assert_eq!((&created["name"], &created["has_service_principal_secret"]), (&json!("nightly"), &json!(true)));
    assert_eq!(created["settings"]["authentication"], "oauth");
    assert_eq!(admin.get(path).await.json(), created);
    assert_eq!(problem(&admin.send_json(Method::PUT, path, &create).await), (409, "conflict".to_owned()));

    // What was read can be sent back.
    let mut replace = json!({"settings": created["settings"], "expected_revision": created["revision"]});
    replace["settings"]["service_principal_secret_expires_in"] = json!(864_000);
    let replaced = admin.send_json(Method::PUT, path, &replace).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    let left = admin.get(path).await.json()["settings"]["service_principal_secret_expires_in"].as_u64().unwrap();
    assert!((863_900..=864_000).contains(&left), "{left}");
    assert_eq!(problem(&admin.send_json(Method::PUT, path, &replace).await).1, "conflict");

    assert_eq!(admin.send(Method::DELETE, path).await.status, 204);
    assert_eq!(problem(&admin.get(path).await), (404, "not-found".to_owned()));
    let unguarded = admin.send_json(Method::PUT, path, &fabric(&service)).await;
    assert_eq!(unguarded.status, 201, "{}", unguarded.text());
    assert_eq!(admin.send_json(Method::PUT, path, &fabric(&service)).await.status, 200);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_put_would_say_and_writes_nothing() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    let check = admin.send_json(Method::POST, "/api/v1/fabrics/new/check", &fabric(&service)).await;
    assert_eq!((check.status.as_u16(), check.body.len()), (204, 0), "{}", check.text());
    assert_eq!(problem(&admin.get("/api/v1/fabrics/new").await).1, "not-found");

    let mut wrong = fabric(&service);
    wrong["settings"]["workspace"] = json!("https://databricks.example.com");
    let path = "/api/v1/fabrics/new";
    let refused = admin.send_json(Method::POST, &format!("{path}/check"), &wrong).await;
    assert_eq!(blamed(&refused), (400, "settings.workspace".to_owned()));
    assert_eq!(admin.send_json(Method::PUT, path, &wrong).await.json(), refused.json());
    wrong["settings"]["service_principal_client_id"] = Value::Null;
    wrong["settings"]["workspace"] = json!(service.world.workspace.url());
    assert_eq!(blamed(&admin.send_json(Method::PUT, path, &wrong).await).0, 400);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_in_pieces() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    let body = json!({"settings": {"kind": "sql", "workspace": service.world.workspace.url(), "team": "data"}});
    for number in 0..105 {
        let path = format!("/api/v1/fabrics/f{number}");
        assert_eq!(admin.send_json(Method::PUT, &path, &body).await.status, 201);
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/fabrics".to_owned();
    let mut pieces = 0;
    loop {
        let page = admin.get(&path).await.json();
        names.extend(page["fabrics"].as_array().unwrap().iter().map(|fabric| text(fabric, "name")));
        pieces += 1;
        assert!(pieces < 10, "it does not end");
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/fabrics?{}", after(next));
    }
    names.sort();
    names.dedup();
    assert_eq!((names.len(), pieces > 1), (106, true));
    assert_eq!(blamed(&admin.get("/api/v1/fabrics?after=nonsense").await).1, "after");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_tested_step_by_step() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &team_admin()).await;
    let passed = |steps: [&str; 4]| steps.map(|step| (step.to_owned(), None)).to_vec();
    let all = passed(["discovery", "access-token", "identity", "compute"]);
    let stored = steps(&admin, "/api/v1/fabrics/dev/test-connection", json!({"identity": "service-principal"})).await;
    assert_eq!(stored, all);

    let unsaved = json!({"fabric": "new", "identity": "service-principal", "settings": settings(&service),
        "service_principal_secret": principal_secret(&service)});
    assert_eq!(steps(&admin, "/api/v1/test-connection", unsaved).await, all);

    // The person has not signed in: a step that fails is an ordinary answer.
    let person = steps(&admin, "/api/v1/fabrics/dev/test-connection", json!({"identity": "person"})).await;
    assert_eq!(person[1], ("access-token".to_owned(), Some("sign-in-required".to_owned())));
    assert_eq!(person.len(), 2);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told() {
    let service = ServiceWorld::bare().await;
    let admin = client_of(&service, &team_admin()).await;
    let offer = admin.get("/api/v1/authentication-methods").await.json();
    assert_eq!((&offer["registration"], &offer["session_lifetime"]), (&json!("needed"), &json!(604_800)));
    let oauth = &offer["methods"][0];
    assert_eq!((&oauth["method"], &oauth["problem"]["case"]), (&json!("oauth"), &json!("app-connection-missing")));

    let body = json!({"settings": {"kind": "sql", "workspace": service.world.workspace.url(), "team": "data"}});
    assert_eq!(admin.send_json(Method::PUT, "/api/v1/fabrics/dev", &body).await.status, 201);
    let kinds = |answer: Value| {
        let advisories = answer["advisories"].as_array().unwrap().iter();
        advisories.map(|advisory| text(advisory, "kind")).collect::<Vec<_>>()
    };
    let mut told = kinds(admin.get("/api/v1/fabrics/dev/advisories").await.json());
    told.sort();
    assert_eq!(told, ["missing-app-connection", "missing-service-principal"]);

    service.world.set_app_connection().await;
    service.world.put_dev_fabric().await;
    let member = client_of(&service, &alice()).await;
    assert!(kinds(member.get("/api/v1/fabrics/dev/advisories").await.json()).is_empty());
    let job = member.get("/api/v1/fabrics/dev/advisories?run_as=bob%40example.com").await.json();
    assert_eq!(kinds(job), ["run-as-replaced"]);
    assert_eq!(blamed(&member.get("/api/v1/fabrics/dev/advisories?run_as=").await).1, "run_as");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fabrics_may_have_any_name() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &cluster_admin()).await;
    let body = json!({"settings": {"kind": "sql", "workspace": service.world.workspace.url(), "team": "data"}});
    for (segment, name) in [
        ("..", ".."),
        ("%2e%2E", ".."),
        (".", "."),
        ("new", "new"),
        ("check", "check"),
        ("a%2Fb", "a/b"),
        ("%C3%BCbung%20%F0%9F%A7%B1", "übung 🧱"),
        ("50%25", "50%"),
        ("a%3Fb%23c", "a?b#c"),
        ("openapi.json", "openapi.json"),
    ] {
        let path = format!("/api/v1/fabrics/{segment}");
        let put = admin.send_json(Method::PUT, &path, &body).await;
        assert!(put.status.is_success(), "{segment}: {}", put.text());
        assert_eq!(put.json()["name"], name, "{segment}");
        assert_eq!(admin.get(&path).await.json()["name"], name, "{segment}");
        assert_eq!(admin.get(&format!("{path}/advisories")).await.status, 200, "{segment}");
        assert_eq!(admin.send(Method::DELETE, &path).await.status, 204, "{segment}");
    }
    service.end().await;
}
