//! The audit journal: that each thing that matters is in it, by whom and for whom, and that tampering shows.

use std::sync::Arc;
use std::time::Duration;

use fabric_auth::contract::{Activity, Caller, FabricSettings};
use fabric_auth::database::{Backend, PostgresDatabase, PostgresSettings};
use fabric_auth::journal::{Action, Event, Heads, Outcome, verify};
use fabric_auth_tests::{
    DEV, HOUR, PostgresServer, Setup, World, alice, app_settings, cluster_admin, eventually, fabric_settings,
    files_with, team_admin, with_principal, workload_for_admin,
};

use crate::support::{journaled, signed_in};

/// Who, for whom, which fabric, and how it ended.
fn told(event: &Event) -> (&str, Option<&str>, Option<&str>, &Outcome) {
    (&event.actor, event.on_behalf_of.as_deref(), event.fabric.as_deref(), &event.outcome)
}

/// The only event of a kind.
async fn only(world: &World, action: Action) -> Event {
    let events = journaled(world, action).await;
    let [event] = events.try_into().expect("one event");
    event
}

/// PB-151.
#[tokio::test]
async fn every_change_of_a_registration_is_recorded_with_who_made_it() {
    let world = World::new().await;
    let done = &Outcome::Succeeded;
    assert_eq!(told(&only(&world, Action::AppConnectionSet).await), ("clara", None, None, done));
    let created = only(&world, Action::FabricCreated).await;
    assert_eq!(told(&created), ("tina", None, Some(DEV), done));
    assert_eq!(created.workspace.as_deref(), Some(world.workspace.url()));
    let settings = with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal);
    let settings = FabricSettings { compute: Some("0123-456789-abcdefgh".into()), ..settings };
    world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    assert_eq!(told(&only(&world, Action::FabricChanged).await), ("tina", None, Some(DEV), done));
    world.host.remove_fabric(&team_admin(), DEV).await.unwrap();
    assert_eq!(told(&only(&world, Action::FabricRemoved).await), ("tina", None, Some(DEV), done));
    world.host.remove_app_connection(&cluster_admin(), "main").await.unwrap();
    assert_eq!(told(&only(&world, Action::AppConnectionRemoved).await), ("clara", None, None, done));
}

/// PB-151: also a call that a team admin makes through somebody else is recorded with both.
#[tokio::test]
async fn a_change_on_behalf_of_somebody_is_recorded_with_both() {
    let world = World::new().await;
    let (caller, secret) = (Caller { on_behalf_of: Some("otto".into()), ..cluster_admin() }, world.app_secret());
    world.host.set_app_connection(&caller, app_settings(&world.app), secret.as_ref()).await.unwrap();
    let events = journaled(&world, Action::AppConnectionSet).await;
    assert_eq!(told(&events[1]), ("clara", Some("otto"), None, &Outcome::Succeeded));
}

/// PB-151, PB-120: release and deployment use the service principal, for the team admin who started them.
#[tokio::test]
async fn a_release_and_a_deployment_are_recorded_with_the_service_principal_and_the_admin_behind_them() {
    for activity in [Activity::ProjectRelease, Activity::ProjectDeployment, Activity::ScheduledRun] {
        let world = World::new().await;
        world.token_for(&workload_for_admin(), activity).await.unwrap();
        let used = only(&world, Action::ServicePrincipalUsed).await;
        assert_eq!(told(&used), ("deployer", Some("tina"), Some(DEV), &Outcome::Succeeded), "{activity:?}");
        assert_eq!(used.databricks_user.as_deref(), Some(world.principal.application_id.as_str()));
        assert_eq!(used.token.map(|token| token.generation), Some(1));
        let obtained = only(&world, Action::ServicePrincipalToken).await;
        assert_eq!(told(&obtained), ("host", None, Some(DEV), &Outcome::Succeeded));
    }
}

/// PB-151: what fails is recorded with the case, in words that name no secret.
#[tokio::test]
async fn a_service_principal_that_is_rejected_is_recorded_as_such() {
    let world = World::new().await;
    let id = &world.principal.application_id;
    assert!(world.workspace.change_service_principal(id, |principal| principal.secrets.clear()));
    world.token_for(&workload_for_admin(), Activity::ProjectRelease).await.unwrap_err();
    let failed = Outcome::Failed("service-principal-rejected".into());
    assert_eq!(told(&only(&world, Action::ServicePrincipalToken).await), ("host", None, Some(DEV), &failed));
    assert!(journaled(&world, Action::ServicePrincipalUsed).await.is_empty());
}

/// PB-151.
#[tokio::test]
async fn a_sign_in_and_the_refreshes_that_follow_are_recorded() {
    let world = signed_in().await;
    let done = &Outcome::Succeeded;
    assert_eq!(told(&only(&world, Action::SignInBegun).await), ("alice", None, Some(DEV), done));
    let completed = only(&world, Action::SignInCompleted).await;
    assert_eq!(told(&completed), ("alice", None, Some(DEV), done));
    assert_eq!(completed.databricks_user.as_deref(), Some("alice@example.com"));
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    let renewal = only(&world, Action::Renewal).await;
    assert_eq!(told(&renewal), ("host", None, None, done));
    assert_eq!(renewal.token.map(|token| token.generation), Some(2));
    world.host.sign_out(&alice(), DEV).await.unwrap();
    assert_eq!(told(&only(&world, Action::SignOut).await), ("alice", None, Some(DEV), done));
}

/// PB-151: a person who comes back with a refusal is recorded too.
#[tokio::test]
async fn a_sign_in_that_failed_is_recorded_with_its_case() {
    let world = World::new().await;
    world.try_sign_in(&alice(), "bob@example.com").await.unwrap_err();
    let completed = only(&world, Action::SignInCompleted).await;
    assert_eq!((completed.actor.as_str(), completed.fabric.as_deref()), ("alice", Some(DEV)));
    assert!(matches!(completed.outcome, Outcome::Failed(_)), "{completed:?}");
}

/// PB-151: never secret values; neither in the events nor in what ties them together.
#[tokio::test]
async fn what_was_written_is_whole_verifiable_and_holds_no_secret() {
    let world = signed_in().await;
    world.token_for(&workload_for_admin(), Activity::ProjectRelease).await.unwrap();
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    let ledger = world.database.ledger();
    let heads = Heads::of(&*ledger, &world.keys).await.unwrap();
    let report = verify(&*ledger, &world.keys, Some(&heads)).await.unwrap();
    assert!(report.is_whole() && report.unchained == 0, "{report:?}");
    assert!(heads.chains[0].events >= 7, "{heads:?}");
    world.keys.rotate().unwrap();
    world.advance(Duration::from_secs(2));
    world.host.sign_out(&alice(), DEV).await.unwrap();
    let later = Heads::of(&*ledger, &world.keys).await.unwrap();
    assert_ne!(later.chains[0].key_id, heads.chains[0].key_id, "the new primary key signs");
    assert!(verify(&*ledger, &world.keys, Some(&heads)).await.unwrap().is_whole());
    for secret in world.workspace.secrets() {
        assert!(files_with(world.folder(), secret.expose()).is_empty());
        assert!(!format!("{heads:?}{report:?}").contains(secret.expose()));
    }
}

/// Retention is the host's own work, wherever the journal is.
#[tokio::test]
async fn a_host_lets_old_events_go_by_itself_and_the_rest_stays_verifiable() {
    let world = World::new().await;
    let ledger = world.database.ledger();
    let heads = Heads::of(&*ledger, &world.keys).await.unwrap();
    assert!(heads.chains[0].events >= 2);
    let host = world.host_that_expires(Duration::from_secs(60)).await;
    world.advance(Duration::from_secs(366 * 86_400));
    eventually("old events are gone", async || {
        world.advance(Duration::from_secs(60));
        verify(&*ledger, &world.keys, None).await.unwrap().chains[0].events == 0
    })
    .await;
    let report = verify(&*ledger, &world.keys, Some(&heads)).await.unwrap();
    assert!(report.is_whole() && report.chains[0].pruned >= 2, "{report:?}");
    host.finish().await;
}

#[tokio::test]
async fn hosts_on_one_postgresql_database_write_a_journal_that_verifies() {
    let Some(server) = PostgresServer::shared() else { return };
    let at = server.database().await;
    let world = World::bare(Setup::default()).await;
    let settings = PostgresSettings::from_url(&at.url, 4).unwrap();
    let clock = Arc::new(world.clock().clone());
    let database = PostgresDatabase::open(&settings, clock).await.unwrap();
    let (one, other) = (world.host_over(&database).await, world.host_over(&database).await);
    let secret = world.app_secret();
    for host in [&one, &other, &one, &other] {
        host.set_app_connection(&cluster_admin(), app_settings(&world.app), secret.as_ref()).await.unwrap();
    }
    assert_eq!((one.journal_events(), other.journal_events()), (2, 2));
    let report = verify(&*database.ledger(), &world.keys, None).await.unwrap();
    assert!(report.is_whole() && report.chains.len() == 1 && report.chains[0].last == 4, "{report:?}");
}
