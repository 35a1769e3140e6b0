use futures::{FutureExt, future::BoxFuture};
use tokio::sync::Notify;

use super::*;
use crate::{
    clock::{Clock, MovableClock},
    storage::{MemoryStorage, Page, UPON_WRITING},
};

const KEY: &str = "grant/one";
const HOUR: Duration = Duration::from_secs(3600);
/// What the real time that a test takes may add to a measured hour.
const SLACK: Duration = Duration::from_secs(60);

fn observed(clock: &MovableClock) -> Observed<MemoryStorage> {
    let store = MemoryStorage::new(Arc::new(clock.clone()));
    Observed::new(Arc::new(store), Arc::new(clock.clone()))
}

async fn put(store: &Observed<MemoryStorage>, tag: Option<&str>, precondition: Precondition) -> u64 {
    match store.put(KEY, b"value".to_vec(), tag.map(str::to_owned), precondition).await.unwrap() {
        ObservedOutcome::Written(revision) => revision,
        ObservedOutcome::Lost(current) => panic!("lost to {current:?}"),
    }
}

async fn unchanged_for(store: &Observed<MemoryStorage>) -> Duration {
    store.get(KEY).await.unwrap().unwrap().unchanged_for
}

#[tokio::test]
async fn a_tag_of_another_host_counts_from_when_this_host_first_saw_it() {
    let clock = MovableClock::new();
    let other = observed(&clock);
    let this = Observed::new(Arc::clone(&other.store), Arc::new(clock.clone()));
    put(&other, Some("claim"), Precondition::Absent).await;
    clock.advance(HOUR);
    assert_eq!(unchanged_for(&this).await, Duration::ZERO);
    clock.advance(HOUR);
    let seen = unchanged_for(&this).await;
    assert!(seen > HOUR - SLACK && seen < HOUR + SLACK, "{seen:?}");
}

#[tokio::test]
async fn a_put_that_keeps_the_tag_does_not_start_it_anew_and_one_that_changes_it_does() {
    let clock = MovableClock::new();
    let store = observed(&clock);
    let first = put(&store, Some("claim"), Precondition::Absent).await;
    clock.advance(HOUR);
    let resealed = put(&store, Some("claim"), Precondition::Revision(first)).await;
    assert!(unchanged_for(&store).await > HOUR - SLACK);
    put(&store, Some("another"), Precondition::Revision(resealed)).await;
    assert!(unchanged_for(&store).await < SLACK);
}

#[tokio::test]
async fn a_tag_that_comes_back_after_a_delete_counts_anew() {
    let clock = MovableClock::new();
    let store = observed(&clock);
    let revision = put(&store, Some("claim"), Precondition::Absent).await;
    clock.advance(HOUR);
    store.delete(KEY, revision).await.unwrap();
    put(&store, Some("claim"), Precondition::Absent).await;
    assert!(unchanged_for(&store).await < SLACK);
}

#[tokio::test]
async fn a_record_without_a_tag_and_a_listed_one_are_unchanged_for_no_time() {
    let clock = MovableClock::new();
    let store = observed(&clock);
    let revision = put(&store, None, Precondition::Absent).await;
    clock.advance(HOUR);
    assert_eq!(unchanged_for(&store).await, Duration::ZERO);
    put(&store, Some("claim"), Precondition::Revision(revision)).await;
    clock.advance(HOUR);
    let page = store.list("grant/", None, 10).await.unwrap();
    assert_eq!(page.entries[0].1.unchanged_for, Duration::ZERO);
    assert!(unchanged_for(&store).await > HOUR - SLACK);
}

#[tokio::test]
async fn a_lost_race_tells_how_long_the_winner_has_stood() {
    let clock = MovableClock::new();
    let store = observed(&clock);
    put(&store, Some("claim"), Precondition::Absent).await;
    clock.advance(HOUR);
    let outcome = store.put(KEY, Vec::new(), None, Precondition::Absent).await.unwrap();
    let ObservedOutcome::Lost(Some(current)) = outcome else { panic!("{outcome:?}") };
    assert!(current.unchanged_for > HOUR - SLACK);
}

/// A store whose answers take as long as the test wants, during which its clock can be moved.
struct Slow {
    store: MemoryStorage,
    asked: Notify,
    go_on: Notify,
}

impl Slow {
    fn new(clock: &MovableClock) -> Arc<Self> {
        let store = MemoryStorage::new(Arc::new(clock.clone()));
        Arc::new(Self { store, asked: Notify::new(), go_on: Notify::new() })
    }

    async fn wait(&self) {
        self.asked.notify_one();
        self.go_on.notified().await;
    }
}

impl Storage for Slow {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>> {
        async move {
            let found = self.store.get(key).await;
            self.wait().await;
            found
        }
        .boxed()
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        async move {
            self.wait().await;
            self.store.put(key, value, tag, precondition, begun_at).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        self.store.delete(key, revision)
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        self.store.list(prefix, after, limit)
    }
}

#[tokio::test]
async fn a_put_once_begun_is_carried_through_when_its_caller_goes_away() {
    let clock = MovableClock::new();
    let slow = Slow::new(&clock);
    let observed = Observed::new(Arc::clone(&slow), Arc::new(clock));
    let mut caller = Box::pin(observed.put(KEY, b"new tokens".to_vec(), None, Precondition::Absent));
    tokio::select! {
        _ = &mut caller => panic!("the store has not answered"),
        () = slow.asked.notified() => {}
    }
    drop(caller);
    assert_eq!(slow.store.get(KEY).await.unwrap(), None);
    slow.go_on.notify_one();
    observed.writes_done().await;
    assert_eq!(slow.store.get(KEY).await.unwrap().unwrap().value, b"new tokens");
}

#[tokio::test]
async fn time_that_an_answer_was_under_way_does_not_count_as_time_the_tag_stood() {
    let clock = MovableClock::new();
    let slow = Slow::new(&clock);
    slow.store.put(KEY, Vec::new(), Some("claim".into()), Precondition::Absent, UPON_WRITING).await.unwrap();
    let observed = Observed::new(Arc::clone(&slow), Arc::new(clock.clone()));
    for _ in 0..2 {
        let reader = tokio::spawn({
            let observed = observed.clone();
            async move { observed.get(KEY).await }
        });
        slow.asked.notified().await;
        // The host is frozen while the answer waits to be looked at.
        clock.advance(HOUR);
        slow.go_on.notify_one();
        let entry = reader.await.unwrap().unwrap().unwrap();
        assert!(entry.unchanged_for < SLACK, "{:?}", entry.unchanged_for);
    }
    assert!(clock.monotonic() > 2 * HOUR);
}
