//! Replacing the app connection's client secret: in force at once, and nobody is stopped by one that is wrong or that
//! Databricks does not know yet.

use std::time::Duration;

use fabric_auth::contract::administration::{AppConnectionDescription, AppConnectionSettings};
use fabric_auth::contract::databricks_oauth::AdvisoryKind;
use fabric_auth::journal::{Action, Outcome};
use fabric_auth::keys::SealedUnder;
use fabric_auth_tests::{DEV, HOUR, World, alice, app_settings, cluster_admin};
use serde_json::Value;
use simulated_workspace::{Endpoint, Fault, Secret};

use crate::support::{case_of, journaled, only_key, overwrite, signed_in};

/// A secret that Databricks does not take, or not yet.
const NEW: &str = "dose-the-next-one";

async fn enter(world: &World, secret: &str) {
    world.host.set_app_connection(&cluster_admin(), app_settings(&world.app), Some(&secret.into())).await.unwrap();
}

async fn described(world: &World) -> AppConnectionDescription {
    world.host.describe_app_connections(&cluster_admin()).await.unwrap().remove(0)
}

/// What Databricks takes from now on.
fn taken(world: &World, secrets: &[&str]) {
    world.workspace.change_app(&world.app.client_id, |app| {
        app.client_secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    });
}

async fn generation_an_hour_later(world: &World) -> u64 {
    world.advance(HOUR);
    world.token(&alice()).await.unwrap().1.reference.generation
}

async fn refusals(world: &World) -> usize {
    journaled(world, Action::AppConnectionSecretRefused).await.len()
}

/// PB-027 is changed by intent: the former pair is the fallback until the new one has worked.
#[tokio::test]
async fn a_secret_that_databricks_does_not_know_yet_stops_nobody_and_is_reported() {
    let world = signed_in().await;
    enter(&world, NEW).await;
    let described_before = described(&world).await;
    assert!(described_before.has_previous_secret && !described_before.client_secret_refused);
    assert_eq!(generation_an_hour_later(&world).await, 2);
    assert_eq!((world.refreshes(), world.books().reuses()), (2, 0), "one with each secret");

    let [refused] = journaled(&world, Action::AppConnectionSecretRefused).await.try_into().unwrap();
    assert_eq!((refused.actor.as_str(), refused.workspace.as_deref()), ("host", Some(world.workspace.url())));
    assert_eq!(refused.outcome, Outcome::Failed("app-rejected".into()));
    assert!(described(&world).await.client_secret_refused);
    let advisories = world.host.advisories(&alice(), DEV).await.unwrap();
    assert_eq!(
        advisories.iter().map(|advisory| advisory.kind).collect::<Vec<_>>(),
        [AdvisoryKind::RefusedClientSecret]
    );
    assert!(advisories[0].message.contains("cluster admin"), "{advisories:?}");
    assert_eq!(generation_an_hour_later(&world).await, 3);
    assert_eq!(refusals(&world).await, 1, "it is told once");

    taken(&world, &[NEW]);
    assert_eq!(generation_an_hour_later(&world).await, 4);
    assert_eq!(world.refreshes(), 5, "the new one at the first try");
    let described_after = described(&world).await;
    assert!(!described_after.has_previous_secret && !described_after.client_secret_refused);
    assert_eq!(world.host.advisories(&alice(), DEV).await.unwrap(), []);
}

/// PB-025, PB-026: changed by intent; nothing waits for a restart, and a sign-in under way is not hurt.
#[tokio::test]
async fn a_sign_in_under_way_survives_a_new_secret_that_is_known_not_yet_known_or_wrong() {
    for (at_databricks, requests) in [(Some(NEW), 1), (None, 2)] {
        let world = World::new().await;
        let (url, binding) = world.begin(&alice()).await;
        let callback = world.callback(&url, "alice@example.com").await;
        if let Some(secret) = at_databricks {
            taken(&world, &[secret]);
        }
        enter(&world, NEW).await;
        world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
        assert_eq!(world.books().grant("authorization_code").requests, requests);
        assert_eq!(refusals(&world).await, usize::from(at_databricks.is_none()));
        assert_eq!(described(&world).await.has_previous_secret, at_databricks.is_none());
        world.token(&alice()).await.unwrap();
        world.end().await;
    }
}

#[tokio::test]
async fn whoever_mistypes_a_secret_twice_still_has_the_one_that_works() {
    let world = signed_in().await;
    for wrong in ["dose-mistyped", "dose-mistyped-again"] {
        enter(&world, wrong).await;
    }
    assert_eq!(generation_an_hour_later(&world).await, 2);
    enter(&world, "dose-mistyped-a-third-time").await;
    assert!(!described(&world).await.client_secret_refused, "of this one nothing is known yet");
    assert_eq!(generation_an_hour_later(&world).await, 3);
    assert_eq!(refusals(&world).await, 2);
    world.set_app_connection().await;
    assert_eq!(generation_an_hour_later(&world).await, 4);
    assert!(!described(&world).await.has_previous_secret);
}

#[tokio::test]
async fn a_secret_that_has_worked_has_no_fallback_any_more() {
    let world = signed_in().await;
    let former = world.app.client_secret().unwrap().expose().to_owned();
    taken(&world, &[&former, NEW]);
    enter(&world, NEW).await;
    assert_eq!(generation_an_hour_later(&world).await, 2);
    taken(&world, &[&former]);
    world.advance(HOUR);
    assert_eq!(case_of(world.token(&alice()).await), "app-rejected");
    assert_eq!((world.refreshes(), refusals(&world).await), (2, 0));
    assert_eq!(world.host.sign_in_status(&alice(), DEV).await.unwrap().required, None, "nobody's grant was touched");
}

#[tokio::test]
async fn only_a_well_formed_invalid_client_is_answered_with_the_previous_secret() {
    let world = signed_in().await;
    let reply = |code: u16, body: &str| Fault::Status {
        code,
        body: body.to_owned(),
        content_type: Some("application/json".into()),
        headers: Vec::new(),
    };
    for (number, fault) in [
        reply(401, r#"{"error":"unauthorized_client"}"#),
        reply(401, r#"{"error":"invalid_grant","error_description":"Invalid Client"}"#),
        reply(401, "invalid_client: Client authentication failed"),
    ]
    .into_iter()
    .enumerate()
    {
        enter(&world, NEW).await;
        world.advance(HOUR);
        world.workspace.inject(Endpoint::Token, fault);
        assert_eq!(case_of(world.token(&alice()).await), "app-rejected");
        assert_eq!(world.refreshes(), number as u64 + 1);
    }
    assert_eq!(refusals(&world).await, 0);
}

#[tokio::test]
async fn what_the_second_request_is_answered_decides_over_the_grant() {
    let world = signed_in().await;
    enter(&world, NEW).await;
    world.advance(HOUR);
    let refused = r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#;
    world.workspace.inject(Endpoint::Token, Fault::json(401, &serde_json::from_str(refused).unwrap()));
    world.workspace.inject(Endpoint::Token, Fault::HangUpBefore);
    let error = world.token(&alice()).await.unwrap_err();
    assert!(matches!(error.case(), "unavailable" | "unreachable"), "{error:?}");
    assert_eq!(world.refreshes(), 2);
    world.advance(Duration::from_secs(30));
    let early = tokio::time::timeout(Duration::from_millis(150), world.token(&alice())).await;
    assert!(early.is_err(), "the second claim stands until it may be taken over: {early:?}");
}

#[tokio::test]
async fn another_client_or_a_public_one_drops_the_previous_secret() {
    let world = World::new().await;
    let admin = cluster_admin();
    let other = AppConnectionSettings { client_id: "other".into(), ..app_settings(&world.app) };
    let public = AppConnectionSettings { confidential: false, ..app_settings(&world.app) };
    for (settings, secret) in [(other, Some("dose-other".into())), (public, None)] {
        world.set_app_connection().await;
        enter(&world, NEW).await;
        assert!(described(&world).await.has_previous_secret);
        world.host.set_app_connection(&admin, settings, secret.as_ref()).await.unwrap();
        assert!(!described(&world).await.has_previous_secret);
        world.set_app_connection().await;
        assert!(!described(&world).await.has_previous_secret, "it does not come back");
    }
}

/// PB-087: the previous secret is sealed like the present one, and sealed anew with it.
#[tokio::test]
async fn the_previous_secret_survives_a_change_of_master_keys() {
    let world = signed_in().await;
    enter(&world, NEW).await;
    let former = world.keys.list()[0].key_id.clone();
    world.keys.rotate().unwrap();
    let mut next = None;
    loop {
        let progress = world.host.reseal(&cluster_admin(), next.as_deref()).await.unwrap();
        assert_eq!((progress.skipped, progress.unreadable), (0, 0));
        next = progress.next;
        if next.is_none() {
            break;
        }
    }
    world.keys.remove(&former, SealedUnder::Nothing).unwrap();
    assert_eq!(generation_an_hour_later(&world).await, 2);
    assert_eq!(world.refreshes(), 2);
}

/// A record of the version before has no history, and a host of that version leaves the history of another secret.
#[tokio::test]
async fn a_record_of_the_version_before_is_read_and_what_it_left_standing_is_not_believed() {
    let world = signed_in().await;
    let key = only_key(&world, "app-connection/").await;
    let change = async |change: fn(&mut Value)| {
        let entry = fabric_auth::storage::Storage::get(&world.database.storage(), &key).await.unwrap().unwrap();
        let mut record: Value = serde_json::from_slice(&entry.value).unwrap();
        change(&mut record);
        overwrite(&world, &key, &serde_json::to_vec(&record).unwrap()).await;
    };
    change(|record| assert!(record.as_object_mut().unwrap().remove("secret_history").is_some())).await;
    enter(&world, NEW).await;
    assert_eq!(generation_an_hour_later(&world).await, 2);
    change(|record| record["secret_history"]["of"] = "another secret".into()).await;
    assert!(!described(&world).await.has_previous_secret);
    world.advance(HOUR);
    assert_eq!(case_of(world.token(&alice()).await), "app-rejected");
}

/// PB-167: what was just registered may only be unknown yet; what has been there for long is wrong.
#[tokio::test]
async fn soon_after_it_was_entered_an_unknown_client_is_a_reason_to_wait() {
    for public in [false, true] {
        let world = World::bare(fabric_auth_tests::Setup::default()).await;
        world.put_dev_fabric().await;
        let settings = AppConnectionSettings { confidential: !public, ..app_settings(&world.app) };
        let secret = (!public).then(|| NEW.into());
        world.host.set_app_connection(&cluster_admin(), settings.clone(), secret.as_ref()).await.unwrap();
        world.advance(Duration::from_secs(10 * 60));
        // Other settings are not other credentials.
        let scopes = AppConnectionSettings { scopes: vec!["all-apis".into()], ..settings };
        world.host.set_app_connection(&cluster_admin(), scopes, None).await.unwrap();
        let refused = world.try_sign_in(&alice(), "alice@example.com").await.unwrap_err();
        assert_eq!(refused.case(), "app-rejected");
        for text in ["entered here 10 minutes ago", "30 minutes", "wait 1"] {
            assert!(refused.message().contains(text), "{refused}");
        }
        world.advance(Duration::from_secs(21 * 60));
        let refused = world.try_sign_in(&alice(), "alice@example.com").await.unwrap_err();
        assert!(!refused.message().contains("entered here"), "{refused}");
        assert!(refused.message().contains("30 minutes"), "it may have been changed at Databricks: {refused}");
        world.end().await;
    }
}
