//! The tables, and which format they have.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, timeout};

use super::{connections::Connections, error::PostgresProblem};

/// The format of the tables below. A database of a newer format is refused.
pub(super) const SCHEMA_VERSION: i32 = 2;

/// The format before the events of the journal were chained.
const UNCHAINED: i32 = 1;

/// Held by the host that makes the tables: "FaAu" and a one.
const LOCK: i64 = 0x4661_4175_0000_0001;

/// How long opening may take: other hosts may be making the tables, one after the other.
const OPEN_BUDGET: Duration = Duration::from_secs(20);

/// Keys compare byte by byte whatever the locale of the database. All times are durations since 1970: of a record in
/// microseconds by the server's clock, of an event in nanoseconds by its host's. A tag is any text, and a `text` of
/// PostgreSQL is not.
const TABLES: &str = "
    CREATE TABLE fabric_auth_schema (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        version integer NOT NULL
    );
    INSERT INTO fabric_auth_schema (version) VALUES (1);
    CREATE SEQUENCE fabric_auth_revision;
    CREATE TABLE fabric_auth_record (
        key text COLLATE \"C\" PRIMARY KEY,
        revision bigint NOT NULL,
        tag bytea,
        written_at bigint NOT NULL,
        value bytea NOT NULL
    );
    CREATE TABLE fabric_auth_journal (
        sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        recorded_at bigint NOT NULL,
        event text NOT NULL
    );
";

/// Adds the chains of the journal. Its events from before belong to none. Names of hosts compare byte by byte.
const CHAINS: &str = "
    ALTER TABLE fabric_auth_journal
        ADD COLUMN host text COLLATE \"C\",
        ADD COLUMN position bigint,
        ADD COLUMN digest bytea,
        ADD COLUMN key_id text,
        ADD COLUMN mac bytea;
    CREATE UNIQUE INDEX fabric_auth_journal_chain ON fabric_auth_journal (host, position) WHERE host IS NOT NULL;
    CREATE INDEX fabric_auth_journal_unchained ON fabric_auth_journal (sequence) WHERE host IS NULL;
    CREATE TABLE fabric_auth_journal_mark (
        host text COLLATE \"C\" PRIMARY KEY,
        position bigint NOT NULL,
        digest bytea NOT NULL,
        key_id text NOT NULL,
        mac bytea NOT NULL
    );
    UPDATE fabric_auth_schema SET version = 2;
";

/// Whether there is our table. A session remembers which names it did not find, and an advisory lock does not make it
/// look again; that it reads from a table here does.
const FIND: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = to_regclass('fabric_auth_schema'))";

/// Checks the tables, or creates them, and that the database takes writes.
pub(super) async fn prepare(connections: &Arc<Connections>) -> Result<(), PostgresProblem> {
    let deadline = Instant::now() + OPEN_BUDGET;
    let mut lease = connections.lease(deadline).await?;
    match timeout(OPEN_BUDGET, prepare_on(&mut lease)).await {
        Ok(result) => result?,
        Err(_) => return Err(PostgresProblem::TooSlow),
    }
    lease.give_back();
    Ok(())
}

async fn prepare_on(connection: &mut PgConnection) -> Result<(), PostgresProblem> {
    let failed = |error: sqlx::Error| PostgresProblem::of(&error);
    let read_only: String = sqlx::query_scalar("SELECT current_setting('transaction_read_only')")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if read_only == "on" {
        return Err(PostgresProblem::ReadOnly);
    }
    if found(connection).await? == Found::Present { Ok(()) } else { make(connection).await }
}

/// Which tables there are.
#[derive(PartialEq, Eq)]
enum Found {
    /// All, of the format that is known.
    Present,
    /// Those of the format [`UNCHAINED`].
    Unchained,
    Nothing,
}

/// Looks which tables there are.
async fn found(connection: &mut PgConnection) -> Result<Found, PostgresProblem> {
    let failed = |error: sqlx::Error| PostgresProblem::of(&error);
    let found: bool = sqlx::query_scalar(FIND).fetch_one(&mut *connection).await.map_err(failed)?;
    if !found {
        return Ok(Found::Nothing);
    }
    let version: i32 =
        sqlx::query_scalar("SELECT version FROM fabric_auth_schema").fetch_one(connection).await.map_err(failed)?;
    match version {
        SCHEMA_VERSION => Ok(Found::Present),
        UNCHAINED => Ok(Found::Unchained),
        found if found > SCHEMA_VERSION => Err(PostgresProblem::Newer { found, known: SCHEMA_VERSION }),
        found => Err(PostgresProblem::NotOurs(format!("format {found}"))),
    }
}

/// Creates the tables, or brings those of an older format to this one, unless another host is quicker.
async fn make(connection: &mut PgConnection) -> Result<(), PostgresProblem> {
    let failed = |error: sqlx::Error| PostgresProblem::of(&error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    // Hosts that wait for one another wait for longer than for a lock on a record.
    sqlx::raw_sql("SET LOCAL lock_timeout = '15s'; SET LOCAL statement_timeout = '15s'")
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await.map_err(failed)?;
    let missing: &[&'static str] = match found(&mut transaction).await? {
        Found::Nothing => &[TABLES, CHAINS],
        Found::Unchained => &[CHAINS],
        Found::Present => &[],
    };
    for statements in missing {
        sqlx::raw_sql(*statements).execute(&mut *transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}
