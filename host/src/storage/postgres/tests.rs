use std::sync::Arc;

use fabric_auth_tests::{PostgresServer, PostgresTestDatabase, eventually};
use sqlx::{Connection as _, PgConnection};

use super::*;
use crate::{
    clock::{Clock as _, MovableClock, SystemClock},
    database::PostgresSettings,
    storage::{
        UPON_WRITING,
        contract::{self, StoreTime},
    },
};

async fn open(database: &PostgresTestDatabase) -> PostgresStorage {
    let settings = PostgresSettings::from_url(&database.url, 4).unwrap();
    PostgresDatabase::open(&settings, Arc::new(SystemClock::new())).await.unwrap().storage()
}

async fn create(store: &PostgresStorage, key: &str, value: &[u8]) -> u64 {
    match store.put(key, value.to_vec(), None, Precondition::Absent, UPON_WRITING).await.unwrap() {
        WriteOutcome::Written(revision) => revision,
        WriteOutcome::Lost(current) => panic!("lost to {current:?}"),
    }
}

async fn age(store: &PostgresStorage, key: &str) -> Duration {
    store.get(key).await.unwrap().unwrap().age
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_keeps_the_storage_contract() {
    let Some(server) = PostgresServer::shared() else { return };
    let databases = tokio::sync::Mutex::new(Vec::new());
    let make_store = async || {
        let database = server.database().await;
        let store = open(&database).await;
        databases.lock().await.push(database);
        Arc::new(store) as Arc<dyn Storage>
    };
    contract::all(make_store, &StoreTime::Real(SystemClock::new())).await;
}

/// Hosts that fight over one key, creating it anew as soon as another has deleted it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_revisions_of_a_key_grow_through_deletes_of_several_hosts() {
    const ROUNDS: usize = 40;
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.database().await;
    let mut hosts = Vec::new();
    for _ in 0..4 {
        let store = open(&database).await;
        hosts.push(tokio::spawn(async move {
            let mut created = Vec::new();
            while created.len() < ROUNDS {
                let put = store.put("key", Vec::new(), None, Precondition::Absent, UPON_WRITING).await.unwrap();
                let WriteOutcome::Written(first) = put else { continue };
                let replaced = store.put("key", Vec::new(), None, Precondition::Revision(first), UPON_WRITING).await;
                let Ok(WriteOutcome::Written(second)) = replaced else { panic!("lost what it alone may change") };
                assert!(second > first);
                store.delete("key", second).await.unwrap();
                created.push(first);
            }
            created
        }));
    }
    let mut all = Vec::new();
    for host in hosts {
        let created = host.await.unwrap();
        assert!(created.is_sorted(), "{created:?}");
        all.extend(created);
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4 * ROUNDS);
}

/// A writer that waits takes its revision after the wait, or it could be lower than what came before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_key_take_turns_before_they_take_a_revision() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.database().await;
    let store = open(&database).await;
    let mut holder = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock($1)").bind(turn("key")).execute(&mut holder).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { create(&store, "key", b"late").await }
    });
    let waiters = "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid \
                   WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()";
    eventually("the writer waits", async || database.number(waiters).await == 1).await;
    let early = create(&store, "another", b"early").await;
    holder.close().await.unwrap();
    let late = waiting.await.unwrap();
    assert!(late > early, "{late} was taken while another held the turn, {early} meanwhile");
}

#[tokio::test]
async fn a_wait_for_a_lock_ends_in_time_and_has_certainly_written_nothing() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.database().await;
    let store = open(&database).await;
    let revision = create(&store, "key", b"value").await;
    let mut holder = PgConnection::connect(&database.url).await.unwrap();
    let mut lock = holder.begin().await.unwrap();
    sqlx::query("SELECT * FROM fabric_auth_record FOR UPDATE").execute(&mut *lock).await.unwrap();
    let put = store.put("key", b"other".to_vec(), None, Precondition::Revision(revision), UPON_WRITING).await;
    assert!(matches!(&put, Err(StorageError::Unavailable(told)) if told.contains("in time")), "{put:?}");
    assert_eq!(store.get("key").await.unwrap().unwrap().value, b"value", "reads do not wait");
    lock.rollback().await.unwrap();
    assert_eq!(store.get("key").await.unwrap().unwrap().revision, revision);
}

/// The machine of the host may sleep between the beginning of a put and its writing.
#[tokio::test]
async fn an_age_counts_what_the_host_has_slept_during_a_put() {
    let Some(server) = PostgresServer::shared() else { return };
    let (database, clock) = (server.database().await, MovableClock::new());
    let settings = PostgresSettings::from_url(&database.url, 1).unwrap();
    let store = PostgresDatabase::open(&settings, Arc::new(clock.clone())).await.unwrap().storage();
    let begun_at = clock.monotonic();
    clock.advance(Duration::from_secs(3_600));
    store.put("key", Vec::new(), None, Precondition::Absent, begun_at).await.unwrap();
    let age = age(&store, "key").await;
    assert!(age >= Duration::from_secs(3_600) && age < Duration::from_secs(3_660), "{age:?}");
}

#[tokio::test]
async fn an_age_goes_by_the_servers_clock_and_is_never_negative() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.database().await;
    let store = open(&database).await;
    create(&store, "key", b"value").await;
    // As if the server's clock had been set ahead by an hour, and then back by two.
    database.execute("UPDATE fabric_auth_record SET written_at = written_at - 3600 * 1000000::bigint").await;
    let ahead = age(&store, "key").await;
    assert!(ahead >= Duration::from_secs(3_600) && ahead < Duration::from_secs(3_660), "{ahead:?}");
    database.execute("UPDATE fabric_auth_record SET written_at = written_at + 2 * 3600 * 1000000::bigint").await;
    assert_eq!(age(&store, "key").await, Duration::ZERO);
    assert_eq!(store.list("", None, 1).await.unwrap().entries[0].1.age, Duration::ZERO);
}

#[tokio::test]
async fn another_host_hears_of_a_change_and_the_one_that_made_it_does_not() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.database().await;
    let (this, other) = (open(&database).await, open(&database).await);
    let (mut here, mut there) = (this.announcements().unwrap(), other.announcements().unwrap());
    listening(&mut here).await;
    listening(&mut there).await;
    let revision = create(&this, "grant/a", b"value").await;
    this.delete("grant/a", revision).await.unwrap();
    create(&other, "grant/b", b"value").await;
    let changed = |key: &str| Some(Announcement::Changed(key.to_owned()));
    assert_eq!(heard(&mut there).await, changed("grant/a"));
    assert_eq!(heard(&mut there).await, changed("grant/a"));
    assert_eq!(heard(&mut here).await, changed("grant/b"));
    // What was not written is not announced.
    this.put("grant/a", Vec::new(), None, Precondition::Revision(revision), UPON_WRITING).await.unwrap();
    create(&this, "grant/c", b"value").await;
    assert_eq!(heard(&mut there).await, changed("grant/c"));
}

#[tokio::test]
async fn what_was_missed_while_the_server_was_away_is_said_so() {
    let Some(server) = PostgresServer::private() else { return };
    let database = server.database().await;
    let (this, other) = (open(&database).await, open(&database).await);
    let mut there = other.announcements().unwrap();
    listening(&mut there).await;
    server.stop();
    server.start();
    create(&this, "grant/a", b"value").await;
    let mut first = heard(&mut there).await;
    if first == Some(Announcement::Changed("grant/a".to_owned())) {
        panic!("the interruption was not told of");
    }
    while first == Some(Announcement::Missed) {
        create(&this, &format!("grant/{}", random_name()), b"value").await;
        first = heard(&mut there).await;
    }
    assert!(matches!(first, Some(Announcement::Changed(_))), "{first:?}");
}

/// Waits until announcements come in.
async fn listening(announcements: &mut Announcements) {
    assert_eq!(heard(announcements).await, Some(Announcement::Missed));
}

async fn heard(announcements: &mut Announcements) -> Option<Announcement> {
    tokio::time::timeout(Duration::from_secs(10), announcements.next()).await.expect("an announcement")
}
