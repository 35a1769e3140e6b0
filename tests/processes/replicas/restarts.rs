//! PostgreSQL ends and comes back in the midst of a renewal.

use std::time::Duration;

use fabric_auth_tests::{Cluster, LONG_LIFE, PostgresServer, Replica, TestStore, until_expired};
use simulated_workspace::{Endpoint, Fault};

use crate::replica;

/// How long PostgreSQL is away: longer than one write is tried, shorter than new tokens are held.
const AWAY: Duration = Duration::from_secs(8);

pub async fn new_tokens_are_held_while_postgresql_restarts() {
    let Some(server) = PostgresServer::private() else { return };
    let (cluster, host) = at_expiry_on(&server).await;
    cluster.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_secs(2)));
    let replies = cluster.wire.replies();
    let answer = host.ask("token alice dev");
    cluster.has_granted(1).await;
    server.crash();
    cluster.wire.has_replied_since(replies).await;
    tokio::time::sleep(AWAY).await;
    server.start();
    let told = answer.await.unwrap().outcome;
    assert_eq!(host.token("alice").await.generation(), Some(2), "the one who asked was told {told:?}");
    session_goes_on(&cluster, &host, 1).await;
}

/// Nothing was sent: the host could not see that the claim is still its own.
pub async fn a_renewal_that_is_claimed_while_postgresql_goes_away_is_made_once_it_is_back() {
    let Some(server) = PostgresServer::private() else { return };
    let (cluster, host) = at_expiry_on(&server).await;
    let mut held = cluster.store.hold_writes().await;
    let answer = host.ask("token alice dev");
    held.holds_a_write().await;
    server.crash();
    drop(held);
    tokio::time::sleep(AWAY).await;
    assert_eq!(cluster.refreshes(), 0, "without a claim in the store nothing is sent");
    server.start();
    let told = answer.await.unwrap().outcome;
    assert_eq!(host.token("alice").await.generation(), Some(2), "the one who asked was told {told:?}");
    session_goes_on(&cluster, &host, 1).await;
}

async fn at_expiry_on(server: &PostgresServer) -> (Cluster, Replica) {
    let store = TestStore::Postgres(server.database().await);
    let cluster = Cluster::on(replica(), store, tempfile::tempdir().unwrap()).await;
    let host = cluster.start().await;
    cluster.with_expired_grants_of(&host, &["alice"]).await;
    (cluster, host)
}

async fn session_goes_on(cluster: &Cluster, host: &Replica, refreshes: u64) {
    assert_eq!((cluster.refreshes(), cluster.reuses()), (refreshes, 0));
    until_expired(LONG_LIFE).await;
    assert_eq!(host.token("alice").await.generation(), Some(3));
    assert_eq!((cluster.refreshes(), cluster.reuses()), (refreshes + 1, 0));
}
