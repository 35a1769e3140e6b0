//! Killed with new tokens in hand: before, while and after they are written.

use std::time::Duration;

use fabric_auth_tests::{Answer, Cluster, Engine, HOUR, HeldWrites, Replica};
use futures::future::join_all;
use simulated_workspace::{Endpoint, Fault};

use super::{PENDING_WRITES_END, at_expiry};
use crate::ending::{is_served_at_once, person_is_told_to_sign_in, sign_in_required};
use crate::replica;

/// How long the reply takes: enough to hold up all writes meanwhile.
const SLOW: Duration = Duration::from_secs(2);

/// What passes between the arrival of the reply and the kill. On the machine on which they were chosen, the write was
/// over after some twenty milliseconds.
const MOMENTS: [u64; 8] = [0, 2, 4, 7, 11, 16, 24, 40];

/// The people whose tokens are renewed by a host that is killed at one of these moments.
const PEOPLE: [&str; MOMENTS.len()] = ["ada", "ben", "cleo", "dan", "eve", "finn", "gus", "hal"];

pub async fn a_reply_whose_host_was_killed_before_writing_it_ends_in_a_sign_in(engine: Engine) {
    let Some((cluster, mut host)) = at_expiry(engine).await else { return };
    let (held, answer) = reply_in_hand(&cluster, &host).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    host.kill();
    assert_eq!(answer.await, None, "it was killed before it could answer");
    tokio::time::sleep(PENDING_WRITES_END).await;
    held.release().await;
    assert_eq!(cluster.store.grant().await.generation, 1, "nothing was written");
    let next = cluster.start().await;
    person_is_told_to_sign_in(&cluster, &next).await;
}

/// The statement is with the server, its host is dead, and only then the server does it and has nobody to tell.
pub async fn a_write_that_the_server_has_in_hand_is_done_though_its_host_is_killed() {
    let Some((cluster, mut host)) = at_expiry(Engine::Postgres).await else { return };
    let (mut held, answer) = reply_in_hand(&cluster, &host).await;
    held.holds_a_write().await;
    host.kill();
    held.release().await;
    assert_eq!(answer.await, None, "it was killed before it could answer");
    let next = cluster.start().await;
    is_served_at_once(&cluster, &next).await;
}

/// The outcome is up to the moment; that it is one of the two is not.
pub async fn a_host_killed_at_any_moment_of_writing_has_written_everything_or_nothing(engine: Engine) {
    let Some(cluster) = Cluster::new(replica(), engine).await else { return };
    let first = cluster.start().await;
    cluster.with_expired_grants_of(&first, &PEOPLE).await;
    cluster.give_tokens_a_life_of(HOUR);
    first.quit().await;
    for (user, moment) in PEOPLE.into_iter().zip(MOMENTS) {
        let mut host = cluster.start().await;
        let replies = cluster.wire.replies();
        let answer = host.ask(&format!("token {user} dev"));
        cluster.wire.has_replied_since(replies).await;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        host.kill();
        drop(answer);
    }
    assert_eq!((cluster.refreshes(), cluster.reuses()), (PEOPLE.len() as u64, 0));
    let next = cluster.start().await;
    let mut told = 0;
    for (user, outcome) in PEOPLE.into_iter().zip(join_all(PEOPLE.map(|user| next.token(user))).await) {
        let live = cluster.workspace.live_refresh_tokens_of(&format!("{user}@example.com"));
        match outcome.generation() {
            Some(generation) => assert_eq!((generation, live), (2, 1), "{user}"),
            None => {
                assert_eq!((&outcome, live), (&sign_in_required("OutcomeUnknown"), 0), "{user}");
                told += 1;
            }
        }
    }
    let presented = (cluster.refreshes(), cluster.reuses());
    assert_eq!(presented, (PEOPLE.len() as u64 + told, told), "one is presented again only where it was spent in vain");
}

pub async fn what_a_host_has_written_before_it_was_killed_is_served_by_the_next(engine: Engine) {
    let Some((cluster, mut host)) = at_expiry(engine).await else { return };
    assert_eq!(host.token("alice").await.generation(), Some(2));
    host.kill();
    let next = cluster.start().await;
    is_served_at_once(&cluster, &next).await;
}

/// Has the token of Alice renewed until the reply has come, while no write can happen.
async fn reply_in_hand(
    cluster: &Cluster,
    host: &Replica,
) -> (HeldWrites, impl Future<Output = Option<Answer>> + use<>) {
    cluster.workspace.inject(Endpoint::Token, Fault::DelayAfter(SLOW));
    let replies = cluster.wire.replies();
    let answer = host.ask("token alice dev");
    cluster.has_granted(1).await;
    let held = cluster.store.hold_writes().await;
    assert_eq!(cluster.wire.replies(), replies, "the reply came too early");
    cluster.wire.has_replied_since(replies).await;
    (held, answer)
}
