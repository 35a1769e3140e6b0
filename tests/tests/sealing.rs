//! Secrets at rest: nothing readable, nothing movable, and master keys that can be replaced.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fabric_auth::clock::SystemClock;
use fabric_auth::contract::{Activity, Actor, Caller, Error};
use fabric_auth::journal::Action;
use fabric_auth::keys::{KeyRing, SealedUnder};
use fabric_auth::storage::{Entry, Precondition, Storage as _, UPON_WRITING, WriteOutcome};
use fabric_auth_tests::{DEV, HOUR, World, alice, bob, cluster_admin, files_with, while_time_passes, workload};
use simulated_workspace::{Endpoint, Fault};

use crate::support::{journaled, only_key, overwrite, signed_in};

/// A world in which everything that is secret has been stored.
async fn full() -> World {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    world.begin(&alice()).await;
    world
}

/// PB-081, PB-082, PB-086, PB-087, PB-114, PB-149: a planted control shows that the search finds.
#[tokio::test]
async fn no_secret_stands_in_any_file_of_the_database() {
    let world = full().await;
    let secrets = world.workspace.secrets();
    assert!(secrets.len() >= 10, "{}", secrets.len());
    let files = std::fs::read_dir(world.folder()).unwrap().map(|entry| entry.unwrap().path());
    assert!(files.into_iter().any(|path| path.to_str().unwrap().ends_with("-wal")), "the log is searched as well");
    for secret in &secrets {
        assert_eq!(files_with(world.folder(), secret.expose()), Vec::<PathBuf>::new());
    }
}

/// What is planted beside the database is found, in a longer text and encoded as well.
#[test]
fn the_search_finds_what_is_planted() {
    use base64::Engine as _;
    let folder = tempfile::tempdir().unwrap();
    let secret = "eyJraWQi.doau-Secret_0123456789+/\"x";
    let path = folder.path().join("control");
    for text in [secret.to_owned(), base64::engine::general_purpose::STANDARD.encode(format!("a{secret}b"))] {
        std::fs::write(&path, format!("before{text}after")).unwrap();
        assert_eq!(files_with(folder.path(), secret).as_slice(), std::slice::from_ref(&path));
    }
}

/// People's names and addresses are nobody's business who reads the records.
#[tokio::test]
async fn records_and_their_keys_name_no_person() {
    let world = full().await;
    for (key, entry) in records(&world, "").await {
        let text = format!("{key} {}", String::from_utf8_lossy(&entry.value));
        assert!(!text.contains("alice") && !text.contains("bob@"), "{text}");
    }
}

async fn records(world: &World, prefix: &str) -> Vec<(String, Entry)> {
    let page = world.database.storage().list(prefix, None, 1_000).await.unwrap();
    assert!(page.next.is_none());
    page.entries
}

/// Puts a record's value under another key, in place of what stands there.
async fn copy(world: &World, from: &Entry, to: &str) {
    let storage = world.database.storage();
    let precondition = match storage.get(to).await.unwrap() {
        Some(entry) => Precondition::Revision(entry.revision),
        None => Precondition::Absent,
    };
    let outcome = storage.put(to, from.value.clone(), None, precondition, UPON_WRITING).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Written(_)));
}

/// PB-032, PB-114.
#[tokio::test]
async fn a_grant_that_is_copied_to_another_person_does_not_open() {
    let world = signed_in().await;
    let [(_, alices)] = records(&world, "grant/person/").await.try_into().unwrap();
    world.sign_in(&bob()).await;
    let all = records(&world, "grant/person/").await;
    let (bobs_key, _) = all.iter().find(|(_, entry)| entry.value != alices.value).unwrap();
    copy(&world, &alices, bobs_key).await;
    let host = world.another_host().await;
    let error = host.access_token(&bob(), DEV, Activity::PipelineDevelopment).await.unwrap_err();
    assert!(matches!(error, Error::Internal(_)), "{error:?}");
    host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
}

#[tokio::test]
async fn records_that_are_copied_to_another_tenant_do_not_open() {
    let world = signed_in().await;
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    for (key, entry) in records(&world, "").await {
        copy(&world, &entry, &key.replace("/acme/", "/globex/")).await;
    }
    let elsewhere = |caller: Caller| Caller { tenant: "globex".into(), ..caller };
    let host = world.another_host().await;
    let error = host.access_token(&elsewhere(workload()), DEV, Activity::ScheduledRun).await.unwrap_err();
    assert!(matches!(error, Error::Internal(_)), "{error:?}");
    let requests = world.client_credentials();
    world.advance(HOUR);
    let error = host.access_token(&elsewhere(workload()), DEV, Activity::ScheduledRun).await.unwrap_err();
    assert!(matches!(error, Error::Internal(_) | Error::Unavailable(_)), "{error:?}");
    assert_eq!(world.client_credentials(), requests, "the other tenant's secret was used");
}

#[tokio::test]
async fn a_fabrics_secret_that_is_copied_to_another_fabric_does_not_open() {
    let world = World::new().await;
    let other = fabric_auth_tests::with_principal(
        fabric_auth_tests::fabric_settings("other", world.workspace.url()),
        &world.principal,
    );
    world.host.put_fabric(&fabric_auth_tests::team_admin(), other, Some(&"dose1".into()), None).await.unwrap();
    let [(_, dev)] = records(&world, "fabric/acme/dev").await.try_into().unwrap();
    copy(&world, &dev, "fabric/acme/other").await;
    let host = world.another_host().await;
    let error = host.access_token(&workload(), "other", Activity::ScheduledRun).await.unwrap_err();
    assert!(matches!(error, Error::Internal(_)), "{error:?}");
    assert_eq!(world.client_credentials(), 0);
}

/// A record of an earlier generation that is put back does not open a present token's place with an old value only;
/// a field of it that is moved into the present record does not open at all.
#[tokio::test]
async fn a_sealed_value_of_an_earlier_generation_does_not_open_in_a_later_one() {
    let world = signed_in().await;
    let [(key, first)] = records(&world, "grant/person/").await.try_into().unwrap();
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    let [(_, second)] = records(&world, "grant/person/").await.try_into().unwrap();
    let old: serde_json::Value = serde_json::from_slice(&first.value).unwrap();
    let mut mixed: serde_json::Value = serde_json::from_slice(&second.value).unwrap();
    mixed["access_token"] = old["access_token"].clone();
    let mixed = Entry { value: mixed.to_string().into_bytes(), ..second };
    copy(&world, &mixed, &key).await;
    let host = world.another_host().await;
    let error = host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap_err();
    assert!(matches!(error, Error::Internal(_)), "{error:?}");
}

/// How many records were resealed, were current, were skipped and could not be read.
async fn reseal(world: &World) -> (u32, u32, u32, u32) {
    let (mut resealed, mut current, mut skipped, mut unreadable, mut next) = (0, 0, 0, 0, None);
    loop {
        let progress = world.host.reseal(&cluster_admin(), next.as_deref()).await.unwrap();
        resealed += progress.resealed;
        current += progress.current;
        skipped += progress.skipped;
        unreadable += progress.unreadable;
        match progress.next {
            Some(after) => next = Some(after),
            None => return (resealed, current, skipped, unreadable),
        }
    }
}

/// PB-087.
#[tokio::test]
async fn after_rotating_and_resealing_the_former_key_can_go() {
    let world = signed_in().await;
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    let former = world.keys.list()[0].key_id.clone();
    world.keys.rotate().unwrap();
    assert_eq!(reseal(&world).await, (4, 0, 0, 0), "an app connection, a fabric and two grants");
    assert_eq!(reseal(&world).await, (0, 4, 0, 0));
    world.keys.remove(&former, SealedUnder::Nothing).unwrap();

    let host = world.another_host().await;
    host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    host.access_token(&workload(), DEV, Activity::ScheduledRun).await.unwrap();
    world.advance(HOUR);
    let (_, renewed) = host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    assert_eq!(renewed.reference.generation, 2);
    host.access_token(&workload(), DEV, Activity::ScheduledRun).await.unwrap();
    world.sign_in(&bob()).await;
    for (key, entry) in records(&world, "").await {
        assert!(!String::from_utf8_lossy(&entry.value).contains(&former), "{key}");
    }
}

/// Resealing changes no lineage, no generation and no life.
#[tokio::test]
async fn a_resealed_token_keeps_what_remains_of_its_life() {
    let world = signed_in().await;
    let (token, before) = world.token(&alice()).await.unwrap();
    world.advance(Duration::from_secs(600));
    world.keys.rotate().unwrap();
    reseal(&world).await;
    world.advance(Duration::from_secs(600));
    let host = world.another_host().await;
    let (served, after) = host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&served), token);
    assert_eq!(after.reference, before.reference);
    let passed = Duration::from_nanos(before.expires_in - after.expires_in);
    assert!((Duration::from_secs(1_200)..Duration::from_secs(1_230)).contains(&passed), "{passed:?}");
}

/// A renewal that was interrupted is not under way for ever: its record is resealed as well, and stays as it is.
#[tokio::test]
async fn a_grant_whose_renewal_was_interrupted_is_resealed_with_its_claim() {
    let world = signed_in().await;
    world.advance(HOUR);
    world.workspace.inject(Endpoint::Token, Fault::HangUpBefore);
    world.token(&alice()).await.unwrap_err();
    let [(key, claimed)] = records(&world, "grant/person/").await.try_into().unwrap();
    assert!(claimed.tag.is_some());
    let former = world.keys.list()[0].key_id.clone();
    world.keys.rotate().unwrap();
    assert_eq!(reseal(&world).await, (2, 0, 1, 0), "it may be under way yet");
    world.advance(Duration::from_secs(60));
    assert_eq!(reseal(&world).await, (1, 2, 0, 0));

    let resealed = world.database.storage().get(&key).await.unwrap().unwrap();
    assert_eq!(resealed.tag, claimed.tag);
    let member = |entry: &Entry, name: &str| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&entry.value).unwrap()[name].clone()
    };
    for name in ["claim", "lineage", "generation", "scopes"] {
        assert_eq!(member(&resealed, name), member(&claimed, name), "{name}");
    }
    world.keys.remove(&former, SealedUnder::Nothing).unwrap();
    let caller = alice();
    let (_, renewed) = while_time_passes(&world, world.token(&caller)).await.unwrap();
    assert_eq!((renewed.reference.generation, world.books().reuses()), (2, 0));
}

/// One record that was damaged in the store keeps no other under an old key, and stays as it is.
#[tokio::test]
async fn damaged_records_are_passed_over_when_everything_is_resealed() {
    let world = World::new().await;
    world.sign_in(&bob()).await;
    let bobs = only_key(&world, "grant/person/").await;
    world.sign_in(&alice()).await;
    let [(_, entry)] = records(&world, &bobs).await.try_into().unwrap();
    let mut moved: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
    moved["identity"] = moved["access_token"].clone();
    let damaged = [
        ("app-connection/acme/broken", b"{".to_vec()),
        ("fabric/acme/broken", b"[]".to_vec()),
        (bobs.as_str(), moved.to_string().into_bytes()),
    ];
    for (key, value) in &damaged {
        overwrite(&world, key, value).await;
    }
    world.keys.rotate().unwrap();
    assert_eq!(reseal(&world).await, (3, 0, 0, 3));
    assert_eq!(reseal(&world).await, (0, 3, 0, 3));
    for (key, value) in &damaged {
        assert_eq!(&world.database.storage().get(key).await.unwrap().unwrap().value, value, "{key}");
    }
    let fabrics = journaled(&world, Action::FabricUnreadable).await;
    assert_eq!((fabrics.len(), fabrics[0].fabric.as_deref()), (2, Some("broken")));
    assert_eq!(journaled(&world, Action::AppConnectionUnreadable).await.len(), 2);
    assert_eq!(journaled(&world, Action::GrantUnreadable).await.len(), 2);
}

/// A key that is missing is not the end of a record.
#[tokio::test]
async fn a_master_key_that_is_not_there_is_for_the_operator_to_give_back_and_its_records_stay_as_they_are() {
    let world = signed_in().await;
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    let before = records(&world, "grant/").await;
    let other = KeyRing::create(other_ring(world.folder()), std::sync::Arc::new(SystemClock::new())).unwrap();
    let host = world.host_with_keys(std::sync::Arc::new(other)).await;
    let missing = world.keys.list()[0].key_id.clone();
    for (caller, activity) in [(alice(), Activity::PipelineDevelopment), (workload(), Activity::ScheduledRun)] {
        let error = host.access_token(&caller, DEV, activity).await.unwrap_err();
        assert!(matches!(&error, Error::Misconfigured(message) if message.contains(&missing)), "{error:?}");
        assert_eq!(error.actor(), Actor::Operator);
    }
    let error = host.reseal(&cluster_admin(), None).await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured(_)), "{error:?}");
    let unchanged = |entries: Vec<(String, Entry)>| -> Vec<_> {
        entries.into_iter().map(|(key, entry)| (key, entry.revision, entry.value)).collect()
    };
    assert_eq!(unchanged(records(&world, "grant/").await), unchanged(before));
    world.token(&alice()).await.unwrap();
}

fn other_ring(folder: &Path) -> PathBuf {
    folder.join("other-keyring.json")
}
