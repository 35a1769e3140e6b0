//! Records of the service's own, beside those of the component in the same storage. Their keys begin with
//! [`SERVICE_RECORDS`], and the component can neither read nor write those: whoever takes it over gains no way to call.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::clock::SharedClock;
use crate::contract::Error;
use crate::storage::{Precondition, SERVICE_RECORDS, Storage, StorageError, WriteOutcome};

/// How many records one page of a listing has.
const PAGE: u32 = 200;

/// A record as it was read.
pub(crate) struct Record<T> {
    pub(crate) value: T,
    pub(crate) revision: u64,
    pub(crate) age: Duration,
}

/// One kind of record: values of one type below one prefix.
#[derive(Clone)]
pub(crate) struct Records {
    storage: Arc<dyn Storage>,
    clock: SharedClock,
    kind: &'static str,
}

impl Records {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: SharedClock, kind: &'static str) -> Self {
        Self { storage, clock, kind }
    }

    fn key(&self, name: &str) -> String {
        format!("{SERVICE_RECORDS}{}/{name}", self.kind)
    }

    /// Reads a record. One that cannot be understood is `internal`, for nobody may be let in by guessing.
    pub(crate) async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<Record<T>>, Error> {
        let entry = self.storage.get(&self.key(name)).await.map_err(unavailable)?;
        let Some(entry) = entry else { return Ok(None) };
        let value = serde_json::from_slice(&entry.value).map_err(|_| damaged(self.kind))?;
        Ok(Some(Record { value, revision: entry.revision, age: entry.age }))
    }

    /// Writes a record if there is none, or if it has this revision; false when there is another.
    pub(crate) async fn put<T: Serialize>(&self, name: &str, value: &T, over: Option<u64>) -> Result<bool, Error> {
        let value = serde_json::to_vec(value).map_err(|_| damaged(self.kind))?;
        let precondition = over.map_or(Precondition::Absent, Precondition::Revision);
        let begun_at = self.clock.monotonic();
        let outcome = self.storage.put(&self.key(name), value, None, precondition, begun_at).await;
        outcome.map(|outcome| matches!(outcome, WriteOutcome::Written(_))).map_err(unavailable)
    }

    /// Removes a record of this revision; false when there is another by now.
    pub(crate) async fn delete(&self, name: &str, revision: u64) -> Result<bool, Error> {
        let outcome = self.storage.delete(&self.key(name), revision).await;
        outcome.map(|outcome| matches!(outcome, WriteOutcome::Written(_))).map_err(unavailable)
    }

    /// All records, with their names. Those that cannot be understood are left out.
    pub(crate) async fn all<T: DeserializeOwned>(&self) -> Result<Vec<(String, Record<T>)>, Error> {
        let prefix = self.key("");
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.storage.list(&prefix, after.as_deref(), PAGE).await.map_err(unavailable)?;
            for (key, entry) in page.entries {
                let name = key.strip_prefix(&prefix).unwrap_or_default().to_owned();
                if let Ok(value) = serde_json::from_slice(&entry.value) {
                    found.push((name, Record { value, revision: entry.revision, age: entry.age }));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }
}

/// The name of a record about something that is not to stand in a key as it is: SHA-256, in hexadecimal.
pub(crate) fn name_of(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unavailable(error: StorageError) -> Error {
    tracing::warn!(%error, "a record of the service could not be read or written");
    Error::unavailable("The store of this service does not answer.")
}

fn damaged(kind: &str) -> Error {
    Error::Internal(format!("A stored record of the service ({kind}) is damaged, or of a newer version."))
}
