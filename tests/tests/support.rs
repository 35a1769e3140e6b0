//! What several modules begin with or ask for.

use std::fmt::Debug;

use fabric_auth::contract::{Error, SignInReason};
use fabric_auth::journal::{Action, Event, Journal as _};
use fabric_auth::storage::{Precondition, Storage as _, UPON_WRITING, WriteOutcome};
use fabric_auth_tests::{World, alice};

/// A world in which Alice has signed in.
pub async fn signed_in() -> World {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    world
}

/// Why a sign-in is asked for.
#[track_caller]
pub fn reason_of<T: Debug>(answer: Result<T, Error>) -> SignInReason {
    match answer {
        Err(Error::SignInRequired(required)) => required.reason,
        other => panic!("no sign-in is asked for: {other:?}"),
    }
}

/// Puts a value in the place of whatever stands under a key, as somebody who can write the database does.
pub async fn overwrite(world: &World, key: &str, value: &[u8]) {
    let storage = world.database.storage();
    let precondition = match storage.get(key).await.unwrap() {
        Some(entry) => Precondition::Revision(entry.revision),
        None => Precondition::Absent,
    };
    let outcome = storage.put(key, value.to_vec(), None, precondition, UPON_WRITING).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Written(_)), "{key} was written by somebody else");
}

/// The key of the only record under a prefix.
pub async fn only_key(world: &World, prefix: &str) -> String {
    let page = world.database.storage().list(prefix, None, 10).await.unwrap();
    let [(key, _)] = page.entries.try_into().expect("one record");
    key
}

/// The journal's entries of one kind.
pub async fn journaled(world: &World, action: Action) -> Vec<Event> {
    let events = world.database.journal().tail(1_000).await.unwrap();
    events.into_iter().map(|recorded| recorded.event).filter(|event| event.action == action).collect()
}

/// How many renewals have ended, well or badly.
pub async fn renewals(world: &World) -> usize {
    journaled(world, Action::Renewal).await.len()
}

/// The name of the error's case.
#[track_caller]
pub fn case_of<T: Debug>(answer: Result<T, Error>) -> &'static str {
    answer.unwrap_err().case()
}
