//! What a session must be like, so that reads show the present and an acknowledged write lasts.

use sqlx::PgConnection;

use super::{
    error::PostgresProblem,
    settings::{LOCK_TIMEOUT, STATEMENT_TIMEOUT},
};

/// The settings of `synchronous_commit` under which a commit that was acknowledged survives a crash of the server.
const LASTING: [&str; 2] = ["on", "remote_apply"];

/// Asks for everything that matters, in one exchange.
const INSPECT: &str = "SELECT pg_is_in_recovery(), current_setting('server_encoding'), \
                       current_setting('synchronous_commit'), current_setting('statement_timeout'), \
                       current_setting('lock_timeout')";

/// The server's time in microseconds, and what could change behind our back.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, \
                   current_setting('synchronous_commit'), current_setting('statement_timeout')";

/// Checks a new session and sets what is not yet as it has to be.
///
/// The timeouts are part of the request for a connection: a pooler that shares sessions refuses them, or passes over
/// them, and either is found here.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<(), PostgresProblem> {
    type Findings = (bool, String, String, String, String);
    let failed = |error: sqlx::Error| PostgresProblem::of_connecting(&error);
    let (standby, encoding, synchronous_commit, statement_timeout, lock_timeout): Findings =
        sqlx::query_as(INSPECT).fetch_one(&mut *connection).await.map_err(failed)?;
    if standby {
        return Err(PostgresProblem::Standby);
    }
    // Texts of the journal can be in any script.
    if encoding != "UTF8" {
        return Err(PostgresProblem::Encoding(encoding));
    }
    check("statement_timeout", &statement_timeout, &[STATEMENT_TIMEOUT])?;
    check("lock_timeout", &lock_timeout, &[LOCK_TIMEOUT])?;
    if !LASTING.contains(&synchronous_commit.as_str()) {
        sqlx::query("SET synchronous_commit = on").execute(connection).await.map_err(failed)?;
    }
    Ok(())
}

/// The server's time in microseconds since 1970, if the session is still as it has to be.
pub(super) async fn now(connection: &mut PgConnection) -> Result<Result<i64, PostgresProblem>, sqlx::Error> {
    let (now, synchronous_commit, statement_timeout): (i64, String, String) =
        sqlx::query_as(NOW).fetch_one(connection).await?;
    let kept = check("synchronous_commit", &synchronous_commit, &LASTING)
        .and_then(|()| check("statement_timeout", &statement_timeout, &[STATEMENT_TIMEOUT]));
    Ok(kept.map(|()| now))
}

fn check(name: &str, found: &str, right: &[&str]) -> Result<(), PostgresProblem> {
    if right.contains(&found) { Ok(()) } else { Err(PostgresProblem::Pooled(format!("{name} is {found}"))) }
}
