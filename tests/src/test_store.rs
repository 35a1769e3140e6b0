//! The store of hosts that are processes: either engine, seen and held up from outside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fabric_auth::clock::SystemClock;
use fabric_auth::config;
use fabric_auth::database::{self, PostgresSettings};
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::postgres_server::{PostgresServer, PostgresTestDatabase};

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL database.
    Postgres,
}

/// A store of its own for one test.
pub enum TestStore {
    /// The file at this path.
    Sqlite(PathBuf),
    /// This database.
    Postgres(PostgresTestDatabase),
}

/// What stands in a person's grant for everybody to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGrant {
    /// Counts its tokens.
    pub generation: u64,
    /// Whether somebody has claimed it.
    pub claimed: bool,
    /// Whether it holds a refresh token.
    pub has_refresh_token: bool,
}

/// Keeps every host from changing the records that are there, until it is released.
pub enum HeldWrites {
    /// By SQLite's lock.
    Sqlite(SqliteConnection),
    /// By locks on all of them.
    Postgres(PgConnection),
}

impl TestStore {
    /// A store in this folder, or on the server that all tests share. None where there is no PostgreSQL; the test then
    /// says that it was skipped.
    pub async fn new(engine: Engine, folder: &Path) -> Option<Self> {
        match engine {
            Engine::Sqlite => Some(Self::Sqlite(folder.join("fabric-auth.db"))),
            Engine::Postgres => Some(Self::Postgres(PostgresServer::shared()?.database().await)),
        }
    }

    /// Where it is, as `storage.url` takes it.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }

    /// The only grant of a person in it. Nothing is kept open: a store that hosts left behind stays as they left it.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub async fn grant(&self) -> StoredGrant {
        let storage = match self {
            Self::Sqlite(path) => config::Storage::Sqlite(path.clone()),
            Self::Postgres(database) => {
                config::Storage::Postgres(PostgresSettings::from_url(&database.url, 1).expect("a URL"))
            }
        };
        let backend = database::open(&storage, Arc::new(SystemClock::new())).await.expect("a database");
        let page = backend.storage().list("grant/person/", None, 10).await.expect("a store that answers");
        backend.close().await;
        let [(_, entry)] = page.entries.try_into().expect("one grant");
        let record: Value = serde_json::from_slice(&entry.value).expect("a record");
        StoredGrant {
            generation: record["generation"].as_u64().expect("a generation"),
            claimed: entry.tag.is_some() && record.get("claim").is_some(),
            has_refresh_token: record.get("refresh_token").is_some(),
        }
    }

    /// Holds up all changes of the records that are there; reads go on.
    ///
    /// # Panics
    /// When the store does not let it.
    pub async fn hold_writes(&self) -> HeldWrites {
        match self {
            Self::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(&path.display().to_string()).await.expect("a database");
                connection.execute("BEGIN IMMEDIATE").await.expect("the lock");
                HeldWrites::Sqlite(connection)
            }
            Self::Postgres(database) => {
                let mut connection = PgConnection::connect(&database.url).await.expect("a database");
                // Row by row: statements are still parsed and planned, and wait only where they would change something.
                connection.execute("BEGIN; SELECT key FROM fabric_auth_record FOR UPDATE").await.expect("the locks");
                HeldWrites::Postgres(connection)
            }
        }
    }
}

impl HeldWrites {
    /// Lets writes go on.
    ///
    /// # Panics
    /// When the store does not answer.
    pub async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.expect("a connection that ends"),
            Self::Postgres(connection) => connection.close().await.expect("a connection that ends"),
        }
    }

    /// Waits until a write of a host waits for this. On SQLite that cannot be seen.
    ///
    /// # Panics
    /// When none does in ten seconds, or on SQLite.
    pub async fn holds_a_write(&mut self) {
        let Self::Postgres(connection) = self else { panic!("SQLite does not tell who waits") };
        let waiting = "SELECT count(*) FROM pg_stat_activity \
                       WHERE wait_event_type = 'Lock' AND datname = current_database()";
        for _ in 0..2_000 {
            let count: i64 = sqlx::query_scalar(waiting).fetch_one(&mut *connection).await.expect("a count");
            if count > 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("no write waits");
    }
}
