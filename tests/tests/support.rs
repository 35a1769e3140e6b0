//! What several modules begin with or ask for.

use std::fmt::Debug;

use fabric_auth::contract::{Error, SignInReason};
use fabric_auth::journal::{Action, Journal as _};
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

/// How many renewals have ended, well or badly.
pub async fn renewals(world: &World) -> usize {
    let events = world.database.journal().tail(1_000).await.unwrap();
    events.iter().filter(|recorded| recorded.event.action == Action::Renewal).count()
}

/// The name of the error's case.
#[track_caller]
pub fn case_of<T: Debug>(answer: Result<T, Error>) -> &'static str {
    answer.unwrap_err().case()
}
