//! What a host can stand on, whichever engine it is.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};

use super::{Database, OpenError, PostgresDatabase};
use crate::{
    clock::SharedClock,
    config,
    journal::{Journal, Ledger},
    storage::Storage,
};

/// A database that holds records and journal.
pub trait Backend: Send + Sync {
    /// The records in it.
    fn storage(&self) -> Arc<dyn Storage>;

    /// The audit journal in it.
    fn journal(&self) -> Arc<dyn Journal>;

    /// The same journal as rows: for verification, export and retention.
    fn ledger(&self) -> Arc<dyn Ledger>;

    /// Closes every connection once what it is doing is done. What comes later is answered `unavailable`.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Opens the database that a configuration names, and makes its tables where there are none.
///
/// # Errors
/// [`OpenError`]: a sentence for the operator.
pub async fn open(storage: &config::Storage, clock: SharedClock) -> Result<Box<dyn Backend>, OpenError> {
    Ok(match storage {
        config::Storage::Sqlite(path) => Box::new(Database::open(path, clock).await?),
        config::Storage::Postgres(settings) => Box::new(PostgresDatabase::open(settings, clock).await?),
    })
}

impl Backend for Database {
    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.storage())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(self.journal())
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(self.journal())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.close().boxed()
    }
}

impl Backend for PostgresDatabase {
    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.storage())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(self.journal())
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(self.journal())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.close().boxed()
    }
}
