//! Import `storage`.

use super::Imports;
use crate::contract::storage::{self, Entry, Page, Precondition, StorageError, WriteOutcome};
use crate::ports::Storage;

impl Storage for Imports {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        storage::get(key.to_owned()).await
    }

    async fn put(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
    ) -> Result<WriteOutcome, StorageError> {
        storage::put(key.to_owned(), value, tag, precondition).await
    }

    async fn delete(&self, key: &str, revision: u64) -> Result<WriteOutcome, StorageError> {
        storage::delete(key.to_owned(), revision).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError> {
        storage::list(prefix.to_owned(), after.map(str::to_owned), limit).await
    }
}
