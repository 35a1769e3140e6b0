//! The tables, and which format they have.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, timeout};

use super::{connections::Connections, error::PostgresProblem};

/// The format of the tables below. A database of a newer format is refused.
pub(super) const SCHEMA_VERSION: i32 = 1;

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
    if is_there(connection).await? { Ok(()) } else { create(connection).await }
}

/// Whether there are tables, and of the format that is known.
async fn is_there(connection: &mut PgConnection) -> Result<bool, PostgresProblem> {
    let failed = |error: sqlx::Error| PostgresProblem::of(&error);
    let found: bool = sqlx::query_scalar(FIND).fetch_one(&mut *connection).await.map_err(failed)?;
    if !found {
        return Ok(false);
    }
    let version: i32 =
        sqlx::query_scalar("SELECT version FROM fabric_auth_schema").fetch_one(connection).await.map_err(failed)?;
    match version {
        SCHEMA_VERSION => Ok(true),
        found if found > SCHEMA_VERSION => Err(PostgresProblem::Newer { found, known: SCHEMA_VERSION }),
        found => Err(PostgresProblem::NotOurs(format!("format {found}"))),
    }
}

/// Creates the tables, unless another host is quicker.
async fn create(connection: &mut PgConnection) -> Result<(), PostgresProblem> {
    let failed = |error: sqlx::Error| PostgresProblem::of(&error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    // Hosts that wait for one another wait for longer than for a lock on a record.
    sqlx::raw_sql("SET LOCAL lock_timeout = '15s'; SET LOCAL statement_timeout = '15s'")
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await.map_err(failed)?;
    if !is_there(&mut transaction).await? {
        sqlx::raw_sql(TABLES).execute(&mut *transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}
