//! Records in the SQLite file.

use std::time::{Duration, UNIX_EPOCH};

use futures::{FutureExt, TryStreamExt, future::BoxFuture};
use sqlx::SqliteExecutor;

use super::{Entry, Page, Precondition, Storage, StorageError, WriteOutcome, limits, page::PageBuilder};
use crate::database::{Database, WriteTransaction};

/// The [`Storage`] of a [`Database`]. Several processes may use one file at once.
///
/// Every record carries when it was written on both clocks. Within one boot its age goes by the monotonic clock, which
/// no step of the system clock can move; after a reboot the system clock is all there is.
#[derive(Clone)]
pub struct SqliteStorage {
    database: Database,
}

const GET: &str = "SELECT key, revision, tag, written_at_system, written_at_boot, written_at_monotonic, value \
                   FROM record WHERE key = ?1";
const GET_REVISION: &str = "SELECT revision FROM record WHERE key = ?1";
/// One counter for all keys: it outlives every record, so no revision comes again.
const NEXT_REVISION: &str = "UPDATE last_revision SET revision = revision + 1 RETURNING revision";
const PUT: &str = "INSERT INTO record \
                   (key, revision, tag, written_at_system, written_at_boot, written_at_monotonic, value) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                   ON CONFLICT (key) DO UPDATE SET revision = ?2, tag = ?3, \
                   written_at_system = ?4, written_at_boot = ?5, written_at_monotonic = ?6, value = ?7";
const DELETE: &str = "DELETE FROM record WHERE key = ?1";
/// Text compares byte by byte (collation BINARY), so a range of keys is a prefix taken literally, as LIKE would not.
const LIST: &str = "SELECT key, revision, tag, written_at_system, written_at_boot, written_at_monotonic, value \
                    FROM record WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3";

/// The columns of [`GET`] and [`LIST`].
type Row = (String, i64, Option<String>, i64, String, i64, Vec<u8>);

impl SqliteStorage {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    async fn find(&self, executor: impl SqliteExecutor<'_>, key: &str) -> Result<Option<Entry>, sqlx::Error> {
        let row: Option<Row> = sqlx::query_as(GET).bind(key).fetch_optional(executor).await?;
        row.map(|row| Ok(self.record(row)?.1)).transpose()
    }

    fn record(&self, row: Row) -> Result<(String, Entry), sqlx::Error> {
        let (key, revision, tag, system, boot, monotonic, value) = row;
        let clock = self.database.clock();
        let age = if boot == clock.boot_id() {
            clock.monotonic().saturating_sub(from_column(monotonic))
        } else {
            // Zero if the system clock has been set back to before the write.
            let since_epoch = clock.system().duration_since(UNIX_EPOCH).unwrap_or_default();
            since_epoch.saturating_sub(from_column(system))
        };
        Ok((key, Entry { value, revision: revision_from_column(revision)?, tag, age }))
    }

    /// The statements of a put, up to its commit.
    async fn stage_put(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> Result<(WriteOutcome, Option<WriteTransaction>), sqlx::Error> {
        let mut transaction = self.database.begin_write().await?;
        if !precondition.holds(current_revision(&mut transaction, key).await?) {
            return Ok((WriteOutcome::Lost(self.find(&mut *transaction, key).await?), None));
        }
        let revision: i64 = sqlx::query_scalar(NEXT_REVISION).fetch_one(&mut *transaction).await?;
        let clock = self.database.clock();
        // Both clocks are read now and taken back by how long the put has been under way.
        let now = clock.monotonic();
        let since_begun = now.saturating_sub(begun_at);
        let system = clock.system().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(since_begun);
        sqlx::query(PUT)
            .bind(key)
            .bind(revision)
            .bind(tag)
            .bind(to_column(system))
            .bind(clock.boot_id())
            .bind(to_column(now.saturating_sub(since_begun)))
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        Ok((WriteOutcome::Written(revision_from_column(revision)?), Some(transaction)))
    }

    /// The statements of a delete, up to its commit.
    async fn stage_delete(
        &self,
        key: &str,
        revision: u64,
    ) -> Result<(WriteOutcome, Option<WriteTransaction>), sqlx::Error> {
        let mut transaction = self.database.begin_write().await?;
        if !Precondition::Revision(revision).holds(current_revision(&mut transaction, key).await?) {
            return Ok((WriteOutcome::Lost(self.find(&mut *transaction, key).await?), None));
        }
        sqlx::query(DELETE).bind(key).execute(&mut *transaction).await?;
        Ok((WriteOutcome::Written(revision), Some(transaction)))
    }

    async fn page(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, sqlx::Error> {
        // The least text that sorts after `after`. One bound, so that no page walks over those before it again.
        let next = after.map(|after| format!("{after}\0")).unwrap_or_default();
        let mut rows = sqlx::query_as::<_, Row>(LIST)
            .bind(prefix.max(&next))
            .bind(format!("{prefix}{}", limits::AFTER_EVERY_KEY_BYTE))
            // One more than asked for tells whether there is more.
            .bind(i64::from(limit).saturating_add(1))
            .fetch(self.database.readers());
        let mut page = PageBuilder::new(limit);
        while let Some(row) = rows.try_next().await? {
            let (key, entry) = self.record(row)?;
            page = match page.push(key, entry) {
                Ok(page) => page,
                Err(full) => return Ok(full),
            };
        }
        Ok(page.finish())
    }
}

impl Storage for SqliteStorage {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>> {
        async move {
            limits::check_key(key)?;
            self.database.read(self.find(self.database.readers(), key)).await
        }
        .boxed()
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        async move {
            limits::check_put(key, &value, tag.as_deref())?;
            self.database.write(self.stage_put(key, value, tag, precondition, begun_at)).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        async move {
            limits::check_key(key)?;
            self.database.write(self.stage_delete(key, revision)).await
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        async move {
            limits::check_list(prefix, after, limit)?;
            self.database.read(self.page(prefix, after, limit)).await
        }
        .boxed()
    }
}

async fn current_revision(transaction: &mut WriteTransaction, key: &str) -> Result<Option<u64>, sqlx::Error> {
    let revision: Option<i64> = sqlx::query_scalar(GET_REVISION).bind(key).fetch_optional(&mut **transaction).await?;
    revision.map(revision_from_column).transpose()
}

fn revision_from_column(revision: i64) -> Result<u64, sqlx::Error> {
    u64::try_from(revision).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// A time in nanoseconds. The column holds three centuries, and a time beyond counts as its end.
fn to_column(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn from_column(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default())
}

#[cfg(test)]
mod tests;
