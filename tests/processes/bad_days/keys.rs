//! Hosts on one database that do not share the key ring.

use std::sync::Arc;

use fabric_auth::clock::SystemClock;
use fabric_auth::keys::KeyRing;
use fabric_auth_tests::{Cluster, Engine, Outcome, ReplicaSettings};

use crate::ending::is_served_at_once;
use crate::replica;

pub async fn a_host_with_another_key_ring_says_so_and_leaves_the_grant_to_the_others() {
    let cluster = Cluster::new(replica(), Engine::Sqlite).await.unwrap();
    let host = cluster.start().await;
    cluster.with_expired_grants_of(&host, &["alice"]).await;
    let keys = cluster.folder().join("another-keyring.json");
    KeyRing::create(&keys, Arc::new(SystemClock::new())).unwrap();
    let stranger = cluster.start_as(&ReplicaSettings { keys, ..cluster.settings() }).await;
    for _ in 0..3 {
        let outcome = stranger.token("alice").await;
        assert!(matches!(&outcome, Outcome::Failed { case, .. } if case == "misconfigured"), "{outcome:?}");
    }
    let grant = cluster.store.grant().await;
    assert!(!grant.claimed && grant.has_refresh_token && grant.generation == 1, "{grant:?}");
    assert_eq!(cluster.refreshes(), 0);
    is_served_at_once(&cluster, &host).await;
}
