//! A host is killed at each step of a renewal, and another carries on.
//!
//! | killed | what the other does |
//! | --- | --- |
//! | before its claim | renews at once |
//! | after its claim, before its request | takes over, and renews |
//! | after its request, which never arrives | takes over, and renews |
//! | after its request, on which the server acts | takes over, presents the spent refresh token once, asks for a sign-in |
//! | after the reply, before it is written | the same |
//! | while it is written | serves what was written; where nothing was, the same |
//! | after it was written | serves it |
//!
//! Nothing in the host helps with that: workspace, wire and store hold it where it is to be killed.

mod after_sending;
mod before_sending;
mod while_writing;

use std::time::Duration;

use fabric_auth_tests::{Cluster, Engine, Replica};
use libtest_mimic::Trial;

use crate::{replica, trials, trials_on_each_store};

pub fn trials() -> Vec<Trial> {
    let mut trials = trials_on_each_store! { "crash_matrix":
        before_sending::a_host_killed_before_its_claim_leaves_the_grant_to_the_next_at_once,
        before_sending::a_host_killed_between_claim_and_request_is_succeeded_after_a_minute,
        after_sending::a_request_that_never_arrives_is_sent_again_by_whoever_takes_over,
        after_sending::a_request_on_which_the_server_acts_after_its_host_was_killed_ends_in_a_sign_in,
        after_sending::a_reply_whose_host_was_killed_before_it_came_ends_in_a_sign_in,
        while_writing::a_reply_whose_host_was_killed_before_writing_it_ends_in_a_sign_in,
        while_writing::a_host_killed_at_any_moment_of_writing_has_written_everything_or_nothing,
        while_writing::what_a_host_has_written_before_it_was_killed_is_served_by_the_next,
    };
    trials.extend(trials! { "crash_matrix::postgresql":
        while_writing::a_write_that_the_server_has_in_hand_is_done_though_its_host_is_killed,
    });
    trials
}

/// A statement that waits in PostgreSQL outlives its host, until the time for waiting is over.
const PENDING_WRITES_END: Duration = Duration::from_millis(2_500);

/// A cluster on which Alice's token has expired, and the host that is to be killed.
async fn at_expiry(engine: Engine) -> Option<(Cluster, Replica)> {
    let cluster = Cluster::new(replica(), engine).await?;
    let host = cluster.start().await;
    cluster.with_expired_grants_of(&host, &["alice"]).await;
    Some((cluster, host))
}
