//! PostgreSQL is not there, or does not take writes.

use fabric_auth_tests::{Cluster, Engine, Outcome, ReplicaSettings, TestStore};

use crate::ending::is_served_at_once;
use crate::replica;

/// Sessions take over the settings of their database when they begin.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                            WHERE datname = 'THIS_DATABASE' AND pid <> pg_backend_pid()";

pub async fn a_host_whose_postgresql_is_down_says_so_and_does_not_start() {
    let cluster = Cluster::new(replica(), Engine::Sqlite).await.unwrap();
    // Nobody listens on the first port.
    let storage_url = "postgres://me:canary@127.0.0.1:1/tokens".to_owned();
    let refusal = cluster.try_to_start(&ReplicaSettings { storage_url, ..cluster.settings() }).await.err().unwrap();
    assert!(refusal.contains("the server cannot be reached") && refusal.contains("127.0.0.1:1"), "{refusal}");
    assert!(!refusal.contains("canary"), "{refusal}");
}

pub async fn nothing_is_sent_while_postgresql_is_read_only() {
    let Some(cluster) = Cluster::new(replica(), Engine::Postgres).await else { return };
    let TestStore::Postgres(database) = &cluster.store else { return };
    let host = cluster.start().await;
    cluster.with_expired_grants_of(&host, &["alice"]).await;
    database.execute("ALTER DATABASE THIS_DATABASE SET default_transaction_read_only = on").await;
    database.execute(END_SESSIONS).await;
    let outcome = host.token("alice").await;
    assert!(matches!(&outcome, Outcome::Failed { case, .. } if case == "unavailable"), "{outcome:?}");
    assert_eq!(cluster.refreshes(), 0);
    let read_write = "SET TRANSACTION READ WRITE; ALTER DATABASE THIS_DATABASE RESET default_transaction_read_only";
    database.execute(read_write).await;
    database.execute(END_SESSIONS).await;
    is_served_at_once(&cluster, &host).await;
}
