//! A backup of the database is put back, and refresh tokens come again that were spent after it was made.

use std::fs;
use std::sync::Arc;

use fabric_auth::FabricAuth;
use fabric_auth::contract::{Activity, Caller, Error, SignInReason, TokenDescription};
use fabric_auth::database::Database;
use fabric_auth::journal::{Action, Event, Journal as _, Outcome};
use fabric_auth::storage::{Precondition, Storage as _, UPON_WRITING};
use fabric_auth_tests::{DEV, HOUR, Setup, World, alice, bob, cluster_admin, eventually, workload};
use simulated_workspace::App;
use tempfile::TempDir;

use crate::support::{journaled, only_key, overwrite, reason_of, signed_in};

/// Within the window of every grant that is an hour long, and before its end.
const IN_THE_WINDOW: std::time::Duration = std::time::Duration::from_secs(46 * 60);

const FILE: &str = "fabric-auth.db";

/// A copy of the database, with its log.
fn backup(world: &World) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in [FILE, "fabric-auth.db-wal"] {
        fs::copy(world.folder().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// The copy as a database, and a host that works on it.
async fn restored(world: &World, backup: &TempDir) -> (Database, FabricAuth) {
    let database = Database::open(backup.path().join(FILE), Arc::new(world.clock().clone())).await.unwrap();
    let host = world.host_over(&database).await;
    (database, host)
}

/// How many grants were looked at, were marked and could not be read.
async fn check(host: &FabricAuth) -> (u32, u32, u32) {
    let progress = host.restore_check(&cluster_admin(), None).await.unwrap();
    assert_eq!(progress.next, None);
    (progress.looked_at, progress.marked, progress.unreadable)
}

async fn token(host: &FabricAuth, caller: &Caller) -> Result<TokenDescription, Error> {
    host.access_token(caller, DEV, Activity::PipelineDevelopment).await.map(|(_, description)| description)
}

/// The entries about marked grants.
async fn marks(database: &Database) -> Vec<Event> {
    let events = database.journal().tail(1_000).await.unwrap().into_iter().map(|recorded| recorded.event);
    events.filter(|event| event.action == Action::RestoredGrantMarked).collect()
}

/// Alice's window is open, and her token is renewed after the backup was made. Bob has just signed in.
async fn world_with_backup() -> (World, TempDir) {
    let world = signed_in().await;
    world.advance(IN_THE_WINDOW);
    world.sign_in(&bob()).await;
    let backup = backup(&world);
    world.token(&alice()).await.unwrap();
    eventually("hers is renewed", async || world.token(&alice()).await.unwrap().1.reference.generation == 2).await;
    (world, backup)
}

#[tokio::test]
async fn a_refresh_token_that_may_be_spent_is_not_sent_again_and_every_other_one_works() {
    let (world, backup) = world_with_backup().await;
    let (database, host) = restored(&world, &backup).await;
    assert_eq!(check(&host).await, (2, 1, 0));
    assert_eq!(check(&host).await, (2, 0, 0), "what is marked stays marked");
    assert_eq!(token(&host, &alice()).await.unwrap().reference.generation, 1, "it lives to its end");
    world.advance(HOUR);
    assert_eq!(reason_of(token(&host, &alice()).await), SignInReason::OutcomeUnknown);
    assert_eq!(token(&host, &bob()).await.unwrap().reference.generation, 2);
    assert_eq!((world.refreshes(), world.books().reuses()), (2, 0), "one before the restore, and one for Bob");

    let [mark] = marks(&database).await.try_into().unwrap();
    assert_eq!((mark.actor, mark.outcome), (cluster_admin().user, Outcome::Succeeded));
    assert_eq!(
        (mark.workspace.unwrap().trim_end_matches('/'), mark.token.unwrap().generation),
        (world.workspace.url(), 1)
    );
    host.finish().await;
}

/// What the check is for.
#[tokio::test]
async fn without_the_check_a_spent_refresh_token_is_sent_again() {
    let (world, backup) = world_with_backup().await;
    let (_database, host) = restored(&world, &backup).await;
    world.advance(HOUR);
    assert_eq!(reason_of(token(&host, &alice()).await), SignInReason::SessionEnded);
    assert_eq!(world.books().reuses(), 1);
    host.finish().await;
}

/// Neither can lose anything.
#[tokio::test]
async fn reusable_refresh_tokens_and_service_principals_are_left_alone() {
    let app = App { single_use_refresh_tokens: false, ..Setup::default().app };
    let world = World::of(Setup { app, ..Setup::default() }).await;
    world.sign_in(&alice()).await;
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    world.advance(HOUR);
    // The reply proves that it can be used again.
    world.token(&alice()).await.unwrap();
    world.advance(HOUR);
    assert_eq!(check(&world.host).await, (1, 0, 0));
    world.token(&alice()).await.unwrap();
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    assert_eq!(marks(&world.database).await, []);
}

#[tokio::test]
async fn who_signed_out_and_who_signs_in_anew_is_not_marked() {
    let world = signed_in().await;
    world.host.sign_out(&alice(), DEV).await.unwrap();
    world.advance(HOUR);
    assert_eq!(check(&world.host).await, (1, 0, 0));
    world.sign_in(&alice()).await;
    assert_eq!(check(&world.host).await, (1, 0, 0));
    world.advance(HOUR);
    assert_eq!(check(&world.host).await, (1, 1, 0));
    world.sign_in(&alice()).await;
    world.token(&alice()).await.unwrap();
}

#[tokio::test]
async fn damaged_grants_are_passed_over_and_journaled() {
    let world = World::new().await;
    world.sign_in(&bob()).await;
    let bobs = only_key(&world, "grant/person/").await;
    overwrite(&world, &bobs, b"{").await;
    world.sign_in(&alice()).await;
    world.advance(HOUR);
    assert_eq!(check(&world.host).await, (1, 1, 1));
    assert_eq!(journaled(&world, Action::GrantUnreadable).await.len(), 1);
    assert_eq!(world.database.storage().get(&bobs).await.unwrap().unwrap().value, b"{");
}

#[tokio::test]
async fn many_grants_are_gone_through_a_hundred_at_a_time_and_only_those_of_the_tenant() {
    let world = signed_in().await;
    let storage = world.database.storage();
    let key = only_key(&world, "grant/person/").await;
    let value = storage.get(&key).await.unwrap().unwrap().value;
    let elsewhere = "grant/person/globex/x/y/z".to_owned();
    let copies = (0..150).map(|number| format!("grant/person/acme/{number:03}/x/y")).chain([elsewhere.clone()]);
    for copy in copies {
        storage.put(&copy, value.clone(), None, Precondition::Absent, UPON_WRITING).await.unwrap();
    }
    world.advance(HOUR);
    let first = world.host.restore_check(&cluster_admin(), None).await.unwrap();
    assert_eq!((first.looked_at, first.marked), (100, 100));
    let second = world.host.restore_check(&cluster_admin(), first.next.as_deref()).await.unwrap();
    assert_eq!((second.looked_at, second.marked, second.next), (51, 51, None));
    assert_eq!(storage.get(&elsewhere).await.unwrap().unwrap().value, value);
}
