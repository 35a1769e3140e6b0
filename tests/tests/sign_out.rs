//! Signing out.

use fabric_auth::contract::SignInReason;
use fabric_auth::journal::{Action, Journal as _, Outcome};
use fabric_auth_tests::{DEV, HOUR, World, alice, bob, fabric_settings, files_with, team_admin};

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
