//! The contract of [`Storage`] as one suite that every engine must pass.
//!
//! [`all`] runs it. An engine's test gives a function that makes an empty store and says what moves its clock.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    Entry, LIST_LIMIT, MAX_KEY_BYTES, MAX_PAGE_BYTES, MAX_TAG_BYTES, MAX_VALUE_BYTES, Page, Precondition, Storage,
    StorageError, UPON_WRITING, WriteOutcome,
};
use crate::clock::{Clock as _, MovableClock, SystemClock};

/// A store under test, shared between tasks.
type Store = Arc<dyn Storage>;

/// By what the ages of a store go.
pub(crate) enum StoreTime {
    /// A clock that the suite may move.
    Movable(MovableClock),
    /// A clock that it may not, for instance that of a database server: it waits. What the host goes by is here.
    Real(SystemClock),
}

impl StoreTime {
    /// The host's monotonic clock.
    fn monotonic(&self) -> Duration {
        match self {
            Self::Movable(clock) => clock.monotonic(),
            Self::Real(clock) => clock.monotonic(),
        }
    }

    /// Lets some time pass and says how much at least.
    async fn pass(&self) -> Duration {
        match self {
            Self::Movable(clock) => {
                let hour = Duration::from_secs(3600);
                clock.advance(hour);
                hour
            }
            Self::Real(_) => {
                // Long beside what a read takes on a busy machine.
                let moment = Duration::from_millis(700);
                tokio::time::sleep(moment).await;
                moment
            }
        }
    }
}

/// Runs the whole suite, each check on an empty store of its own. Wants an async runtime with several threads, so
/// that the concurrent checks are concurrent.
pub(crate) async fn all(make_store: impl AsyncFn() -> Store, time: &StoreTime) {
    a_record_that_was_never_put_is_absent(make_store().await).await;
    a_put_is_seen_by_the_next_read(make_store().await).await;
    a_lost_race_changes_nothing_and_carries_the_current_record(make_store().await).await;
    a_delete_removes_exactly_the_named_revision(make_store().await).await;
    a_revision_is_never_used_again(make_store().await).await;
    a_tag_stays_beside_its_value_until_a_put_without_one(make_store().await).await;
    an_age_grows_with_the_clock_and_starts_again_at_a_put(make_store().await, time).await;
    an_age_counts_from_when_the_put_was_begun(make_store().await, time).await;
    values_are_opaque_bytes(make_store().await).await;
    keys_are_told_apart_byte_by_byte(make_store().await).await;
    a_listing_is_in_byte_order_and_takes_prefixes_literally(make_store().await).await;
    pages_together_hold_every_record_once(make_store().await).await;
    a_page_of_large_records_ends_early_and_nothing_is_missed(make_store().await).await;
    a_record_that_stands_all_along_is_never_missed_by_a_listing(make_store().await).await;
    what_is_outside_the_limits_is_refused_and_what_is_on_them_is_not(make_store().await).await;
    one_of_many_creators_wins(make_store().await).await;
    concurrent_increments_lose_nothing(make_store().await).await;
}

async fn put(store: &Store, key: &str, value: &[u8], precondition: Precondition) -> WriteOutcome {
    store.put(key, value.to_vec(), None, precondition, UPON_WRITING).await.unwrap()
}

async fn create(store: &Store, key: &str, value: &[u8]) -> u64 {
    written(put(store, key, value, Precondition::Absent).await)
}

async fn read(store: &Store, key: &str) -> Option<Entry> {
    store.get(key).await.unwrap()
}

#[track_caller]
fn written(outcome: WriteOutcome) -> u64 {
    match outcome {
        WriteOutcome::Written(revision) => revision,
        WriteOutcome::Lost(current) => panic!("lost to {current:?}"),
    }
}

#[track_caller]
fn lost(outcome: WriteOutcome) -> Option<Entry> {
    match outcome {
        WriteOutcome::Lost(current) => current,
        WriteOutcome::Written(revision) => panic!("written as revision {revision}"),
    }
}

/// Follows a listing to its end.
async fn pages(store: &Store, prefix: &str, limit: u32) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(prefix, after.as_deref(), limit).await.unwrap();
        after = page.next.clone();
        pages.push(page);
        if after.is_none() {
            return pages;
        }
    }
}

fn keys_of(pages: &[Page]) -> Vec<&str> {
    pages.iter().flat_map(|page| &page.entries).map(|(key, _)| key.as_str()).collect()
}

async fn a_record_that_was_never_put_is_absent(store: Store) {
    assert_eq!(read(&store, "nobody").await, None);
    assert_eq!(lost(store.delete("nobody", 1).await.unwrap()), None);
    assert_eq!(lost(put(&store, "nobody", b"value", Precondition::Revision(1)).await), None);
    assert_eq!(read(&store, "nobody").await, None);
    assert_eq!(store.list("", None, 10).await.unwrap(), Page { entries: Vec::new(), next: None });
}

async fn a_put_is_seen_by_the_next_read(store: Store) {
    let first = create(&store, "key", b"one").await;
    let entry = read(&store, "key").await.unwrap();
    assert_eq!((entry.value.as_slice(), entry.revision, entry.tag), (&b"one"[..], first, None));
    let second = written(put(&store, "key", b"two", Precondition::Revision(first)).await);
    assert!(second > first);
    let entry = read(&store, "key").await.unwrap();
    assert_eq!((entry.value.as_slice(), entry.revision), (&b"two"[..], second));
}

async fn a_lost_race_changes_nothing_and_carries_the_current_record(store: Store) {
    let revision = create(&store, "key", b"winner").await;
    for precondition in [Precondition::Absent, Precondition::Revision(revision + 1), Precondition::Revision(0)] {
        let current = lost(put(&store, "key", b"loser", precondition).await).unwrap();
        assert_eq!((current.value.as_slice(), current.revision), (&b"winner"[..], revision));
    }
    let current = lost(store.delete("key", revision + 1).await.unwrap()).unwrap();
    assert_eq!(current.revision, revision);
    // A revision that no engine can ever have given is an ordinary mismatch.
    assert!(lost(store.delete("key", u64::MAX).await.unwrap()).is_some());
    assert!(lost(put(&store, "key", b"loser", Precondition::Revision(u64::MAX)).await).is_some());
    assert_eq!(read(&store, "key").await.unwrap().value, b"winner");
}

async fn a_delete_removes_exactly_the_named_revision(store: Store) {
    let first = create(&store, "key", b"one").await;
    let second = written(put(&store, "key", b"two", Precondition::Revision(first)).await);
    assert_eq!(lost(store.delete("key", first).await.unwrap()).unwrap().revision, second);
    assert_eq!(written(store.delete("key", second).await.unwrap()), second);
    assert_eq!(read(&store, "key").await, None);
    assert_eq!(lost(store.delete("key", second).await.unwrap()), None);
}

async fn a_revision_is_never_used_again(store: Store) {
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let revision = create(&store, "key", b"value").await;
        assert!(seen.last().is_none_or(|last| revision > *last), "{revision} after {seen:?}");
        seen.insert(revision);
        store.delete("key", revision).await.unwrap();
        assert_eq!(lost(put(&store, "key", b"stale", Precondition::Revision(revision)).await), None);
    }
    assert_eq!(seen.len(), 5);
}

async fn a_tag_stays_beside_its_value_until_a_put_without_one(store: Store) {
    let put_tagged = async |tag: Option<&str>, precondition| {
        written(store.put("key", b"value".to_vec(), tag.map(str::to_owned), precondition, UPON_WRITING).await.unwrap())
    };
    let tag_of = async || read(&store, "key").await.unwrap().tag;
    let first = put_tagged(Some("claim"), Precondition::Absent).await;
    assert_eq!(tag_of().await.as_deref(), Some("claim"));
    let second = put_tagged(Some(""), Precondition::Revision(first)).await;
    assert_eq!(tag_of().await.as_deref(), Some(""));
    assert_eq!(store.list("", None, 1).await.unwrap().entries[0].1.tag.as_deref(), Some(""));
    put_tagged(None, Precondition::Revision(second)).await;
    assert_eq!(tag_of().await, None);
}

async fn an_age_grows_with_the_clock_and_starts_again_at_a_put(store: Store, time: &StoreTime) {
    let revision = create(&store, "key", b"one").await;
    let passed = time.pass().await + time.pass().await;
    let entry = read(&store, "key").await.unwrap();
    assert!(entry.age >= passed && entry.age < passed + Duration::from_secs(60), "{:?}", entry.age);
    assert!(store.list("", None, 1).await.unwrap().entries[0].1.age >= passed);
    assert!(lost(put(&store, "key", b"loser", Precondition::Absent).await).unwrap().age >= passed);
    put(&store, "key", b"two", Precondition::Revision(revision)).await;
    assert!(read(&store, "key").await.unwrap().age < passed);
}

async fn an_age_counts_from_when_the_put_was_begun(store: Store, time: &StoreTime) {
    let begun_at = time.monotonic();
    let under_way = time.pass().await;
    written(store.put("key", b"value".to_vec(), None, Precondition::Absent, begun_at).await.unwrap());
    assert!(read(&store, "key").await.unwrap().age >= under_way);
}

async fn values_are_opaque_bytes(store: Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let largest = vec![0; MAX_VALUE_BYTES];
    for (key, value) in [("empty", &b""[..]), ("nul", b"a\0b\0"), ("every", &every_byte), ("largest", &largest)] {
        create(&store, key, value).await;
        assert_eq!(read(&store, key).await.unwrap().value, value, "{key}");
    }
}

async fn keys_are_told_apart_byte_by_byte(store: Store) {
    let keys = ["a", "A", "a/", "a/b", "a%", "a_", "a.", "a~", "a-", "%", "_", "0", "00"];
    for key in keys {
        create(&store, key, key.as_bytes()).await;
    }
    for key in keys {
        assert_eq!(read(&store, key).await.unwrap().value, key.as_bytes());
    }
    let longest = "k".repeat(MAX_KEY_BYTES);
    create(&store, &longest, b"value").await;
    assert_eq!(read(&store, &longest[1..]).await, None);
}

async fn a_listing_is_in_byte_order_and_takes_prefixes_literally(store: Store) {
    let keys = ["a", "a%", "a%b", "a-", "a.", "a/", "a/b", "a0", "aA", "a_", "a_b", "aa", "a~", "a~~", "b", "B", "ab"];
    for key in keys {
        create(&store, key, b"value").await;
    }
    for prefix in ["", "a", "a%", "a_", "a/", "a~", "a~~", "b", "c", "a%b"] {
        let mut expected: Vec<&str> = keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
        expected.sort_unstable();
        assert_eq!(keys_of(&pages(&store, prefix, 1000).await), expected, "prefix {prefix:?}");
        assert_eq!(keys_of(&pages(&store, prefix, 1).await), expected, "prefix {prefix:?} one by one");
    }
    // `after` need not be a key that exists, nor lie among those of the prefix.
    let after = async |after| keys_of(&[store.list("a/", Some(after), 10).await.unwrap()]).join(" ");
    assert_eq!(after("a/a").await, "a/b");
    assert_eq!(after("A").await, "a/ a/b");
    assert_eq!(after("b").await, "");
}

async fn pages_together_hold_every_record_once(store: Store) {
    let keys: Vec<String> = (0..25).map(|number| format!("list/{number:03}")).collect();
    for key in &keys {
        create(&store, key, key.as_bytes()).await;
    }
    create(&store, "list0", b"not of this prefix").await;
    for (limit, count) in [(1, 25), (7, 4), (24, 2), (25, 1), (26, 1), (1000, 1)] {
        let pages = pages(&store, "list/", limit).await;
        assert_eq!(pages.len(), count, "limit {limit}");
        assert_eq!(keys_of(&pages), keys, "limit {limit}");
        let records = pages.iter().flat_map(|page| &page.entries);
        assert!(records.into_iter().all(|(key, entry)| entry.value == key.as_bytes()));
    }
}

async fn a_page_of_large_records_ends_early_and_nothing_is_missed(store: Store) {
    let keys: Vec<String> = (0..12).map(|number| format!("large/{number:02}")).collect();
    for key in &keys {
        create(&store, key, &vec![7; MAX_VALUE_BYTES]).await;
    }
    let pages = pages(&store, "large/", 1000).await;
    assert_eq!(keys_of(&pages), keys);
    for page in pages {
        assert!(page.entries.iter().map(|(_, entry)| entry.value.len()).sum::<usize>() <= MAX_PAGE_BYTES);
    }
}

async fn a_record_that_stands_all_along_is_never_missed_by_a_listing(store: Store) {
    let standing: Vec<String> = (0..40).map(|number| format!("key/{number:02}/standing")).collect();
    for key in &standing {
        create(&store, key, b"value").await;
    }
    let churn = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for number in 0..40 {
                let key = format!("key/{number:02}/passing");
                let revision = create(&store, &key, b"value").await;
                store.delete(&key, revision).await.unwrap();
            }
        }
    });
    while !churn.is_finished() {
        let pages = pages(&store, "key/", 3).await;
        let mut found = keys_of(&pages);
        assert!(found.is_sorted());
        found.retain(|key| key.ends_with("standing"));
        assert_eq!(found, standing);
    }
    churn.await.unwrap();
}

async fn what_is_outside_the_limits_is_refused_and_what_is_on_them_is_not(store: Store) {
    #[track_caller]
    fn refused<T: std::fmt::Debug>(result: Result<T, StorageError>) {
        assert!(matches!(result, Err(StorageError::OutOfLimits(_))), "{result:?}");
    }
    let longest = "~".repeat(MAX_KEY_BYTES);
    let too_long = "~".repeat(MAX_KEY_BYTES + 1);
    for key in ["", "a b", "a\0", "a\n", "ä", "a:b", "a'b", "\u{7f}", too_long.as_str()] {
        refused(store.get(key).await);
        refused(store.put(key, Vec::new(), None, Precondition::Absent, UPON_WRITING).await);
        refused(store.delete(key, 1).await);
        refused(store.list("", Some(key), 1).await);
        if !key.is_empty() {
            refused(store.list(key, None, 1).await);
        }
    }
    refused(store.put("key", vec![0; MAX_VALUE_BYTES + 1], None, Precondition::Absent, UPON_WRITING).await);
    refused(
        store.put("key", Vec::new(), Some("t".repeat(MAX_TAG_BYTES + 1)), Precondition::Absent, UPON_WRITING).await,
    );
    refused(store.list("", None, LIST_LIMIT.start() - 1).await);
    refused(store.list("", None, LIST_LIMIT.end() + 1).await);
    let (largest, tag) = (vec![1; MAX_VALUE_BYTES], "t".repeat(MAX_TAG_BYTES));
    written(store.put(&longest, largest, Some(tag), Precondition::Absent, UPON_WRITING).await.unwrap());
    assert_eq!(keys_of(&[store.list(&longest, None, 1000).await.unwrap()]), [longest.as_str()]);
}

async fn one_of_many_creators_wins(store: Store) {
    let creators: Vec<_> = (0..8_u8)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { put(&store, "key", &[number], Precondition::Absent).await })
        })
        .collect();
    let mut winners = Vec::new();
    for (number, creator) in (0_u8..).zip(creators) {
        if let WriteOutcome::Written(_) = creator.await.unwrap() {
            winners.push(number);
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(read(&store, "key").await.unwrap().value, winners);
}

async fn concurrent_increments_lose_nothing(store: Store) {
    const TASKS: u64 = 8;
    const INCREMENTS: u64 = 12;
    create(&store, "counter", &0_u64.to_be_bytes()).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for _ in 0..INCREMENTS {
                    increment(&store, "counter").await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let value = read(&store, "counter").await.unwrap().value;
    assert_eq!(u64::from_be_bytes(value.try_into().unwrap()), TASKS * INCREMENTS);
}

/// Adds one to the number under `key`, however often that takes. Also for tests that use one store from several
/// places.
pub(crate) async fn increment(store: &Store, key: &str) {
    let mut current = read(store, key).await.unwrap();
    loop {
        let number = u64::from_be_bytes(current.value.as_slice().try_into().unwrap());
        match put(store, key, &(number + 1).to_be_bytes(), Precondition::Revision(current.revision)).await {
            WriteOutcome::Written(_) => return,
            WriteOutcome::Lost(winner) => current = winner.unwrap(),
        }
    }
}
