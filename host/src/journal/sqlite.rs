//! The journal in the SQLite file, beside the records.

use std::time::UNIX_EPOCH;

use futures::{FutureExt, future::BoxFuture};

use super::{
    Event, Journal, RecordedEvent, TAIL_LIMIT,
    row::{Row, recorded_event},
};
use crate::database::{Database, WriteTransaction};

/// How many events the file keeps; the oldest go first. A few hundred megabytes at most: a disk that the journal has
/// filled could not take tokens either.
pub const KEPT_EVENTS: u32 = 1_000_000;

/// How many old events go with a new one. More than one, so that a file that holds too many shrinks; few, so that no
/// write takes long.
const PRUNED_AT_ONCE: i64 = 16;

/// The [`Journal`] of a [`Database`], of the last [`KEPT_EVENTS`]. Several processes may write to one.
#[derive(Clone)]
pub struct SqliteJournal {
    database: Database,
}

const RECORD: &str = "INSERT INTO journal (recorded_at, event) VALUES (?1, ?2) RETURNING sequence";
const PRUNE: &str = "DELETE FROM journal WHERE sequence IN \
                     (SELECT sequence FROM journal WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2)";
const TAIL: &str = "SELECT sequence, recorded_at, event FROM journal ORDER BY sequence DESC LIMIT ?1";

impl SqliteJournal {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    async fn stage_record(&self, event: String) -> Result<((), Option<WriteTransaction>), sqlx::Error> {
        let mut transaction = self.database.begin_write().await?;
        let since_epoch = self.database.clock().system().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
        let sequence: i64 =
            sqlx::query_scalar(RECORD).bind(nanoseconds).bind(event).fetch_one(&mut *transaction).await?;
        let last_to_go = sequence.saturating_sub(i64::from(KEPT_EVENTS));
        if last_to_go > 0 {
            sqlx::query(PRUNE).bind(last_to_go).bind(PRUNED_AT_ONCE).execute(&mut *transaction).await?;
        }
        Ok(((), Some(transaction)))
    }
}

impl Journal for SqliteJournal {
    fn record(&self, event: Event) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let event = serde_json::to_string(&event.bounded()).map_err(|error| error.to_string())?;
            self.database.write(self.stage_record(event)).await.map_err(|error| error.to_string())
        }
        .boxed()
    }

    fn tail(&self, limit: u32) -> BoxFuture<'_, Result<Vec<RecordedEvent>, String>> {
        async move {
            let query = sqlx::query_as(TAIL).bind(limit.min(TAIL_LIMIT)).fetch_all(self.database.readers());
            let rows: Vec<Row> = self.database.read(query).await.map_err(|error| error.to_string())?;
            rows.into_iter().rev().map(recorded_event).collect()
        }
        .boxed()
    }
}
