//! Hosts of two versions on one store: what a newer one wrote is neither lost nor overwritten.

use fabric_auth::storage::{Precondition, Storage as _, UPON_WRITING, WriteOutcome};
use fabric_auth_tests::{HOUR, World, alice};
use serde_json::{Value, json};

use crate::support::{case_of, signed_in};

/// The only grant, as it is stored.
async fn grant(world: &World) -> (String, Value, u64) {
    let page = world.database.storage().list("grant/person/", None, 10).await.unwrap();
    let (key, entry) = page.entries.into_iter().next().unwrap();
    (key, serde_json::from_slice(&entry.value).unwrap(), entry.revision)
}

/// Changes the only grant as another version would.
async fn rewrite(world: &World, change: impl FnOnce(&mut Value)) {
    let (key, mut record, revision) = grant(world).await;
    change(&mut record);
    let value = serde_json::to_vec(&record).unwrap();
    let put = world.database.storage().put(&key, value, None, Precondition::Revision(revision), UPON_WRITING).await;
    assert!(matches!(put, Ok(WriteOutcome::Written(_))));
}

#[tokio::test]
async fn members_of_a_newer_version_survive_a_renewal() {
    let world = signed_in().await;
    let added = json!({"known_to": "a newer version", "numbers": [1, 2, 3]});
    rewrite(&world, |record| record["added_later"] = added.clone()).await;
    for generation in 2..=3 {
        world.advance(HOUR);
        assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, generation);
        assert_eq!(grant(&world).await.1["added_later"], added);
    }
}

#[tokio::test]
async fn a_record_of_an_older_version_is_understood_without_the_members_it_lacks() {
    let world = signed_in().await;
    rewrite(&world, |record| {
        for later in ["reusable_for", "unresolved"] {
            record.as_object_mut().unwrap().remove(later);
        }
    })
    .await;
    world.advance(HOUR);
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 2);
}

#[tokio::test]
async fn a_record_that_only_a_newer_version_understands_is_left_as_it_is() {
    let world = signed_in().await;
    rewrite(&world, |record| record["version"] = json!(2)).await;
    let (_, before, revision) = grant(&world).await;
    world.advance(HOUR);
    let error = world.token(&alice()).await.unwrap_err();
    assert_eq!(error.case(), "unavailable");
    assert!(error.message().contains("newer version"), "{error:?}");
    assert_eq!(case_of(world.try_sign_in(&alice(), "alice@example.com").await), "unavailable");
    assert_eq!(grant(&world).await, (grant(&world).await.0, before, revision));
    assert_eq!(world.refreshes(), 0);
}
