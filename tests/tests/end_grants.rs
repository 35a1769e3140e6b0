//! Ending other people's grants: who has left is signed out for good, whatever is under way at that moment.

mod under_way;

use fabric_auth::FabricAuth;
use fabric_auth::contract::Activity::PipelineDevelopment;
use fabric_auth::contract::administration::GrantSelection;
use fabric_auth::contract::{Error, SignInReason};
use fabric_auth::journal::{Action, Outcome};
use fabric_auth::storage::{Precondition, Storage as _, UPON_WRITING, WriteOutcome};
use fabric_auth_tests::{
    DEV, REDIRECT_URL, World, alice, app_settings, bob, cluster_admin, fabric_settings, operator, team_admin,
};
use serde_json::Value;
use simulated_workspace::{App, Settings, SimulatedWorkspace};

use crate::support::{case_of, journaled, only_key, overwrite, reason_of, signed_in};

fn of_user(user: &str) -> GrantSelection {
    GrantSelection::OfUser(user.into())
}

/// Ends a selection to its last piece: how many were ended, and in how many calls.
async fn end(world: &World, selection: GrantSelection) -> Result<(u32, u32), Error> {
    let (mut ended, mut calls, mut after) = (0, 0, None);
    loop {
        let piece = world.host.end_grants(&cluster_admin(), selection.clone(), after.as_deref()).await?;
        ended += piece.ended;
        calls += 1;
        match piece.next {
            Some(next) => after = Some(next),
            None => return Ok((ended, calls)),
        }
    }
}

async fn ended(world: &World, selection: GrantSelection) -> u32 {
    end(world, selection).await.unwrap().0
}

/// The records under a prefix, as they are stored.
async fn records(world: &World, prefix: &str) -> Vec<(String, Value)> {
    let page = world.database.storage().list(prefix, None, 100).await.unwrap();
    page.entries.into_iter().map(|(key, entry)| (key, serde_json::from_slice(&entry.value).unwrap())).collect()
}

async fn token_on(host: &FabricAuth, fabric: &str) -> Result<(), Error> {
    host.access_token(&alice(), fabric, PipelineDevelopment).await.map(|_| ())
}

/// PB-032, PB-151: of one person, from every workspace and through every client; nobody else's.
#[tokio::test]
async fn who_has_left_is_signed_out_everywhere_and_nobody_else_is() {
    let world = signed_in().await;
    let elsewhere = SimulatedWorkspace::start(Settings::default()).await.unwrap();
    elsewhere.register_app(world.app.clone());
    world.host.put_fabric(&team_admin(), fabric_settings("far", elsewhere.url()), None, None).await.unwrap();
    let (url, binding, _) = world.host.begin_sign_in(&alice(), "far", None).await.unwrap();
    let url = secrecy::ExposeSecret::expose_secret(&url).to_owned();
    let callback = elsewhere.sign_in_as(&url, "alice@example.com").await.unwrap();
    let query = callback.split_once('?').unwrap().1.into();
    world.host.complete_sign_in(&alice(), &query, &binding).await.unwrap();
    let other = App::confidential(REDIRECT_URL);
    world.workspace.register_app(other.clone());
    let secret = other.client_secret().map(|secret| secret.expose().into());
    world.host.set_app_connection(&cluster_admin(), app_settings(&other), secret.as_ref()).await.unwrap();
    world.sign_in(&alice()).await;
    world.sign_in(&bob()).await;

    assert_eq!(ended(&world, of_user("alice")).await, 3);
    let entries = journaled(&world, Action::GrantEnded).await;
    assert_eq!(entries.len(), 3);
    for entry in entries {
        assert_eq!((entry.actor.as_str(), &entry.outcome), ("clara", &Outcome::Succeeded));
        assert_eq!(entry.databricks_user.as_deref(), Some("alice@example.com"));
        assert!(entry.token.is_some_and(|token| token.generation == 1));
        assert!([world.workspace.url(), elsewhere.url()].contains(&entry.workspace.as_deref().unwrap()));
    }
    for (key, record) in records(&world, "grant/person/").await {
        let secrets = ["access_token", "refresh_token", "identity", "subject"];
        let is_tombstone = record["ended"] == "signed-out" && secrets.iter().all(|secret| record[secret].is_null());
        assert_eq!(is_tombstone, record["identity"].is_null(), "{key}");
    }
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
    world.token(&bob()).await.unwrap();
    assert_eq!(ended(&world, of_user("alice")).await, 0, "they have ended already");
    assert_eq!(ended(&world, of_user("nobody")).await, 0);
    assert_eq!(journaled(&world, Action::GrantEnded).await.len(), 3);
    world.sign_in(&alice()).await;
    world.token(&alice()).await.unwrap();
}

#[tokio::test]
async fn one_grant_is_ended_by_its_name_and_only_once() {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    let page = world.host.list_grants(&operator(), None).await.unwrap();
    let alices = page.grants.iter().find(|grant| grant.user == "alice").unwrap().grant.clone();
    let one = || GrantSelection::One(alices.clone());
    let refused = world.host.end_grants(&operator(), one(), Some(&alices)).await.unwrap_err();
    assert_eq!(refused.field(), Some("after"));
    assert_eq!(ended(&world, one()).await, 1);
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
    world.token(&bob()).await.unwrap();
    assert_eq!(case_of(end(&world, one()).await), "not-found");
    let foreign = alices.replace("/acme/", "/globex/");
    let dev = "grant/service-principal/acme/dev".to_owned();
    for unknown in [foreign, dev, "fabric/acme/dev".into(), String::new(), format!("{alices}\0"), "x".repeat(5_000)] {
        assert_eq!(case_of(end(&world, GrantSelection::One(unknown)).await), "not-found");
    }
}

#[tokio::test]
async fn what_serves_a_fabrics_workspace_is_ended_and_what_serves_another_is_not() {
    let world = signed_in().await;
    let elsewhere = SimulatedWorkspace::start(Settings::default()).await.unwrap();
    elsewhere.register_app(world.app.clone());
    for (name, url) in [("second", world.workspace.url()), ("far", elsewhere.url())] {
        world.host.put_fabric(&team_admin(), fabric_settings(name, url), None, None).await.unwrap();
    }
    let (url, binding, _) = world.host.begin_sign_in(&alice(), "far", None).await.unwrap();
    let url = secrecy::ExposeSecret::expose_secret(&url).to_owned();
    let callback = elsewhere.sign_in_as(&url, "alice@example.com").await.unwrap();
    let query = callback.split_once('?').unwrap().1.into();
    world.host.complete_sign_in(&alice(), &query, &binding).await.unwrap();
    world.sign_in(&bob()).await;

    world.workspace.stop().await;
    assert_eq!(ended(&world, GrantSelection::OfFabric("second".into())).await, 2, "though nobody answers there");
    for fabric in [DEV, "second"] {
        assert_eq!(reason_of(token_on(&world.host, fabric).await), SignInReason::SignedOut);
    }
    token_on(&world.host, "far").await.unwrap();
    assert_eq!(case_of(end(&world, GrantSelection::OfFabric("missing".into())).await), "not-found");
    for bad in [GrantSelection::OfFabric(String::new()), of_user(""), of_user(&"x".repeat(257))] {
        assert_eq!(end(&world, bad).await.unwrap_err().field(), Some("selection"));
    }
}

/// A record that is damaged, or of a newer version, is no refuge: it ends as well, and its person can sign in again after that, not before.
#[tokio::test]
async fn damaged_grants_end_too_and_their_people_can_sign_in_again() {
    for damage in ["{", "[]", "newer"] {
        for by_user in [true, false] {
            let world = signed_in().await;
            let key = only_key(&world, "grant/person/").await;
            let mut newer = records(&world, &key).await.remove(0).1;
            newer["version"] = 99.into();
            let damaged = if damage == "newer" { newer.to_string() } else { damage.to_owned() };
            overwrite(&world, &key, damaged.as_bytes()).await;
            world.try_sign_in(&alice(), "alice@example.com").await.unwrap_err();
            let selection = if by_user { of_user("alice") } else { GrantSelection::One(key) };
            assert_eq!(ended(&world, selection).await, 1, "{damage}");
            let [entry] = journaled(&world, Action::GrantEnded).await.try_into().unwrap();
            assert_eq!((entry.databricks_user, entry.token, entry.outcome), (None, None, Outcome::Succeeded));
            world.sign_in(&alice()).await;
            world.token(&alice()).await.unwrap();
            world.end().await;
        }
    }
}

#[tokio::test]
async fn a_person_whose_own_grant_is_damaged_signs_out_and_in_again() {
    let world = signed_in().await;
    overwrite(&world, &only_key(&world, "grant/person/").await, b"{").await;
    assert!(world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    world.sign_in(&alice()).await;
    world.token(&alice()).await.unwrap();
}

/// More than one piece holds, with records that cannot be read among them.
#[tokio::test]
async fn everybodys_are_ended_piece_by_piece() {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    world.begin(&bob()).await;
    for number in 0..230 {
        let key = format!("grant/person/acme/u{number:03}/i/c");
        let put = world.database.storage().put(&key, b"{".to_vec(), None, Precondition::Absent, UPON_WRITING).await;
        assert!(matches!(put, Ok(WriteOutcome::Written(_))));
    }
    let elsewhere = "grant/person/globex/u/i/c";
    overwrite(&world, elsewhere, b"{").await;
    let first = world.host.end_grants(&cluster_admin(), GrantSelection::All, None).await.unwrap();
    assert!(first.next.is_some());
    for bad in ["", "7:", "1:fabric/acme/dev", "1:grant/person/globex/u", "grant/person/acme/u"] {
        let refused = world.host.end_grants(&cluster_admin(), GrantSelection::All, Some(bad)).await.unwrap_err();
        assert_eq!(refused.field(), Some("after"), "{bad}");
    }
    let (count, calls) = end(&world, GrantSelection::All).await.unwrap();
    assert_eq!((count, calls), (232, 1 + 3 + 1));
    assert_eq!(records(&world, "sign-in/").await, []);
    assert_eq!(records(&world, "grant/person/acme/").await.len(), 2, "two marks");
    assert!(world.database.storage().get(elsewhere).await.unwrap().is_some(), "another tenant's");
    assert_eq!(journaled(&world, Action::GrantEnded).await.len(), 232);
    for caller in [alice(), bob()] {
        assert_eq!(reason_of(world.token(&caller).await), SignInReason::SignedOut);
    }
}
