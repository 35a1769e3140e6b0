//! A sign-in between its two halves: what somebody who can write the store, and has no keys, can do to it.

use fabric_auth::contract::Error;
use fabric_auth::storage::{Precondition, Storage as _, UPON_WRITING, WriteOutcome};
use fabric_auth_tests::{World, alice};
use serde_json::{Value, json};
use simulated_workspace::{Settings, SimulatedWorkspace};

/// Changes the one sign-in that is pending.
async fn change(world: &World, change: impl FnOnce(&mut Value)) {
    let storage = world.database.storage();
    let page = storage.list("sign-in/", None, 10).await.unwrap();
    let [(key, entry)] = page.entries.try_into().unwrap();
    let mut record: Value = serde_json::from_slice(&entry.value).unwrap();
    change(&mut record);
    let (value, precondition) = (record.to_string().into_bytes(), Precondition::Revision(entry.revision));
    let outcome = storage.put(&key, value, None, precondition, UPON_WRITING).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Written(_)));
}

/// PB-077, PB-081: code and verifier go where the sign-in was begun, or nowhere.
#[tokio::test]
async fn a_sign_in_that_was_changed_in_the_store_is_not_completed_and_nothing_is_sent() {
    let world = World::new().await;
    let elsewhere = SimulatedWorkspace::start(Settings::default()).await.unwrap();
    let at = |path: &str| json!(format!("{}{path}", elsewhere.url()));
    let changes = [
        ("fabric", json!("other")),
        ("workspace", at("")),
        ("workspace_id", json!("12")),
        ("issuer", at("/oidc")),
        ("token_endpoint", at("/oidc/v1/token")),
        ("issuer_required", json!(true)),
        ("app_connection", json!("other")),
        ("client_id", json!("other")),
        ("redirect_url", json!("https://evil.example/callback")),
        ("scopes", json!(["all-apis"])),
        ("lineage", json!("other")),
    ];
    for (member, value) in changes {
        let (url, binding) = world.begin(&alice()).await;
        let callback = world.callback(&url, "alice@example.com").await;
        change(&world, |record| record[member] = value).await;
        let error = world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap_err();
        assert!(matches!(&error, Error::Internal(_)), "{member}: {error:?}");
        assert!(error.message().contains("changed in the store"), "{member}: {error}");
    }
    for books in [world.books(), elsewhere.books()] {
        assert!(books.token_requests.is_empty() && books.api_calls.is_empty());
    }
}

/// What the test above does to a record is not by itself what ends a sign-in.
#[tokio::test]
async fn a_sign_in_that_was_rewritten_as_it_was_is_completed() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    change(&world, |_| ()).await;
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
}
