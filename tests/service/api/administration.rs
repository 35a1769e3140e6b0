//! App connections, grants and sealing by the API.

use fabric_auth_tests::{DEV, HOUR, ServiceWorld, alice, bob, cluster_admin};
use http::Method;
use serde_json::json;

use super::support::{all_pieces, blamed, client_of, problem, sign_in, sum, text, token};

#[tokio::test(flavor = "multi_thread")]
async fn an_app_connection_is_set_shown_and_removed() {
    let service = ServiceWorld::bare().await;
    let admin = client_of(&service, &cluster_admin()).await;
    assert_eq!(admin.get("/api/v1/app-connections").await.json(), json!({"app_connections": []}));
    let client_secret = service.world.app_secret().unwrap();
    let set = json!({
        "settings": {"client_id": service.world.app.client_id, "confidential": true, "refresh_token_lifetime": 86_400},
        "client_secret": secrecy::ExposeSecret::expose_secret(&client_secret),
    });
    let answer = admin.send_json(Method::PUT, "/api/v1/app-connections/main", &set).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{}", answer.text());
    let shown = admin.get("/api/v1/app-connections").await.json();
    let main = &shown["app_connections"][0];
    assert_eq!((&main["name"], &main["has_client_secret"]), (&json!("main"), &json!(true)));
    assert_eq!((&main["settings"]["default"], &main["built_in"]), (&json!(true), &json!(false)));
    assert_eq!(main["settings"]["refresh_token_lifetime"], 86_400);

    // What was read can be sent back, and the secret stays.
    let again = json!({"settings": main["settings"]});
    assert_eq!(admin.send_json(Method::PUT, "/api/v1/app-connections/main", &again).await.status, 204);
    service.world.put_dev_fabric().await;
    let person = client_of(&service, &alice()).await;
    assert_eq!(sign_in(&service, &person, DEV, "alice@example.com").await.status, 200);

    assert_eq!(admin.send(Method::DELETE, "/api/v1/app-connections/main").await.status, 204);
    assert_eq!(problem(&admin.send(Method::DELETE, "/api/v1/app-connections/main").await).1, "not-found");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_refused_is_named_as_it_was_sent() {
    let service = ServiceWorld::bare().await;
    let admin = client_of(&service, &cluster_admin()).await;
    let path = "/api/v1/app-connections/main";
    for (path, body, field) in [
        (path, json!({"settings": {"client_id": "", "confidential": false}}), "settings.client_id"),
        (path, json!({"settings": {"client_id": "a", "confidential": true}}), "client_secret"),
        ("/api/v1/app-connections/no%20blanks", json!({"settings": {"client_id": "a", "confidential": false}}), "name"),
        (
            path,
            json!({"settings": {"client_id": "a", "confidential": false, "refresh_token_lifetime": u64::MAX}}),
            "settings.refresh_token_lifetime",
        ),
    ] {
        assert_eq!(blamed(&admin.send_json(Method::PUT, path, &body).await), (400, field.to_owned()));
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_listed_and_ended() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &cluster_admin()).await;
    let (alice, bob) = (client_of(&service, &alice()).await, client_of(&service, &bob()).await);
    sign_in(&service, &alice, DEV, "alice@example.com").await;
    sign_in(&service, &bob, DEV, "bob@example.com").await;
    let page = admin.get("/api/v1/grants").await.json();
    let grants = page["grants"].as_array().unwrap();
    assert_eq!((grants.len(), page.get("next")), (2, None), "{page}");
    let alices = grants.iter().find(|grant| grant["user"] == "alice").unwrap();
    assert_eq!(alices["databricks_user"], "alice@example.com");
    assert_eq!((&alices["generation"], alices.get("required")), (&json!(1), None));

    let end = "/api/v1/grants/end";
    let one = json!({"selection": {"grant": text(alices, "grant")}});
    assert_eq!(sum(&all_pieces(&admin, end, Some(&one)).await, "ended"), 1);
    assert_eq!(problem(&admin.send_json(Method::POST, end, &one).await), (404, "not-found".to_owned()));
    let missing = json!({"selection": {"of_fabric": "missing"}});
    assert_eq!(problem(&admin.send_json(Method::POST, end, &missing).await).1, "not-found");
    for selection in [json!({"of_user": "bob"}), json!({"of_fabric": DEV}), json!({"all": true})] {
        sign_in(&service, &bob, DEV, "bob@example.com").await;
        let ended = all_pieces(&admin, end, Some(&json!({"selection": selection}))).await;
        assert_eq!(sum(&ended, "ended"), 1, "{selection}");
        service.world.advance(std::time::Duration::from_secs(6));
        assert_eq!(token(&bob, "pipeline-development").await.json()["reason"], "signed-out", "{selection}");
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_is_one_of_those_there_are() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &cluster_admin()).await;
    for selection in [
        json!({}),
        json!({"grant": "a", "of_user": "b"}),
        json!({"of_user": "b", "all": true}),
        json!({"all": false}),
        json!({"everybody": true}),
        json!({"of_user": ""}),
        json!("all"),
        json!(null),
    ] {
        let answer = admin.send_json(Method::POST, "/api/v1/grants/end", &json!({"selection": selection})).await;
        assert!(blamed(&answer).1.starts_with("selection"), "{selection}: {}", answer.text());
    }
    let page = admin.get("/api/v1/grants?after=nonsense").await;
    assert_eq!(blamed(&page).1, "after");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_sealed_anew_and_checked_after_a_restore() {
    let service = ServiceWorld::new().await;
    let admin = client_of(&service, &cluster_admin()).await;
    let person = client_of(&service, &alice()).await;
    sign_in(&service, &person, DEV, "alice@example.com").await;
    let sealed = all_pieces(&admin, "/api/v1/reseal", None).await;
    assert_eq!((sum(&sealed, "resealed"), sum(&sealed, "unreadable"), sum(&sealed, "skipped")), (0, 0, 0));
    let records = sum(&sealed, "current");
    assert!(records >= 3, "{sealed:?}");
    service.world.keys.rotate().unwrap();
    let sealed = all_pieces(&admin, "/api/v1/reseal", None).await;
    assert_eq!((sum(&sealed, "resealed"), sum(&sealed, "current")), (records, 0), "{sealed:?}");

    let checked = all_pieces(&admin, "/api/v1/restore-check", None).await;
    assert_eq!((sum(&checked, "looked_at"), sum(&checked, "marked"), sum(&checked, "unreadable")), (1, 0, 0));
    service.world.advance(HOUR);
    let checked = all_pieces(&admin, "/api/v1/restore-check", None).await;
    assert_eq!((sum(&checked, "looked_at"), sum(&checked, "marked")), (1, 1));
    assert_eq!(token(&person, "pipeline-development").await.json()["reason"], "outcome-unknown");
    for path in ["/api/v1/reseal?after=nonsense", "/api/v1/restore-check?after=nonsense"] {
        assert_eq!(blamed(&admin.send(Method::POST, path).await).1, "after");
    }
    service.end().await;
}
