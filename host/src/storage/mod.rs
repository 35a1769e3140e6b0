//! Where records are kept: opaque bytes by key, changed one at a time by compare-and-swap.
//!
//! This is the host's side of the `storage` interface of the contract. Every engine implements [`Storage`]; the
//! component is served through [`Observed`], which adds what a host remembers by itself.

mod announcements;
mod limits;
mod memory;
mod observed;
mod page;
mod postgres;
mod sqlite;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
mod faults;

use std::time::Duration;

use futures::future::BoxFuture;

pub use self::{
    announcements::{Announcement, Announcements},
    limits::{LIST_LIMIT, MAX_KEY_BYTES, MAX_TAG_BYTES, MAX_VALUE_BYTES},
    memory::MemoryStorage,
    observed::{Observed, ObservedEntry, ObservedOutcome, ObservedPage},
    page::{MAX_PAGE_BYTES, Page},
    postgres::PostgresStorage,
    sqlite::SqliteStorage,
};

/// How long a write may take before it is given up.
///
/// A commit waits for one flush to disk: milliseconds, on a struggling disk a second. Before it, a writer of another
/// process may be waited for (`BUSY_TIMEOUT`), and writers of this process queue. Five seconds hold several such
/// waits. It may not be much longer, because a crashed renewal can be taken over only after request deadline, write
/// budget and slack have passed, and all that time a person waits for a token.
pub const WRITE_BUDGET: Duration = Duration::from_secs(5);

/// How long one process waits for another's write to the same database file. Less than half of [`WRITE_BUDGET`], so
/// that a writer who had to wait still has time to commit.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a read may take. Nothing that reads waits for a writer, so a read that takes this long will not succeed.
pub const READ_BUDGET: Duration = Duration::from_secs(2);

/// What the keys of the host's own records begin with. The component is given none of them.
pub const SERVICE_RECORDS: &str = "service/";

/// A put whose age counts from when it is written.
pub const UPON_WRITING: Duration = Duration::MAX;

/// An engine that keeps records.
///
/// What is promised to callers, and checked by one suite over every engine:
/// * reads are linearizable: a read that begins after a write was acknowledged sees that write or a later one;
/// * an acknowledged write survives a crash (of an engine that outlives the process);
/// * one record at a time changes atomically;
/// * the revisions of a key only grow and are never used twice, not even after a delete.
///
/// An engine may be cancelled by dropping its future; what a write has done by then is not known. [`Observed`] keeps
/// that from happening.
pub trait Storage: Send + Sync + 'static {
    /// Reads a record; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the engine does not answer within [`READ_BUDGET`],
    /// [`StorageError::OutOfLimits`] for a key that cannot exist.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>>;

    /// Writes a record if the precondition holds. `tag` is kept beside the value; a put without one removes it.
    ///
    /// The record's age counts from `begun_at`, a reading of this host's monotonic clock, or from the writing, whichever
    /// is earlier: what the value says of time was true when the put was begun, and a wait for a lock, a slow disk or a
    /// suspend must not make it younger. [`UPON_WRITING`] counts from the writing.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when nothing was written, [`StorageError::OutcomeUnknown`] when that is not
    /// known, [`StorageError::OutOfLimits`] for a key, value or tag that is not within the limits.
    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> BoxFuture<'a, Result<WriteOutcome, StorageError>>;

    /// Removes a record if it still has this revision. [`WriteOutcome::Written`] then carries that revision.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>>;

    /// Lists the records whose key begins with `prefix` (empty: all), after the key `after`, at most `limit` of them,
    /// in the byte order of their keys. No record that stood all along is missed. A page of large records ends earlier,
    /// at [`MAX_PAGE_BYTES`].
    ///
    /// # Errors
    /// [`StorageError::Unavailable`], or [`StorageError::OutOfLimits`] when `limit` is not within [`LIST_LIMIT`] or a
    /// key cannot exist.
    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, StorageError>>;

    /// What other hosts change from now on, as far as the engine can tell. Default: it cannot, and a host sees others'
    /// changes when it reads. Nobody may rely on them for more than being quick.
    fn announcements(&self) -> Option<Announcements> {
        None
    }
}

/// A record as the store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes that were put.
    pub value: Vec<u8>,
    /// Changes with every put of this key.
    pub revision: u64,
    /// What the put gave as tag.
    pub tag: Option<String>,
    /// Time since this value was written, by the store's own clock. Never negative.
    pub age: Duration,
}

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// There is no record under the key.
    Absent,
    /// The record's revision is this one.
    Revision(u64),
}

impl Precondition {
    /// Whether it holds for the record that stands under the key, given by its revision.
    fn holds(self, current: Option<u64>) -> bool {
        match self {
            Self::Absent => current.is_none(),
            Self::Revision(revision) => current == Some(revision),
        }
    }
}

/// How a conditional write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was written; this is the new revision, or for a delete the one that was removed.
    Written(u64),
    /// The precondition did not hold and nothing was changed. This is the record as it is now, if there is one.
    Lost(Option<Entry>),
}

/// Why the store did not do it. The texts are for the operator and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The store did not answer, and a write did certainly not happen.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The store did not answer, and whether the write happened is not known. Only writes give this.
    #[error("the store did not say whether it wrote: {0}")]
    OutcomeUnknown(String),
    /// The key, value, tag or limit is not within the limits of the contract.
    #[error("not within the limits of the store: {0}")]
    OutOfLimits(String),
}
