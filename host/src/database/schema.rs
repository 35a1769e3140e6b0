//! The tables, and by what a database is known as ours.

use std::{path::Path, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::Instant;

use super::OpenError;
use crate::storage::WRITE_BUDGET;

/// Stands in the header of the file, where tools such as `file` look for whose it is: "FaAu".
pub(super) const APPLICATION_ID: i64 = 0x4661_4175;

/// The format of the tables below. A database of a newer format is refused.
pub(super) const SCHEMA_VERSION: i64 = 2;

/// The format before the events of the journal were chained.
const UNCHAINED: i64 = 1;

/// How long to wait before looking again when another process prepares the same file. SQLite does not wait by itself
/// where it changes the journal mode.
const LOCKED_PAUSE: Duration = Duration::from_millis(20);

/// The value is the last column, so that reading the others never touches the pages that a large one spills over to.
/// All times are in nanoseconds.
const TABLES: &str = "
    CREATE TABLE record (
        key TEXT PRIMARY KEY NOT NULL,
        revision INTEGER NOT NULL,
        tag TEXT,
        written_at_system INTEGER NOT NULL,
        written_at_boot TEXT NOT NULL,
        written_at_monotonic INTEGER NOT NULL,
        value BLOB NOT NULL
    ) STRICT;
    CREATE TABLE last_revision (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        revision INTEGER NOT NULL
    ) STRICT;
    INSERT INTO last_revision (only_row, revision) VALUES (1, 0);
    CREATE TABLE journal (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        recorded_at INTEGER NOT NULL,
        event TEXT NOT NULL
    ) STRICT;
";

/// Adds the chains of the journal. Its events from before belong to none.
const CHAINS: &str = "
    ALTER TABLE journal ADD COLUMN host TEXT;
    ALTER TABLE journal ADD COLUMN position INTEGER;
    ALTER TABLE journal ADD COLUMN digest BLOB;
    ALTER TABLE journal ADD COLUMN key_id TEXT;
    ALTER TABLE journal ADD COLUMN mac BLOB;
    CREATE UNIQUE INDEX journal_chain ON journal (host, position) WHERE host IS NOT NULL;
    CREATE INDEX journal_unchained ON journal (sequence) WHERE host IS NULL;
    CREATE TABLE journal_mark (
        host TEXT PRIMARY KEY NOT NULL,
        position INTEGER NOT NULL,
        digest BLOB NOT NULL,
        key_id TEXT NOT NULL,
        mac BLOB NOT NULL
    ) STRICT;
";

/// Checks that the file is ours, or creates the tables in an empty one, and switches it to the write-ahead log.
pub(super) async fn prepare(path: &Path, options: &SqliteConnectOptions) -> Result<(), OpenError> {
    let deadline = Instant::now() + WRITE_BUDGET;
    loop {
        match prepare_once(path, options).await {
            Err(OpenError::Locked(_)) if Instant::now() < deadline => tokio::time::sleep(LOCKED_PAUSE).await,
            result => return result,
        }
    }
}

async fn prepare_once(path: &Path, options: &SqliteConnectOptions) -> Result<(), OpenError> {
    let refused = |error| refusal(path, error);
    let mut connection = options.connect().await.map_err(refused)?;
    if identify(path, &mut connection).await? != Identity::Ours {
        make_tables(path, &mut connection).await?;
    }
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await.map_err(refused)?;
    connection.close().await.map_err(refused)
}

#[derive(PartialEq, Eq)]
enum Identity {
    Ours,
    /// Ours, of the format [`UNCHAINED`].
    Unchained,
    Empty,
}

async fn identify(path: &Path, connection: &mut SqliteConnection) -> Result<Identity, OpenError> {
    let query = "SELECT (SELECT application_id FROM pragma_application_id), \
                        (SELECT user_version FROM pragma_user_version), \
                        (SELECT count(*) FROM sqlite_schema)";
    let (application, version, tables): (i64, i64, i64) =
        sqlx::query_as(query).fetch_one(connection).await.map_err(|error| refusal(path, error))?;
    match (application, version) {
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(Identity::Ours),
        (APPLICATION_ID, UNCHAINED) => Ok(Identity::Unchained),
        (APPLICATION_ID, found) if found > SCHEMA_VERSION => {
            Err(OpenError::Newer { path: path.into(), found, known: SCHEMA_VERSION })
        }
        (0, 0) if tables == 0 => Ok(Identity::Empty),
        _ => Err(OpenError::NotOurs(path.into())),
    }
}

/// Creates the tables, or brings those of an older format to this one.
async fn make_tables(path: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let refused = |error| refusal(path, error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(refused)?;
    // Another process may have been quicker; under the lock it is certain.
    let missing: &[&'static str] = match identify(path, &mut transaction).await? {
        Identity::Empty => &[TABLES, CHAINS],
        Identity::Unchained => &[CHAINS],
        Identity::Ours => &[],
    };
    for statements in missing {
        sqlx::raw_sql(*statements).execute(&mut *transaction).await.map_err(refused)?;
    }
    let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}");
    sqlx::raw_sql(AssertSqlSafe(marks)).execute(&mut *transaction).await.map_err(refused)?;
    transaction.commit().await.map_err(refused)
}

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>) that say whose turn it is to act.
fn refusal(path: &Path, error: sqlx::Error) -> OpenError {
    const BUSY: i32 = 5;
    const READ_ONLY: i32 = 8;
    const NOT_A_DATABASE: i32 = 26;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    // The primary code is the low byte of the extended one.
    match code.map(|code| code & 0xff) {
        Some(BUSY) => OpenError::Locked(path.into()),
        Some(READ_ONLY) => OpenError::ReadOnly(path.into()),
        Some(NOT_A_DATABASE) => OpenError::NotOurs(path.into()),
        _ => OpenError::Broken { path: path.into(), source: Box::new(error) },
    }
}
