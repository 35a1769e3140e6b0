//! What this host has itself seen of the store, and the promise that a write once begun is carried through.
//!
//! A claim on a record may be taken over only once it has stood still for long enough. No clock of another machine is
//! asked for that: the host remembers since when it has seen the very same tag on a key, on its own monotonic clock.

mod joined_reads;
mod sightings;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::RwLock;

use self::{joined_reads::JoinedReads, sightings::Sightings};
use super::{Entry, Precondition, Storage, StorageError, WriteOutcome};
use crate::clock::SharedClock;

/// How many tagged records are remembered. A tag stands on a record only while a claim is open, so this is far more
/// than there are at once; with keys and tags of full length it is some 64 MiB, with ordinary ones 10.
const REMEMBERED: usize = 65_536;

/// A [`Storage`] as one host sees it. Clones share what was seen.
pub struct Observed<S: Storage + ?Sized> {
    store: Arc<S>,
    clock: SharedClock,
    sightings: Arc<Mutex<Sightings>>,
    reads: Arc<JoinedReads<Result<Option<ObservedEntry>, StorageError>>>,
    /// Held for reading by every write that runs.
    running: Arc<RwLock<()>>,
}

/// A record with what this host knows of its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedEntry {
    /// The record.
    pub entry: Entry,
    /// How long this host has itself seen this very tag stand on this key without interruption, on the monotonic
    /// clock. Zero when it sees the tag for the first time, or there is no tag. Never longer than it really stood.
    pub unchanged_for: Duration,
}

/// How a conditional write ended, with what this host knows of the record that was in its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedOutcome {
    /// It was written; this is the new revision, or for a delete the one that was removed.
    Written(u64),
    /// The precondition did not hold and nothing was changed. This is the record as it is now, if there is one.
    Lost(Option<ObservedEntry>),
}

/// A piece of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPage {
    /// Keys and records in the byte order of their keys. `unchanged_for` is always zero here: a listing goes over far
    /// more records than are worth remembering.
    pub entries: Vec<(String, ObservedEntry)>,
    /// Give this as `after` to get the next piece; `None` when there is no more.
    pub next: Option<String>,
}

impl<S: Storage + ?Sized> Clone for Observed<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            sightings: Arc::clone(&self.sightings),
            reads: Arc::clone(&self.reads),
            running: Arc::clone(&self.running),
        }
    }
}

impl<S: Storage + ?Sized> Observed<S> {
    /// Looks at `store` from now on. Nothing has been seen yet.
    pub fn new(store: Arc<S>, clock: SharedClock) -> Self {
        let sightings = Arc::new(Mutex::new(Sightings::new(REMEMBERED)));
        Self { store, clock, sightings, reads: Arc::default(), running: Arc::default() }
    }

    /// Reads a record; `None` when there is none. Those who ask at the same time share one read, which begins after
    /// each of them has asked.
    ///
    /// # Errors
    /// As [`Storage::get`].
    pub async fn get(&self, key: &str) -> Result<Option<ObservedEntry>, StorageError> {
        let read = || {
            let (this, key) = (self.clone(), key.to_owned());
            async move {
                let began = this.clock.monotonic();
                let found = this.store.get(&key).await?;
                Ok(this.see(&key, found, began))
            }
        };
        let cut_off = || Err(StorageError::Unavailable("the read was cut off because this host ends".to_owned()));
        self.reads.read(key, read).await.unwrap_or_else(cut_off)
    }

    /// Writes a record if the precondition holds. Once begun, the write goes on even if this future is dropped.
    ///
    /// # Errors
    /// As [`Storage::put`].
    pub async fn put(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
    ) -> Result<ObservedOutcome, StorageError> {
        let (this, key) = (self.clone(), key.to_owned());
        let began = self.clock.monotonic();
        self.carry_through(async move {
            match this.store.put(&key, value, tag.clone(), precondition, began).await? {
                WriteOutcome::Written(revision) => {
                    this.remember(&key, tag.as_deref(), began);
                    Ok(ObservedOutcome::Written(revision))
                }
                WriteOutcome::Lost(current) => Ok(ObservedOutcome::Lost(this.see(&key, current, began))),
            }
        })
        .await
    }

    /// Removes a record if it still has this revision. Once begun, the removal goes on even if this future is dropped.
    ///
    /// # Errors
    /// As [`Storage::delete`].
    pub async fn delete(&self, key: &str, revision: u64) -> Result<ObservedOutcome, StorageError> {
        let (this, key) = (self.clone(), key.to_owned());
        self.carry_through(async move {
            let began = this.clock.monotonic();
            match this.store.delete(&key, revision).await? {
                WriteOutcome::Written(revision) => {
                    this.remember(&key, None, began);
                    Ok(ObservedOutcome::Written(revision))
                }
                WriteOutcome::Lost(current) => Ok(ObservedOutcome::Lost(this.see(&key, current, began))),
            }
        })
        .await
    }

    /// Lists records as [`Storage::list`] does.
    ///
    /// # Errors
    /// As [`Storage::list`].
    pub async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<ObservedPage, StorageError> {
        let page = self.store.list(prefix, after, limit).await?;
        let unseen = |(key, entry)| (key, ObservedEntry { entry, unchanged_for: Duration::ZERO });
        Ok(ObservedPage { entries: page.entries.into_iter().map(unseen).collect(), next: page.next })
    }

    /// Waits until every write that has begun is done. To be called before the async runtime is shut down, which
    /// would cut off writes whose callers have gone.
    pub async fn writes_done(&self) {
        drop(self.running.write().await);
    }

    /// Runs a write in a task of its own, so that a caller who goes away does not cancel it.
    async fn carry_through<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, StorageError>> + Send + 'static,
    ) -> Result<T, StorageError> {
        let running = Arc::clone(&self.running).read_owned().await;
        let task = tokio::spawn(async move {
            let result = write.await;
            drop(running);
            result
        });
        task.await.unwrap_or_else(|_| Err(StorageError::OutcomeUnknown("the write was cut off inside the host".into())))
    }

    fn see(&self, key: &str, found: Option<Entry>, began: Duration) -> Option<ObservedEntry> {
        let tag = found.as_ref().and_then(|entry| entry.tag.as_deref());
        let unchanged_for = self.remember(key, tag, began);
        found.map(|entry| ObservedEntry { entry, unchanged_for })
    }

    /// `began` is the monotonic time before the store was asked. The tag stood at some moment after it, so a first
    /// sighting counts from now and a later one up to `began`: a reply that was long under way never counts as time
    /// that the tag stood.
    fn remember(&self, key: &str, tag: Option<&str>, began: Duration) -> Duration {
        let now = self.clock.monotonic();
        // A panic elsewhere cannot leave a sighting half made in a way that matters: at worst it is forgotten.
        let mut sightings = self.sightings.lock().unwrap_or_else(PoisonError::into_inner);
        let first_seen = match tag {
            Some(tag) => sightings.see(key, tag, now),
            None => {
                sightings.forget(key);
                now
            }
        };
        began.saturating_sub(first_seen)
    }
}

#[cfg(test)]
mod tests;
