//! Signing out.

use fabric_auth::contract::SignInReason;
use fabric_auth::journal::{Action, Journal as _, Outcome};
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{
    DEV, HOUR, REDIRECT_URL, World, alice, app_settings, bob, cluster_admin, fabric_settings, files_with, team_admin,
};
use serde_json::Value;
use simulated_workspace::App;

use crate::support::{case_of, reason_of, signed_in};

#[tokio::test]
async fn who_has_signed_out_is_asked_to_sign_in_on_every_fabric_of_the_workspace() {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    let second = fabric_settings("second", world.workspace.url());
    world.host.put_fabric(&team_admin(), second, None, None).await.unwrap();
    world.token(&alice()).await.unwrap();
    let activity = fabric_auth::contract::Activity::PipelineDevelopment;
    world.host.access_token(&alice(), "second", activity).await.unwrap();

    let done = world.host.sign_out(&alice(), "second").await.unwrap();
    assert!(done.grant_ended && !done.revoked, "Databricks offers no revocation");
    for fabric in [DEV, "second"] {
        assert_eq!(reason_of(world.host.access_token(&alice(), fabric, activity).await), SignInReason::SignedOut);
    }
    world.token(&bob()).await.unwrap();
    world.advance(HOUR);
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
    world.sign_in(&alice()).await;
    world.token(&alice()).await.unwrap();
}

#[tokio::test]
async fn signing_out_is_done_also_when_there_is_nothing_to_forget() {
    let world = World::new().await;
    assert!(!world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    world.sign_in(&alice()).await;
    assert!(world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    assert!(!world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    assert_eq!(case_of(world.host.sign_out(&alice(), "missing").await), "not-found");
}

/// People's grants, as they are stored.
async fn grants(world: &World) -> Vec<Value> {
    let page = world.database.storage().list("grant/person/", None, 100).await.unwrap();
    page.entries.iter().map(|(_, entry)| serde_json::from_slice(&entry.value).unwrap()).collect()
}

/// What is left of a grant that was ended: its lineage, by which a late reply finds that it is gone, and no secret.
#[track_caller]
fn assert_tombstone(left: &Value, before: &Value) {
    assert_eq!((&left["ended"], &left["lineage"]), (&"signed-out".into(), &before["lineage"]));
    for secret in ["refresh_token", "access_token", "identity", "subject", "claim"] {
        assert_eq!(left[secret], Value::Null, "{secret}");
    }
}

#[tokio::test]
async fn who_signs_out_is_signed_out_though_the_app_connection_is_gone() {
    let world = signed_in().await;
    let before = grants(&world).await;
    world.host.remove_app_connection(&cluster_admin(), "main").await.unwrap();
    assert!(world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    let left = grants(&world).await;
    assert_eq!(left.len(), 1);
    assert_tombstone(&left[0], &before[0]);
    world.set_app_connection().await;
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
}

/// The app connection was given another client id: the grant of the former one is found all the same.
#[tokio::test]
async fn who_is_signed_in_through_two_clients_is_signed_out_of_both() {
    let world = signed_in().await;
    let former = world.app.clone();
    let other = App::confidential(REDIRECT_URL);
    world.workspace.register_app(other.clone());
    let secret = other.client_secret().map(|secret| secret.expose().into());
    world.host.set_app_connection(&cluster_admin(), app_settings(&other), secret.as_ref()).await.unwrap();
    world.sign_in(&alice()).await;
    world.sign_in(&bob()).await;
    let before = grants(&world).await;
    assert_eq!(before.len(), 3);

    assert!(world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    let left = grants(&world).await;
    let ended: Vec<_> = left.iter().zip(&before).filter(|(left, _)| left["ended"] == "signed-out").collect();
    assert_eq!(ended.len(), 2);
    for (left, before) in ended {
        assert_tombstone(left, before);
    }
    world.token(&bob()).await.unwrap();
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
    let secret = former.client_secret().map(|secret| secret.expose().into());
    world.host.set_app_connection(&cluster_admin(), app_settings(&former), secret.as_ref()).await.unwrap();
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
    assert!(!world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
}

/// Forgetting is here, and needs nobody there.
#[tokio::test]
async fn signing_out_works_while_the_workspace_does_not_answer() {
    let world = signed_in().await;
    world.advance(48 * HOUR);
    world.workspace.stop().await;
    assert!(world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
}

/// PB-151.
#[tokio::test]
async fn what_people_did_stands_in_the_journal_and_no_secret_does() {
    let world = signed_in().await;
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    world.host.sign_out(&alice(), DEV).await.unwrap();
    let events = world.database.journal().tail(100).await.unwrap();
    let of_alice: Vec<Action> = events.iter().filter(|e| e.event.actor == "alice").map(|e| e.event.action).collect();
    assert_eq!(of_alice, [Action::SignInBegun, Action::SignInCompleted, Action::SignOut]);
    let renewals: Vec<_> = events.iter().filter(|e| e.event.action == Action::Renewal).collect();
    assert_eq!(renewals.len(), 1);
    assert_eq!((renewals[0].event.actor.as_str(), &renewals[0].event.outcome), ("host", &Outcome::Succeeded));
    for action in [Action::AppConnectionSet, Action::FabricCreated] {
        assert!(events.iter().any(|recorded| recorded.event.action == action), "{action:?}");
    }
    for secret in world.workspace.secrets() {
        assert!(files_with(world.folder(), secret.expose()).is_empty());
        assert!(!format!("{events:?}").contains(secret.expose()));
    }
}
