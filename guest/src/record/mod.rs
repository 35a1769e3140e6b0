//! What the component keeps: JSON records with every secret in them sealed.
//!
//! Each kind of record has a version and keeps members it does not know, so that hosts of two versions can share a
//! store: what a newer one wrote survives being rewritten by an older one.

mod app_connection;
mod default_app_connection;
mod discovery;
mod endpoint;
mod fabric;
mod grant;
mod listed;
mod personal_access_token;
mod sign_in;

pub use app_connection::{AppConnectionRecord, PreviousSecret, SecretHistory};
pub use default_app_connection::DefaultAppConnectionRecord;
pub use discovery::DiscoveryRecord;
pub use endpoint::EndpointRecord;
pub use fabric::{FabricRecord, Method};
pub use grant::{Cause, Claim, CoolDown, Ended, GrantRecord, Identity};
pub use listed::{Listed, Unreadable};
pub use personal_access_token::PersonalAccessTokenRecord;
pub use sign_in::SignInRecord;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::Error;
use crate::contract::storage::{Entry, Precondition, WriteOutcome};
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::ports::Ports;

/// Members that this version does not know.
pub type Unknown = serde_json::Map<String, serde_json::Value>;

/// A kind of record.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is, for messages.
    const NAME: &'static str;
    /// The newest version that is understood. A change that older code can ignore does not raise it.
    const VERSION: u32 = 1;
    /// The version it was written as.
    fn version(&self) -> u32;
}

/// A record with what the store says about it.
#[derive(Clone)]
pub struct Stored<T> {
    /// The record.
    pub record: T,
    /// Where it stands.
    pub key: String,
    /// For the next write.
    pub revision: u64,
    /// Time since it was written, the time that reading it took included.
    pub age: Duration,
    /// How long this host has seen its tag stand.
    pub unchanged_for: Duration,
}

impl<T: Record> Stored<T> {
    /// Takes an entry of the store apart.
    ///
    /// # Errors
    /// `unavailable` when a newer version wrote it, `internal` when it is not what it should be.
    pub fn parse(key: &str, entry: Entry) -> Result<Self> {
        let record: T = serde_json::from_slice(&entry.value)
            .map_err(|_| Error::Internal(format!("A stored {} is damaged; it was left as it is.", T::NAME)))?;
        if record.version() > T::VERSION {
            let message =
                format!("A stored {} was written by a newer version of fabric-auth. Upgrade this host.", T::NAME);
            return Err(Error::unavailable(message, None));
        }
        Ok(Self {
            record,
            key: key.to_owned(),
            revision: entry.revision,
            age: Duration::from_nanos(entry.age),
            unchanged_for: Duration::from_nanos(entry.unchanged_for),
        })
    }
}

impl<T> Stored<T> {
    /// The precondition for writing over it.
    pub fn precondition(&self) -> Precondition {
        Precondition::Revision(self.revision)
    }

    /// The same place, just written anew.
    pub fn rewritten(&self, record: T, revision: u64) -> Self {
        Self { record, key: self.key.clone(), revision, age: Duration::ZERO, unchanged_for: Duration::ZERO }
    }
}

/// How a write ended.
pub enum Written<T> {
    /// Done; the new revision.
    Done(u64),
    /// Somebody else was first; the record as it is now.
    Lost(Option<Stored<T>>),
}

impl<P: Ports> Core<P> {
    /// Reads a record.
    pub(crate) async fn read<T: Record>(&self, key: &str) -> Result<Option<Stored<T>>, Failure> {
        let asked_at = self.ports.monotonic();
        let Some(entry) = self.ports.get(key).await? else { return Ok(None) };
        let mut stored = Stored::parse(key, entry)?;
        stored.age = stored.age.saturating_add(self.ports.monotonic().saturating_sub(asked_at));
        Ok(Some(stored))
    }

    /// Writes a record if the precondition holds.
    pub(crate) async fn write<T: Record>(
        &self,
        key: &str,
        record: &T,
        tag: Option<String>,
        precondition: Precondition,
    ) -> Result<Written<T>> {
        match self.ports.put(key, encode(record)?, tag, precondition).await? {
            WriteOutcome::Written(revision) => Ok(Written::Done(revision)),
            WriteOutcome::Lost(Some(entry)) => Ok(Written::Lost(Some(Stored::parse(key, entry)?))),
            WriteOutcome::Lost(None) => Ok(Written::Lost(None)),
        }
    }

    /// Removes everything under a prefix. Gives the keys of what there was.
    pub(crate) async fn remove_all(&self, prefix: &str) -> Result<Vec<String>> {
        let (mut removed, mut after) = (Vec::new(), None);
        loop {
            let page = self.ports.list(prefix, after.as_deref(), PIECE).await?;
            for (key, _) in page.entries {
                if self.remove(&key).await? {
                    removed.push(key);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(removed),
            }
        }
    }

    /// Removes whatever stands under a key. Gives whether there was something.
    pub(crate) async fn remove(&self, key: &str) -> Result<bool> {
        let mut revision = match self.ports.get(key).await? {
            Some(entry) => entry.revision,
            None => return Ok(false),
        };
        for _ in 0..WRITE_ATTEMPTS {
            match self.ports.delete(key, revision).await? {
                WriteOutcome::Written(_) => return Ok(true),
                WriteOutcome::Lost(None) => return Ok(false),
                WriteOutcome::Lost(Some(entry)) => revision = entry.revision,
            }
        }
        Err(Error::unavailable("The record keeps being changed from elsewhere. Try again.", None))
    }
}

/// How many records are listed at a time where all of them are wanted.
const PIECE: u32 = 100;

/// How often a read-change-write is tried before giving up. Each lost race means that somebody else succeeded.
pub const WRITE_ATTEMPTS: u32 = 16;

/// The precondition for writing over what was read.
pub fn over<T>(stored: Option<&Stored<T>>) -> Precondition {
    stored.map_or(Precondition::Absent, Stored::precondition)
}

/// A record's bytes.
pub fn encode<T: Record>(record: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(record).map_err(|_| Error::Internal(format!("A {} could not be written as JSON.", T::NAME)))
}

/// Durations as whole milliseconds.
pub mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a duration; more than 584 million years are cut there.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// Reads a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }

    /// Durations that may be missing.
    pub mod optional {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serializer};

        /// Writes a duration, if there is one.
        pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads a duration, if there is one.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
        }
    }
}
