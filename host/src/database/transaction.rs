//! Reads and writes within their time, and what is known when they fail.

use std::future::Future;

use sqlx::{Sqlite, Transaction};
use tokio::time::{Instant, timeout, timeout_at};

use super::Database;
use crate::storage::{READ_BUDGET, StorageError, WRITE_BUDGET};

/// A transaction that holds the write lock. Dropped without a commit, it has changed nothing.
pub(crate) type WriteTransaction = Transaction<'static, Sqlite>;

impl Database {
    /// Waits for the write lock. IMMEDIATE takes it at once: a transaction that began by reading could be refused it.
    pub(crate) async fn begin_write(&self) -> Result<WriteTransaction, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Runs a query within [`READ_BUDGET`].
    pub(crate) async fn read<T>(&self, query: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StorageError> {
        match timeout(READ_BUDGET, query).await {
            Ok(result) => result.map_err(|error| StorageError::Unavailable(self.describe(&error))),
            Err(_) => Err(StorageError::Unavailable(self.too_slow())),
        }
    }

    /// Runs the statements of a change, then commits the transaction if they ended with one, all within
    /// [`WRITE_BUDGET`]. Whatever fails before the commit has changed nothing; when the commit itself fails, whether
    /// the change will last is not known.
    pub(crate) async fn write<T>(
        &self,
        statements: impl Future<Output = Result<(T, Option<WriteTransaction>), sqlx::Error>>,
    ) -> Result<T, StorageError> {
        let deadline = Instant::now() + WRITE_BUDGET;
        let (outcome, transaction) = match timeout_at(deadline, statements).await {
            Ok(result) => result.map_err(|error| StorageError::Unavailable(self.describe(&error)))?,
            Err(_) => return Err(StorageError::Unavailable(self.too_slow())),
        };
        let Some(transaction) = transaction else { return Ok(outcome) };
        match timeout_at(deadline, transaction.commit()).await {
            Ok(Ok(())) => Ok(outcome),
            Ok(Err(error)) => Err(StorageError::OutcomeUnknown(self.describe(&error))),
            Err(_) => Err(StorageError::OutcomeUnknown(self.too_slow())),
        }
    }

    /// What goes into an error for the operator. SQLite's own messages name no value.
    fn describe(&self, error: &sqlx::Error) -> String {
        format!("{}: {error}", self.path.display())
    }

    fn too_slow(&self) -> String {
        format!("{}: the disk did not answer in time", self.path.display())
    }
}
