//! Killed while nobody but the server knows what becomes of the request.

use std::time::Duration;

use fabric_auth_tests::Engine;
use simulated_workspace::{Endpoint, Fault};

use super::at_expiry;
use crate::ending::{is_served_after_takeover, person_is_told_to_sign_in};

/// How long the server takes: enough to be killed meanwhile.
const SLOW: Duration = Duration::from_secs(3);

pub async fn a_request_that_never_arrives_is_sent_again_by_whoever_takes_over(engine: Engine) {
    let Some((cluster, mut host)) = at_expiry(engine).await else { return };
    cluster.wire.lose();
    let answer = host.ask("token alice dev");
    cluster.wire.has_lost_a_request().await;
    host.kill();
    assert_eq!(answer.await, None, "it was killed before it could answer");
    cluster.wire.open();
    assert_eq!(cluster.refreshes(), 0);
    let next = cluster.start().await;
    is_served_after_takeover(&cluster, &next).await;
}

pub async fn a_request_on_which_the_server_acts_after_its_host_was_killed_ends_in_a_sign_in(engine: Engine) {
    let Some((cluster, mut host)) = at_expiry(engine).await else { return };
    cluster.workspace.inject(Endpoint::Token, Fault::DelayBefore(SLOW));
    let answer = host.ask("token alice dev");
    cluster.has_been_asked(1).await;
    host.kill();
    assert_eq!(answer.await, None, "it was killed before it could answer");
    assert_eq!(cluster.workspace.books().grant("refresh_token").successes, 0, "the server has not acted yet");
    let next = cluster.start().await;
    cluster.has_granted(1).await;
    person_is_told_to_sign_in(&cluster, &next).await;
}

pub async fn a_reply_whose_host_was_killed_before_it_came_ends_in_a_sign_in(engine: Engine) {
    let Some((cluster, mut host)) = at_expiry(engine).await else { return };
    cluster.workspace.inject(Endpoint::Token, Fault::DelayAfter(SLOW));
    let replies = cluster.wire.replies();
    let answer = host.ask("token alice dev");
    cluster.has_granted(1).await;
    host.kill();
    assert_eq!(answer.await, None, "it was killed before it could answer");
    assert_eq!(cluster.wire.replies(), replies, "the reply has not come yet");
    let next = cluster.start().await;
    person_is_told_to_sign_in(&cluster, &next).await;
}
