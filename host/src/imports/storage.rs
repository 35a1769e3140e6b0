//! Import `storage`, over [`crate::storage`].

use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::Accessor;

use super::{CAUSE_IN_LOG, Imports, instances, parts};
use crate::bindings::prophecy::fabric_auth::storage::{
    Entry, Host, HostWithStore, Page, Precondition, StorageError, WriteOutcome,
};
use crate::runtime::State;
use crate::storage as backend;
use crate::storage::{ObservedEntry, ObservedOutcome, SERVICE_RECORDS};

impl Host for &mut State {}

impl<T: Send> HostWithStore<T> for Imports {
    async fn get(accessor: &Accessor<T, Self>, key: String) -> Result<Result<Option<Entry>, StorageError>> {
        if is_of_the_service(&key) {
            return Ok(Err(not_there()));
        }
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
        if is_of_the_service(&key) {
            return Ok(Err(not_there()));
        }
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
        if is_of_the_service(&key) {
            return Ok(Err(not_there()));
        }
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
        if is_listed_with_the_service(&prefix) {
            return Ok(Err(not_there()));
        }
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

/// Users, API tokens and sessions of the service are in the same store. They are not the component's: one that has been
/// taken over could otherwise let somebody in.
fn is_of_the_service(key: &str) -> bool {
    key.starts_with(SERVICE_RECORDS)
}

/// Whether a listing of what begins with this would have records of the service in it.
fn is_listed_with_the_service(prefix: &str) -> bool {
    is_of_the_service(prefix) || SERVICE_RECORDS.starts_with(prefix)
}

fn not_there() -> StorageError {
    StorageError::OutOfLimits("keys of the host's own records".to_owned())
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

/// The whole error goes to the log, and to the component what may be shown to its callers.
impl From<backend::StorageError> for StorageError {
    fn from(error: backend::StorageError) -> Self {
        tracing::warn!(%error, "a record could not be read or written");
        match error {
            backend::StorageError::Unavailable(_) => Self::Unavailable(CAUSE_IN_LOG.to_owned()),
            backend::StorageError::OutcomeUnknown(_) => Self::OutcomeUnknown(CAUSE_IN_LOG.to_owned()),
            backend::StorageError::OutOfLimits(_) => Self::OutOfLimits(CAUSE_IN_LOG.to_owned()),
        }
    }
}

/// Nanoseconds, as the contract counts durations.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged, for a test to read.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A listing may come upon them from either side: by a prefix below theirs, and by one that theirs is below.
    #[test]
    fn what_is_of_the_service_is_told_apart_by_its_key() {
        for key in ["service/", "service/user/ab", "service/session/ab", "service/api-token/ab", "service/sign-in/ab"] {
            assert!(is_of_the_service(key) && is_listed_with_the_service(key), "{key}");
        }
        for prefix in ["", "s", "service"] {
            assert!(!is_of_the_service(prefix) && is_listed_with_the_service(prefix), "{prefix:?}");
        }
        for key in ["grant/service/", "fabric/acme/service/", "Service/", "services/", "service-principal/"] {
            assert!(!is_of_the_service(key) && !is_listed_with_the_service(key), "{key}");
        }
    }

    #[test]
    fn the_cause_of_a_failure_goes_to_the_log_and_not_to_the_component() {
        let log = Log::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let told = tracing::subscriber::with_default(lines, || {
            let cause = "/srv/fabric-auth.db: (code: 13) database or disk is full".to_owned();
            StorageError::from(backend::StorageError::OutcomeUnknown(cause))
        });
        assert_eq!(told, StorageError::OutcomeUnknown(CAUSE_IN_LOG.to_owned()));
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(logged.matches("/srv/fabric-auth.db: (code: 13)").count(), 1, "{logged}");
        assert!(logged.contains("WARN fabric_auth::imports::storage"), "{logged}");
    }
}
