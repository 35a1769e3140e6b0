//! Records in the memory of the process: for tests and for embedding, gone when the process ends.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};

use super::{Entry, Page, Precondition, Storage, StorageError, WriteOutcome, limits, page::PageBuilder};
use crate::clock::SharedClock;

/// A [`Storage`] without a disk. Ages go by the monotonic clock.
pub struct MemoryStorage {
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<String, Record>,
    /// One counter for all keys: it outlives every record, so no revision comes again.
    last_revision: u64,
}

struct Record {
    value: Vec<u8>,
    revision: u64,
    tag: Option<String>,
    written_at: Duration,
}

impl MemoryStorage {
    /// An empty store.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No method leaves the state half changed, so a panic elsewhere has not spoilt it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, record: &Record) -> Entry {
        Entry {
            value: record.value.clone(),
            revision: record.revision,
            tag: record.tag.clone(),
            age: self.clock.monotonic().saturating_sub(record.written_at),
        }
    }

    fn lost(&self, state: &State, key: &str) -> WriteOutcome {
        WriteOutcome::Lost(state.records.get(key).map(|record| self.entry(record)))
    }

    fn put_now(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> Result<WriteOutcome, StorageError> {
        limits::check_put(key, &value, tag.as_deref())?;
        let mut state = self.state();
        if !precondition.holds(state.records.get(key).map(|record| record.revision)) {
            return Ok(self.lost(&state, key));
        }
        let revision = state
            .last_revision
            .checked_add(1)
            .ok_or_else(|| StorageError::Unavailable("every revision has been used".into()))?;
        state.last_revision = revision;
        let written_at = begun_at.min(self.clock.monotonic());
        state.records.insert(key.to_owned(), Record { value, revision, tag, written_at });
        Ok(WriteOutcome::Written(revision))
    }

    fn delete_now(&self, key: &str, revision: u64) -> Result<WriteOutcome, StorageError> {
        limits::check_key(key)?;
        let mut state = self.state();
        if !Precondition::Revision(revision).holds(state.records.get(key).map(|record| record.revision)) {
            return Ok(self.lost(&state, key));
        }
        state.records.remove(key);
        Ok(WriteOutcome::Written(revision))
    }

    fn list_now(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError> {
        limits::check_list(prefix, after, limit)?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut page = PageBuilder::new(limit);
        for (key, record) in self.state().records.range::<str, _>((start, Bound::Unbounded)) {
            if !key.starts_with(prefix) {
                break;
            }
            page = match page.push(key.clone(), self.entry(record)) {
                Ok(page) => page,
                Err(full) => return Ok(full),
            };
        }
        Ok(page.finish())
    }
}

impl Storage for MemoryStorage {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>> {
        async move {
            limits::check_key(key)?;
            Ok(self.state().records.get(key).map(|record| self.entry(record)))
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
        async move { self.put_now(key, value, tag, precondition, begun_at) }.boxed()
    }

    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        async move { self.delete_now(key, revision) }.boxed()
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        async move { self.list_now(prefix, after, limit) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::MovableClock,
        storage::contract::{self, StoreTime},
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn memory_keeps_the_storage_contract() {
        let clock = MovableClock::new();
        let make_store = async || Arc::new(MemoryStorage::new(Arc::new(clock.clone()))) as Arc<dyn Storage>;
        contract::all(make_store, &StoreTime::Movable(clock.clone())).await;
    }
}
