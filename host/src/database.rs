//! The database that holds records and journal: a SQLite file, shared by every host process on the machine, or a
//! PostgreSQL database for hosts on several. [`open()`] decides by the configuration.
//!
//! The SQLite file is in write-ahead-log mode, flushed at every commit. Readers never wait; writers of this process queue for
//! one connection, which is fair, and those of other processes for SQLite's lock, which is not.

mod backend;
mod open_error;
mod postgres;
mod schema;
mod transaction;

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};

pub use self::{
    backend::{Backend, open},
    open_error::OpenError,
    postgres::{CONNECTIONS, PostgresDatabase, PostgresError, PostgresProblem, PostgresSettings, PostgresUrlError},
};
pub(crate) use self::{
    postgres::{CHANNEL, Heard},
    transaction::WriteTransaction,
};
use crate::{
    clock::SharedClock,
    journal::SqliteJournal,
    storage::{BUSY_TIMEOUT, READ_BUDGET, SqliteStorage, WRITE_BUDGET},
};

/// Connections for reading. Each has a thread and a page cache of its own; a read takes some ten microseconds, so
/// few are enough.
const READERS: u32 = 4;

/// An open SQLite file. Clones share its connections.
#[derive(Clone)]
pub struct Database {
    path: Arc<Path>,
    clock: SharedClock,
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Database {
    /// Opens the file, creating it (mode 0600, in a folder that must exist) when there is none. Several processes may
    /// open one file, also for the first time and at the same time.
    ///
    /// # Errors
    /// One sentence that names the file and what to do about it: see the cases of [`OpenError`].
    pub async fn open(path: impl AsRef<Path>, clock: SharedClock) -> Result<Self, OpenError> {
        let path = path.as_ref();
        create_or_check(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        schema::prepare(path, &options).await?;
        let readers = pool(READERS, READ_BUDGET).connect_lazy_with(options.clone().pragma("query_only", "ON"));
        let writer = pool(1, WRITE_BUDGET).connect_lazy_with(options);
        Ok(Self { path: Arc::from(path), clock, readers, writer })
    }

    /// The records in this file.
    pub fn storage(&self) -> SqliteStorage {
        SqliteStorage::new(self.clone())
    }

    /// The audit journal in this file.
    pub fn journal(&self) -> SqliteJournal {
        SqliteJournal::new(self.clone())
    }

    /// Closes every connection once what it is doing is done. What comes later is answered `unavailable`.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

/// Connections are kept for good, and not tried before use: they are to a file, and hold the prepared statements.
fn pool(size: u32, acquire_within: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(acquire_within)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Sees to it that there is a file that can be written. A file that exists is not opened here: closing it again would
/// release the locks that another connection of this process may hold on it, as POSIX locks belong to the process.
fn create_or_check(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(OpenError::NotAFile(path.into())),
        // The mode says it even to root, who could write all the same but was told not to.
        Ok(metadata) if metadata.permissions().readonly() => Err(OpenError::ReadOnly(path.into())),
        Ok(_) => match rustix::fs::access(path, rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK) {
            Ok(()) => Ok(()),
            Err(_) => Err(OpenError::ReadOnly(path.into())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(source) => Err(OpenError::Unreachable { path: path.into(), source }),
    }
}

/// Makes an empty file, which SQLite takes for a new database.
fn create(path: &Path) -> Result<(), OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(OpenError::NoFolder { path: path.into(), folder: folder.into() });
    }
    let unreachable = |source| OpenError::Unreachable { path: PathBuf::from(path), source };
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Until the folder is flushed too, a crash could take the file away with everything written to it since.
        Ok(_) => fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(unreachable),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(unreachable(source)),
    }
}

#[cfg(test)]
mod tests;
