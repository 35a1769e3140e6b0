//! The journal in the SQLite file, beside the records.

use std::time::{Duration, UNIX_EPOCH};

use futures::{FutureExt, future::BoxFuture};

use super::{Event, Journal, RecordedEvent, TAIL_LIMIT};
use crate::database::{Database, WriteTransaction};

/// The [`Journal`] of a [`Database`]. Several processes may write to one.
#[derive(Clone)]
pub struct SqliteJournal {
    database: Database,
}

const RECORD: &str = "INSERT INTO journal (recorded_at, event) VALUES (?1, ?2)";
const TAIL: &str = "SELECT sequence, recorded_at, event FROM journal ORDER BY sequence DESC LIMIT ?1";

/// The columns of [`TAIL`].
type Row = (i64, i64, String);

impl SqliteJournal {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    async fn stage_record(&self, event: String) -> Result<((), Option<WriteTransaction>), sqlx::Error> {
        let mut transaction = self.database.begin_write().await?;
        let since_epoch = self.database.clock().system().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
        sqlx::query(RECORD).bind(nanoseconds).bind(event).execute(&mut *transaction).await?;
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

fn recorded_event((sequence, recorded_at, event): Row) -> Result<RecordedEvent, String> {
    let unreadable = |error: &dyn std::error::Error| format!("event {sequence} of the journal is damaged: {error}");
    let since_epoch = Duration::from_nanos(u64::try_from(recorded_at).map_err(|error| unreadable(&error))?);
    Ok(RecordedEvent {
        sequence: u64::try_from(sequence).map_err(|error| unreadable(&error))?,
        recorded_at: UNIX_EPOCH + since_epoch,
        event: serde_json::from_str(&event).map_err(|error| unreadable(&error))?,
    })
}
