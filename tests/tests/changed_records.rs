//! Records that are not as this version wrote them: of a newer version, or changed by hand.

use fabric_auth::contract::Activity::PipelineDevelopment;
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{DEV, HOUR, World, alice};
use serde_json::Value;

use crate::support::{only_key, overwrite, signed_in};

/// Changes Alice's grant as somebody who can write the database does, and gives the bytes that it then has.
async fn change(world: &World, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let key = only_key(world, "grant/person/").await;
    let entry = world.database.storage().get(&key).await.unwrap().unwrap();
    let mut record: Value = serde_json::from_slice(&entry.value).unwrap();
    change(&mut record);
    let changed = record.to_string().into_bytes();
    overwrite(world, &key, &changed).await;
    changed
}

/// Asks a fresh host for Alice's token a few times; the grant must stay as it is, and nothing be sent.
async fn refusals(world: &World, stands: &[u8]) -> Vec<(&'static str, String)> {
    let host = world.another_host().await;
    let mut refusals = Vec::new();
    for _ in 0..3 {
        let error = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap_err();
        refusals.push((error.case(), error.message().to_owned()));
    }
    let key = only_key(world, "grant/person/").await;
    assert_eq!(world.database.storage().get(&key).await.unwrap().unwrap().value, stands, "it was written over");
    assert_eq!(world.refreshes(), 0);
    refusals
}

#[tokio::test]
async fn a_grant_that_a_newer_version_wrote_is_left_as_it_is_and_the_host_is_to_be_upgraded() {
    let world = signed_in().await;
    let written = change(&world, |record| record["version"] = 2.into()).await;
    for wait in [HOUR / 60, HOUR] {
        world.advance(wait);
        for (case, message) in refusals(&world, &written).await {
            assert!(case == "unavailable" && message.contains("newer version of fabric-auth"), "{case}: {message}");
        }
    }
}

#[tokio::test]
async fn a_sealed_token_that_was_changed_is_told_as_damage_and_never_written_over() {
    for (field, wait) in [("access_token", HOUR / 60), ("refresh_token", HOUR)] {
        let world = signed_in().await;
        let damaged = change(&world, |record| flip(&mut record[field])).await;
        world.advance(wait);
        for (case, message) in refusals(&world, &damaged).await {
            assert!(case == "internal" && message.contains("was changed"), "{field}: {case}: {message}");
        }
        world.end().await;
    }
}

/// Changes one character of what is sealed in a compact JWE: of its fourth part.
fn flip(sealed: &mut Value) {
    let mut parts: Vec<String> = sealed.as_str().unwrap().split('.').map(str::to_owned).collect();
    let other = if parts[3].starts_with('A') { "B" } else { "A" };
    parts[3].replace_range(..1, other);
    *sealed = parts.join(".").into();
}
