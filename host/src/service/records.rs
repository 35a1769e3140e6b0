//! Records of the service's own, beside those of the component in the same storage. Their keys begin with
//! [`SERVICE_RECORDS`], and the component can neither read nor write those: whoever takes it over gains no way to call.
//! Each is signed, so that whoever can write the database gains none either.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::signed::{Signed, present_key};
use crate::clock::SharedClock;
use crate::contract::Error;
use crate::keys::MasterKeys;
use crate::storage::{Precondition, SERVICE_RECORDS, Storage, StorageError, WriteOutcome};

/// How many records one page of a listing has.
const PAGE: u32 = 200;

/// How often a record that is being changed by somebody else is looked at again.
const ATTEMPTS: usize = 5;

/// Where the service's records are, and what they are signed with.
#[derive(Clone)]
pub(crate) struct RecordStore {
    storage: Arc<dyn Storage>,
    keys: Arc<dyn MasterKeys>,
    clock: SharedClock,
    /// What the keys of this tenant's records begin with.
    prefix: String,
}

/// A record as it was read.
pub(crate) struct Record<T> {
    pub(crate) value: T,
    pub(crate) revision: u64,
    /// Since it was written, or made when it has only been signed anew since.
    pub(crate) age: Duration,
}

/// One kind of record: values of one type below one prefix.
#[derive(Clone)]
pub(crate) struct Records {
    store: RecordStore,
    kind: &'static str,
}

impl RecordStore {
    /// The records of one tenant: users of one are nobody to another.
    pub(crate) fn new(storage: Arc<dyn Storage>, keys: Arc<dyn MasterKeys>, clock: SharedClock, tenant: &str) -> Self {
        let prefix = format!("{SERVICE_RECORDS}{}/", name_of(tenant));
        Self { storage, keys, clock, prefix }
    }

    /// Signs every record under the primary key that is signed under an older one, so that the older one can be taken out
    /// of the ring: those of every tenant, as the ring is for all. Records that no host has written stay as they are. Gives how many were signed.
    pub(super) async fn sign_anew(&self) -> Result<u64, Error> {
        let present = present_key(&*self.keys).await?;
        let (mut signed, mut after) = (0_u64, None::<String>);
        loop {
            let page = self.storage.list(SERVICE_RECORDS, after.as_deref(), PAGE).await.map_err(unavailable)?;
            for (place, entry) in page.entries {
                let Ok(old) = Signed::read(&*self.keys, &place, &entry.value).await else { continue };
                if old.is_under(&present) {
                    continue;
                }
                let new = Signed::new(&*self.keys, &place, old.record().to_owned(), old.stood(entry.age)).await?;
                let written = self.write(&place, &new, Precondition::Revision(entry.revision)).await?;
                signed = signed.saturating_add(u64::from(written));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(signed),
            }
        }
    }

    async fn write(&self, place: &str, signed: &Signed, precondition: Precondition) -> Result<bool, Error> {
        let value = serde_json::to_vec(signed).map_err(not_written)?;
        let outcome = self.storage.put(place, value, None, precondition, self.clock.monotonic()).await;
        outcome.map(|outcome| matches!(outcome, WriteOutcome::Written(_))).map_err(unavailable)
    }
}

/// Signs the records of the service under the primary key that are signed under an older one, so that the older one can be
/// taken out of the ring. A service does this by itself every ten minutes. Gives how many were signed.
///
/// # Errors
/// `unavailable` when store or keys do not answer.
pub async fn sign_records_anew(
    storage: Arc<dyn Storage>,
    keys: Arc<dyn MasterKeys>,
    clock: SharedClock,
) -> Result<u64, Error> {
    RecordStore::new(storage, keys, clock, "").sign_anew().await
}

impl Records {
    pub(crate) fn new(store: RecordStore, kind: &'static str) -> Self {
        Self { store, kind }
    }

    fn place(&self, name: &str) -> String {
        format!("{}{}/{name}", self.store.prefix, self.kind)
    }

    /// Reads a record. One that cannot be understood is an error, for nobody may be let in by guessing.
    pub(crate) async fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<Record<T>>, Error> {
        let place = self.place(name);
        let entry = self.store.storage.get(&place).await.map_err(unavailable)?;
        let Some(entry) = entry else { return Ok(None) };
        self.read(&place, &entry.value, entry.revision, entry.age).await.map(Some)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        place: &str,
        value: &[u8],
        revision: u64,
        age: Duration,
    ) -> Result<Record<T>, Error> {
        let signed = Signed::read(&*self.store.keys, place, value).await?;
        let value = serde_json::from_str(signed.record()).map_err(|_| {
            Error::Internal(format!("A stored record of the service ({}) is of another version.", self.kind))
        })?;
        Ok(Record { value, revision, age: signed.stood(age) })
    }

    /// Writes a record if there is none, or if it has this revision; false when there is another.
    pub(crate) async fn put<T: Serialize>(&self, name: &str, value: &T, over: Option<u64>) -> Result<bool, Error> {
        let place = self.place(name);
        let record = serde_json::to_string(value).map_err(not_written)?;
        let signed = Signed::new(&*self.store.keys, &place, record, Duration::ZERO).await?;
        self.store.write(&place, &signed, over.map_or(Precondition::Absent, Precondition::Revision)).await
    }

    /// Removes a record, whether or not it can be understood, and whoever else is changing it. Gives whether there was one.
    pub(crate) async fn remove(&self, name: &str) -> Result<bool, Error> {
        let place = self.place(name);
        let mut was_there = false;
        for _ in 0..ATTEMPTS {
            let Some(entry) = self.store.storage.get(&place).await.map_err(unavailable)? else { return Ok(was_there) };
            was_there = true;
            if self.delete(name, entry.revision).await? {
                return Ok(true);
            }
        }
        Err(Error::Conflict("Somebody else keeps changing this; try again.".to_owned()))
    }

    /// One record, whichever comes first.
    pub(crate) async fn first<T: DeserializeOwned>(&self) -> Result<Option<Record<T>>, Error> {
        let page = self.store.storage.list(&self.place(""), None, 1).await.map_err(unavailable)?;
        let Some((place, entry)) = page.entries.into_iter().next() else { return Ok(None) };
        self.read(&place, &entry.value, entry.revision, entry.age).await.map(Some)
    }

    /// Whether there is none.
    pub(crate) async fn is_empty(&self) -> Result<bool, Error> {
        let page = self.store.storage.list(&self.place(""), None, 1).await.map_err(unavailable)?;
        Ok(page.entries.is_empty())
    }

    /// Removes a record of this revision; false when there is another by now.
    pub(crate) async fn delete(&self, name: &str, revision: u64) -> Result<bool, Error> {
        let outcome = self.store.storage.delete(&self.place(name), revision).await;
        outcome.map(|outcome| matches!(outcome, WriteOutcome::Written(_))).map_err(unavailable)
    }

    /// All records, with their names. Those that are damaged are left out; one whose key is missing is an error, for what is
    /// listed would be acted on as if it were all.
    pub(crate) async fn all<T: DeserializeOwned>(&self) -> Result<Vec<(String, Record<T>)>, Error> {
        let prefix = self.place("");
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.storage.list(&prefix, after.as_deref(), PAGE).await.map_err(unavailable)?;
            for (place, entry) in page.entries {
                match self.read(&place, &entry.value, entry.revision, entry.age).await {
                    Ok(record) => found.push((place.strip_prefix(&prefix).unwrap_or_default().to_owned(), record)),
                    Err(Error::Internal(_)) => {}
                    Err(error) => return Err(error),
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

fn not_written(error: serde_json::Error) -> Error {
    Error::Internal(format!("A record of the service cannot be written as JSON: {error}"))
}
