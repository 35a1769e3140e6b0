//! Killed before anything was sent.

use std::time::Duration;

use fabric_auth_tests::Engine;

use super::{PENDING_WRITES_END, at_expiry};
use crate::ending::{is_served_after_takeover, is_served_at_once};

pub async fn a_host_killed_before_its_claim_leaves_the_grant_to_the_next_at_once(engine: Engine) {
    let Some((cluster, mut host)) = at_expiry(engine).await else { return };
    let mut held = cluster.store.hold_writes().await;
    let answer = host.ask("token alice dev");
    match engine {
        Engine::Sqlite => tokio::time::sleep(Duration::from_secs(1)).await,
        Engine::Postgres => held.holds_a_write().await,
    }
    host.kill();
    assert_eq!(answer.await, None, "it was killed before it could answer");
    tokio::time::sleep(PENDING_WRITES_END).await;
    held.release().await;
    assert_eq!((cluster.store.grant().await.claimed, cluster.refreshes()), (false, 0));
    let next = cluster.start().await;
    is_served_at_once(&cluster, &next).await;
}

/// The queue of connections is full, so that connecting takes its time: the claim is there, and nothing was sent.
pub async fn a_host_killed_between_claim_and_request_is_succeeded_after_a_minute(engine: Engine) {
    let Some((cluster, mut host)) = at_expiry(engine).await else { return };
    let full = cluster.wire.close().await;
    let answer = host.ask("token alice dev");
    cluster.is_claimed().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    host.kill();
    assert_eq!(answer.await, None, "it was killed before it could answer");
    drop(full);
    cluster.wire.open();
    assert_eq!(cluster.refreshes(), 0);
    let next = cluster.start().await;
    is_served_after_takeover(&cluster, &next).await;
}
