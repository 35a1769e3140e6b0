//! People's grants, as an administrator sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use fabric_auth::contract::administration::GrantDescription;
use fabric_auth::contract::{Caller, SignInReason};
use fabric_auth::journal::{Action, Outcome};
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{DEV, HOUR, World, alice, bob, cluster_admin, workload};
use simulated_workspace::Identity;

use crate::support::{case_of, journaled, only_key, overwrite};

async fn grants(world: &World, caller: &Caller) -> BTreeMap<String, GrantDescription> {
    let page = world.host.list_grants(caller, None).await.unwrap();
    assert!(page.next.is_none());
    page.grants.into_iter().map(|grant| (grant.user.clone(), grant)).collect()
}

#[tokio::test]
async fn an_administrator_sees_who_is_signed_in_and_who_must_sign_in_again() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    world.sign_in(&bob()).await;
    world.token_for(&workload(), fabric_auth::contract::Activity::ScheduledRun).await.unwrap();
    world.workspace.end_sessions_of(&Identity::User("bob@example.com".into()));
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    world.token(&bob()).await.unwrap_err();
    let seen = grants(&world, &cluster_admin()).await;
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["alice", "bob"]);
    let (alices, bobs) = (&seen["alice"], &seen["bob"]);
    assert_eq!((alices.databricks_user.as_str(), alices.generation, alices.required), ("alice@example.com", 2, None));
    assert_eq!((bobs.required, bobs.session_expires_in), (Some(SignInReason::SessionEnded), None));
    let week = 7 * 24 * HOUR;
    let session = alices.session_expires_in.map(Duration::from_nanos).unwrap();
    assert!(session.abs_diff(week) < HOUR / 60, "time goes on between the renewal and the list: {session:?}");
    assert_eq!(alices.workspace.trim_end_matches('/'), world.workspace.url());
    assert!(grants(&world, &Caller { tenant: "globex".into(), ..cluster_admin() }).await.is_empty());

    world.host.sign_out(&alice(), DEV).await.unwrap();
    assert_eq!(grants(&world, &cluster_admin()).await.len(), 1);
}

/// One record that was damaged in the store takes the view of the others from nobody.
#[tokio::test]
async fn damaged_grants_are_passed_over_and_journaled() {
    let world = World::new().await;
    world.sign_in(&bob()).await;
    let bobs = only_key(&world, "grant/person/").await;
    world.sign_in(&alice()).await;
    let entry = world.database.storage().get(&bobs).await.unwrap().unwrap();
    let mut moved: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
    moved["identity"] = moved["access_token"].clone();
    for (damaged, entries) in [(moved.to_string(), 1), ("{".to_owned(), 2)] {
        overwrite(&world, &bobs, damaged.as_bytes()).await;
        assert_eq!(grants(&world, &cluster_admin()).await.into_keys().collect::<Vec<_>>(), ["alice"]);
        let journaled = journaled(&world, Action::GrantUnreadable).await;
        assert_eq!(journaled.len(), entries);
        assert!(journaled.iter().all(|event| event.outcome == Outcome::Failed("internal".into())), "{journaled:?}");
        let kept = world.database.storage().get(&bobs).await.unwrap().unwrap();
        assert_eq!(kept.value, damaged.as_bytes());
    }
}

/// "Grants made with it stay until they are ended, but cannot be renewed."
#[tokio::test]
async fn without_its_app_connection_a_grant_stays_and_cannot_be_renewed() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    world.token(&alice()).await.unwrap();
    world.host.remove_app_connection(&cluster_admin(), "main").await.unwrap();
    world.advance(HOUR);
    assert_eq!(case_of(world.token(&alice()).await), "app-connection-missing");
    assert_eq!((grants(&world, &cluster_admin()).await.len(), world.refreshes()), (1, 0));
    world.set_app_connection().await;
    world.token(&alice()).await.unwrap();
    assert_eq!(world.refreshes(), 1);
}
