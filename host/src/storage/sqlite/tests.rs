use std::{path::Path, process::Command, sync::Arc};

use super::*;
use crate::{
    clock::{Clock, MovableClock, SystemClock},
    storage::{
        UPON_WRITING,
        contract::{self, StoreTime},
    },
};

/// Tells a child process which database to work on.
const DATABASE_OF_CHILD: &str = "FABRIC_AUTH_TEST_DATABASE";
const INCREMENTS: u64 = 25;

async fn open(path: &Path, clock: impl Clock) -> SqliteStorage {
    Database::open(path, Arc::new(clock)).await.unwrap().storage()
}

async fn create(store: &SqliteStorage, key: &str, value: &[u8]) {
    let outcome = store.put(key, value.to_vec(), None, Precondition::Absent, UPON_WRITING).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Written(_)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_the_storage_contract() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MovableClock::new();
    let number = std::sync::atomic::AtomicU32::new(0);
    let make_store = async || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let store = open(&folder.path().join(format!("{number}.sqlite")), clock.clone()).await;
        Arc::new(store) as Arc<dyn Storage>
    };
    contract::all(make_store, &StoreTime::Movable(clock.clone())).await;
}

#[tokio::test]
async fn a_record_outlives_the_program_that_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    let first = open(&path, SystemClock::new()).await;
    let tag = Some("claim".to_owned());
    let outcome = first.put("key", b"a\0b".to_vec(), tag.clone(), Precondition::Absent, UPON_WRITING).await.unwrap();
    first.database.close().await;
    let entry = open(&path, SystemClock::new()).await.get("key").await.unwrap().unwrap();
    assert_eq!((entry.value.as_slice(), entry.tag), (&b"a\0b"[..], tag));
    assert_eq!(outcome, WriteOutcome::Written(entry.revision));
}

#[tokio::test]
async fn within_one_boot_a_step_of_the_system_clock_does_not_change_an_age() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MovableClock::new();
    let store = open(&folder.path().join("records.sqlite"), clock.clone()).await;
    create(&store, "key", b"value").await;
    for step in [86_400, -2 * 86_400] {
        clock.step_system(step);
        let age = store.get("key").await.unwrap().unwrap().age;
        assert!(age < Duration::from_secs(60), "{age:?} after a step of {step} s");
    }
}

#[tokio::test]
async fn after_a_reboot_an_age_goes_by_the_system_clock_and_is_never_negative() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    create(&open(&path, MovableClock::new()).await, "key", b"value").await;
    // Another movable clock has another boot id, as the machine has after a reboot.
    let clock = MovableClock::new();
    let store = open(&path, clock.clone()).await;
    clock.step_system(3600);
    let age = store.get("key").await.unwrap().unwrap().age;
    assert!(age >= Duration::from_secs(3590) && age < Duration::from_secs(3660), "{age:?}");
    clock.step_system(-7200);
    assert_eq!(store.get("key").await.unwrap().unwrap().age, Duration::ZERO);
}

#[tokio::test]
async fn while_another_process_holds_the_lock_reads_go_on_and_a_write_has_certainly_not_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    let (this, other) = (open(&path, SystemClock::new()).await, open(&path, SystemClock::new()).await);
    create(&this, "key", b"value").await;
    let lock = other.database.begin_write().await.unwrap();
    let began = std::time::Instant::now();
    let refused = this.put("another", Vec::new(), None, Precondition::Absent, UPON_WRITING).await.unwrap_err();
    assert!(matches!(&refused, StorageError::Unavailable(message) if message.contains("records.sqlite")), "{refused}");
    assert!(began.elapsed() < crate::storage::WRITE_BUDGET);
    assert_eq!(this.get("key").await.unwrap().unwrap().value, b"value");
    drop(lock);
    create(&this, "another", b"value").await;
}

#[tokio::test]
async fn a_write_that_fails_at_its_commit_has_an_unknown_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("records.sqlite"), SystemClock::new()).await;
    // A deferred constraint is checked by COMMIT, so it makes one fail on demand.
    let prepare = "CREATE TABLE child (parent TEXT REFERENCES record (key) DEFERRABLE INITIALLY DEFERRED)";
    let mut transaction = store.database.begin_write().await.unwrap();
    sqlx::query(prepare).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let failing = async {
        let mut transaction = store.database.begin_write().await?;
        sqlx::query("INSERT INTO child VALUES ('missing')").execute(&mut *transaction).await?;
        Ok(((), Some(transaction)))
    };
    let error = store.database.write(failing).await.unwrap_err();
    assert!(matches!(error, StorageError::OutcomeUnknown(_)), "{error}");
    create(&store, "key", b"the connection is whole again").await;
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("records.sqlite"), SystemClock::new()).await;
    store.database.close().await;
    assert!(matches!(store.get("key").await, Err(StorageError::Unavailable(_))));
    let put = store.put("key", Vec::new(), None, Precondition::Absent, UPON_WRITING).await;
    assert!(matches!(put, Err(StorageError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_on_one_file_lose_no_increment() {
    // The test is its own second and third process: with this variable it only does a child's part.
    if let Some(path) = std::env::var_os(DATABASE_OF_CHILD) {
        return increments(open(Path::new(&path), SystemClock::new()).await).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    let first = open(&path, SystemClock::new()).await;
    create(&first, "counter", &0_u64.to_be_bytes()).await;
    // The test harness names a test by its path without the name of the crate.
    let (_, module) = module_path!().split_once("::").unwrap();
    let this_test = format!("{module}::processes_on_one_file_lose_no_increment");
    let mut children: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", this_test.as_str()])
                .env(DATABASE_OF_CHILD, &path)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let second = open(&path, SystemClock::new()).await;
    tokio::join!(increments(first.clone()), increments(second));
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let value = first.get("counter").await.unwrap().unwrap().value;
    assert_eq!(u64::from_be_bytes(value.try_into().unwrap()), 4 * INCREMENTS);
}

async fn increments(store: SqliteStorage) {
    let store: Arc<dyn Storage> = Arc::new(store);
    for _ in 0..INCREMENTS {
        contract::increment(&store, "counter").await;
    }
}
