//! A backup is put in the place of the database.

use std::fs;

use fabric_auth_tests::{Cluster, Engine, LONG_LIFE, TestStore, until_expired};

use crate::ending::{nothing_is_left_of_the_session, sign_in_required};
use crate::replica;

/// The refresh token in the backup has been spent since. Nobody can know that before it is presented.
pub async fn a_spent_refresh_token_from_a_backup_asks_for_a_sign_in_and_only_once_for_tokens() {
    let cluster = Cluster::new(replica(), Engine::Sqlite).await.unwrap();
    let TestStore::Sqlite(path) = &cluster.store else { return };
    let backup = cluster.folder().join("backup.db");
    let host = cluster.start().await;
    cluster.administer(&host).await;
    cluster.sign_in(&host, "alice").await;
    host.quit().await;
    assert!(!path.with_extension("db-wal").exists(), "a host that ends in order leaves all of it in one file");
    fs::copy(path, &backup).unwrap();
    until_expired(LONG_LIFE).await;
    let host = cluster.start().await;
    assert_eq!(host.token("alice").await.generation(), Some(2));
    host.quit().await;
    fs::copy(&backup, path).unwrap();
    let host = cluster.start().await;
    assert_eq!(host.token("alice").await, sign_in_required("SessionEnded"));
    assert_eq!((cluster.refreshes(), cluster.reuses()), (2, 1));
    nothing_is_left_of_the_session(&cluster, &host, "SessionEnded").await;
}
