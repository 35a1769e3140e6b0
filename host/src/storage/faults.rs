//! A store that fails in every way in which one may, for tests: what is left in it must be explained by what it said.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};

use super::{Entry, Page, Precondition, Storage, StorageError, WriteOutcome};

/// Another store with faults, as a seed has them.
struct FaultyStorage {
    store: Arc<dyn Storage>,
    /// One call in so many fails; none if it is zero.
    one_in: u64,
    random: AtomicU64,
}

/// What becomes of a call.
enum Fate {
    Done,
    /// It does not happen, and that is said.
    Refused,
    /// It does not happen, and that is not known.
    Lost,
    /// It happens, and that is not known.
    Unacknowledged,
}

impl FaultyStorage {
    fn new(store: Arc<dyn Storage>, one_in: u64, seed: u64) -> Self {
        Self { store, one_in, random: AtomicU64::new(seed) }
    }

    /// SplitMix64, which is enough to mix the fates well.
    fn random(&self) -> u64 {
        let mut mixed = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    async fn fate(&self) -> Fate {
        if self.one_in == 0 || !self.random().is_multiple_of(self.one_in) {
            return Fate::Done;
        }
        // Others may come in between.
        tokio::task::yield_now().await;
        match self.random() % 3 {
            0 => Fate::Refused,
            1 => Fate::Lost,
            _ => Fate::Unacknowledged,
        }
    }

    async fn read<T>(&self, read: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        match self.fate().await {
            Fate::Done => read.await,
            _ => Err(StorageError::Unavailable("told to fail".into())),
        }
    }

    async fn write(
        &self,
        write: impl Future<Output = Result<WriteOutcome, StorageError>>,
    ) -> Result<WriteOutcome, StorageError> {
        let unknown = || StorageError::OutcomeUnknown("told to forget".into());
        match self.fate().await {
            Fate::Done => write.await,
            Fate::Refused => Err(StorageError::Unavailable("told to fail".into())),
            Fate::Lost => Err(unknown()),
            Fate::Unacknowledged => write.await.and_then(|_| Err(unknown())),
        }
    }
}

impl Storage for FaultyStorage {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>> {
        self.read(self.store.get(key)).boxed()
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        self.write(self.store.put(key, value, tag, precondition, begun_at)).boxed()
    }

    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        self.write(self.store.delete(key, revision)).boxed()
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        self.read(self.store.list(prefix, after, limit)).boxed()
    }
}

mod tests {
    use super::*;
    use crate::{
        clock::MovableClock,
        storage::{
            MemoryStorage, UPON_WRITING,
            contract::{self, StoreTime},
        },
    };

    const WRITERS: u8 = 6;
    const WRITES: u8 = 60;

    /// What a writer was told of its write.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Told {
        Written,
        NotWritten,
        Unknown,
    }

    fn memory(clock: &MovableClock) -> Arc<dyn Storage> {
        Arc::new(MemoryStorage::new(Arc::new(clock.clone())))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_store_whose_faults_are_off_keeps_the_storage_contract() {
        let clock = MovableClock::new();
        let make_store = async || Arc::new(FaultyStorage::new(memory(&clock), 0, 1)) as Arc<dyn Storage>;
        contract::all(make_store, &StoreTime::Movable(clock.clone())).await;
    }

    /// Writers append their names to one record. In the end it holds every name whose writing was acknowledged, none
    /// that was refused, none twice, and for each writer in the order of its attempts.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn with_faults_a_write_has_happened_once_or_not_at_all() {
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 1..=10 {
            let store: Arc<dyn Storage> = Arc::new(FaultyStorage::new(memory(&MovableClock::new()), 4, seed));
            let writers: Vec<_> =
                (0..WRITERS).map(|writer| tokio::spawn(append_often(store.clone(), writer))).collect();
            let mut told = Vec::new();
            for writer in writers {
                told.extend(writer.await.unwrap());
            }
            let found = until_answered(&store).await;
            for (name, told) in told {
                let times = found.chunks(2).filter(|found| *found == name).count();
                assert!(times <= 1, "seed {seed}: {name:?} stands there {times} times");
                match told {
                    Told::Written => assert_eq!(times, 1, "seed {seed}: {name:?} was acknowledged"),
                    Told::NotWritten => assert_eq!(times, 0, "seed {seed}: {name:?} was refused"),
                    Told::Unknown => {}
                }
                kinds.insert((format!("{told:?}"), times));
            }
            for writer in 0..WRITERS {
                let own = found.chunks(2).filter(|name| name[0] == writer);
                assert!(own.is_sorted(), "seed {seed}: writer {writer} out of order");
            }
        }
        // How the writers meet is not the seed's to decide, so not every run has every fate.
        assert_eq!(kinds.len(), 4, "not every fate came up: {kinds:?}");
    }

    async fn append_often(store: Arc<dyn Storage>, writer: u8) -> Vec<([u8; 2], Told)> {
        let mut told = Vec::new();
        for number in 0..WRITES {
            let name = [writer, number];
            told.push((name, append(&store, name).await));
        }
        told
    }

    /// Appends a name unless the store fails. A lost race is tried again, a failure is not.
    async fn append(store: &Arc<dyn Storage>, name: [u8; 2]) -> Told {
        let Ok(mut current) = store.get("names").await else { return Told::NotWritten };
        loop {
            let (mut value, precondition) = match current {
                Some(entry) => (entry.value, Precondition::Revision(entry.revision)),
                None => (Vec::new(), Precondition::Absent),
            };
            value.extend(name);
            match store.put("names", value, None, precondition, UPON_WRITING).await {
                Ok(WriteOutcome::Written(_)) => return Told::Written,
                Ok(WriteOutcome::Lost(winner)) => current = winner,
                Err(StorageError::OutcomeUnknown(_)) => return Told::Unknown,
                Err(_) => return Told::NotWritten,
            }
        }
    }

    async fn until_answered(store: &Arc<dyn Storage>) -> Vec<u8> {
        for _ in 0..1_000 {
            if let Ok(Some(entry)) = store.get("names").await {
                return entry.value;
            }
        }
        panic!("the store never answers");
    }
}
