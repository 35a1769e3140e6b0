//! A store whose engine cannot tell what other hosts change.

use std::sync::Arc;
use std::time::Duration;

use fabric_auth::storage::{Entry, Page, Precondition, Storage, StorageError, WriteOutcome};
use futures::future::BoxFuture;

/// Another store without its announcements.
pub struct Unannounced(pub Arc<dyn Storage>);

impl Storage for Unannounced {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>> {
        self.0.get(key)
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        self.0.put(key, value, tag, precondition, begun_at)
    }

    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        self.0.delete(key, revision)
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        self.0.list(prefix, after, limit)
    }
}
