//! Import `storage`, over [`crate::storage`].

use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::Accessor;

use super::{Imports, instances, parts};
use crate::bindings::prophecy::fabric_auth::storage::{
    Entry, Host, HostWithStore, Page, Precondition, StorageError, WriteOutcome,
};
use crate::runtime::State;
use crate::storage as backend;
use crate::storage::{ObservedEntry, ObservedOutcome};

impl Host for &mut State {}

impl<T: Send> HostWithStore<T> for Imports {
    async fn get(accessor: &Accessor<T, Self>, key: String) -> Result<Result<Option<Entry>, StorageError>> {
        let parts = parts(accessor);
        Ok(parts.storage.get(&key).await.map(|entry| entry.map(Into::into)).map_err(Into::into))
    }

    async fn put(
        accessor: &Accessor<T, Self>,
        key: String,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
    ) -> Result<Result<WriteOutcome, StorageError>> {
        let instances = instances(accessor);
        let written = instances.parts.storage.put(&key, value, tag, precondition.into()).await;
        instances.changed(&key, &written);
        Ok(written.map(Into::into).map_err(Into::into))
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        key: String,
        revision: u64,
    ) -> Result<Result<WriteOutcome, StorageError>> {
        let instances = instances(accessor);
        let written = instances.parts.storage.delete(&key, revision).await;
        instances.changed(&key, &written);
        Ok(written.map(Into::into).map_err(Into::into))
    }

    async fn list(
        accessor: &Accessor<T, Self>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Result<Page, StorageError>> {
        let parts = parts(accessor);
        let listed = parts.storage.list(&prefix, after.as_deref(), limit).await;
        Ok(listed
            .map(|page| Page {
                entries: page.entries.into_iter().map(|(key, entry)| (key, entry.into())).collect(),
                next: page.next,
            })
            .map_err(Into::into))
    }
}

impl From<ObservedEntry> for Entry {
    fn from(observed: ObservedEntry) -> Self {
        Self {
            value: observed.entry.value,
            revision: observed.entry.revision,
            tag: observed.entry.tag,
            age: nanoseconds(observed.entry.age),
            unchanged_for: nanoseconds(observed.unchanged_for),
        }
    }
}

impl From<ObservedOutcome> for WriteOutcome {
    fn from(outcome: ObservedOutcome) -> Self {
        match outcome {
            ObservedOutcome::Written(revision) => Self::Written(revision),
            ObservedOutcome::Lost(entry) => Self::Lost(entry.map(Into::into)),
        }
    }
}

impl From<Precondition> for backend::Precondition {
    fn from(precondition: Precondition) -> Self {
        match precondition {
            Precondition::Absent => Self::Absent,
            Precondition::Revision(revision) => Self::Revision(revision),
        }
    }
}

impl From<backend::StorageError> for StorageError {
    fn from(error: backend::StorageError) -> Self {
        match error {
            backend::StorageError::Unavailable(reason) => Self::Unavailable(reason),
            backend::StorageError::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
            backend::StorageError::OutOfLimits(reason) => Self::OutOfLimits(reason),
        }
    }
}

/// Nanoseconds, as the contract counts durations.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
