//! The journal in the PostgreSQL database, beside the records.

use std::time::UNIX_EPOCH;

use futures::{FutureExt, future::BoxFuture};

use super::{
    Event, Journal, RecordedEvent, TAIL_LIMIT,
    row::{Row, recorded_event},
};
use crate::database::PostgresDatabase;

/// The [`Journal`] of a [`PostgresDatabase`]. Any number of hosts may write to one.
#[derive(Clone)]
pub struct PostgresJournal {
    database: PostgresDatabase,
}

const RECORD: &str = "INSERT INTO fabric_auth_journal (recorded_at, event) VALUES ($1, $2)";
const TAIL: &str = "SELECT sequence, recorded_at, event FROM fabric_auth_journal ORDER BY sequence DESC LIMIT $1";

impl PostgresJournal {
    pub(crate) fn new(database: PostgresDatabase) -> Self {
        Self { database }
    }
}

impl Journal for PostgresJournal {
    fn record(&self, event: Event) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let event = serde_json::to_string(&event.bounded()).map_err(|error| error.to_string())?;
            let since_epoch = self.database.clock().system().duration_since(UNIX_EPOCH).unwrap_or_default();
            let nanoseconds = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
            let write = self.database.write(|mut lease, _| async move {
                let recorded = sqlx::query(RECORD).bind(nanoseconds).bind(event).execute(&mut *lease).await;
                (lease, recorded.map(|_| ()))
            });
            write.await.map_err(|error| error.to_string())
        }
        .boxed()
    }

    fn tail(&self, limit: u32) -> BoxFuture<'_, Result<Vec<RecordedEvent>, String>> {
        async move {
            let limit = i64::from(limit.min(TAIL_LIMIT));
            let read = self.database.read(|mut lease| async move {
                let rows = sqlx::query_as(TAIL).bind(limit).fetch_all(&mut *lease).await;
                (lease, rows)
            });
            let rows: Vec<Row> = read.await.map_err(|error| error.to_string())?;
            rows.into_iter().rev().map(recorded_event).collect()
        }
        .boxed()
    }
}
