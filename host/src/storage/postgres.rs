//! Records in a PostgreSQL database.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use sha2::{Digest, Sha256};

use super::{
    Announcement, Announcements, Entry, MAX_PAGE_BYTES, Page, Precondition, Storage, StorageError, WriteOutcome,
    limits, page::PageBuilder,
};
use crate::database::{CHANNEL, Heard, PostgresDatabase};

/// The [`Storage`] of a [`PostgresDatabase`]. Any number of hosts may use one database at once.
///
/// Ages go by the server's clock alone. Should that clock be set back, ages shrink by as much, and are never negative.
#[derive(Clone)]
pub struct PostgresStorage {
    database: PostgresDatabase,
    /// Tells its own announcements from those of others.
    origin: String,
}

/// Microseconds since the put was begun, by the server's clock.
macro_rules! age {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint - written_at"
    };
}

const GET: &str = concat!("SELECT key, revision, tag, ", age!(), ", value FROM fabric_auth_record WHERE key = $1");

/// Writers of one key take turns by a lock that lasts until their commit, and take a revision from the sequence only
/// then. So the revisions of a key grow, also where one writer creates what another has just deleted.
const CREATE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock($1)),
    written AS (
        INSERT INTO fabric_auth_record (key, revision, tag, written_at, value)
        SELECT $2, nextval('fabric_auth_revision'), $3, $4, $5 FROM turn
        ON CONFLICT (key) DO NOTHING
        RETURNING revision
    ),
    announced AS (SELECT pg_notify($6, $7) FROM written)
    SELECT revision FROM written, announced";

/// As [`CREATE`], for a record that is there. An update that has waited for another looks at the revision again.
const REPLACE: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock($1)),
    written AS (
        UPDATE fabric_auth_record SET revision = nextval('fabric_auth_revision'), tag = $3, written_at = $4, value = $5
        FROM turn WHERE key = $2 AND revision = $8
        RETURNING revision
    ),
    announced AS (SELECT pg_notify($6, $7) FROM written)
    SELECT revision FROM written, announced";

const DELETE: &str = "
    WITH removed AS (DELETE FROM fabric_auth_record WHERE key = $1 AND revision = $2 RETURNING revision),
    announced AS (SELECT pg_notify($3, $4) FROM removed)
    SELECT revision FROM removed, announced";

/// The server stops after the record that fills the page: rows that nobody takes would have to be sent all the same.
const LIST: &str = concat!(
    "SELECT key, revision, tag, ",
    age!(),
    ", value FROM (
        SELECT *, sum(octet_length(value)) OVER (ORDER BY key) - octet_length(value) AS bytes_before
        FROM (SELECT * FROM fabric_auth_record WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3) AS piece
    ) AS measured
    WHERE bytes_before <= $4 ORDER BY key"
);

/// The columns of [`GET`] and [`LIST`].
type Row = (String, i64, Option<Vec<u8>>, i64, Vec<u8>);

impl PostgresStorage {
    pub(crate) fn new(database: PostgresDatabase) -> Self {
        Self { database, origin: random_name() }
    }

    async fn find(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        self.database
            .read(|mut lease| async move {
                let found = sqlx::query_as::<_, Row>(GET).bind(key).fetch_optional(&mut *lease).await;
                (lease, found.and_then(|row| row.map(|row| Ok(record(row)?.1)).transpose()))
            })
            .await
    }

    /// What becomes of a conditional write that gave this revision, or none where the precondition did not hold.
    async fn outcome(&self, key: &str, written: Option<i64>) -> Result<WriteOutcome, StorageError> {
        match written {
            Some(revision) => Ok(WriteOutcome::Written(u64::try_from(revision).unwrap_or_default())),
            None => Ok(WriteOutcome::Lost(self.find(key).await?)),
        }
    }

    async fn put_if(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
        begun_at: Duration,
    ) -> Result<Option<i64>, StorageError> {
        self.database
            .write(|mut lease, now| async move {
                // The server told its time before this reading of our clock, so no wait makes the value younger.
                let since_begun = self.database.clock().monotonic().saturating_sub(begun_at);
                let written_at = now.saturating_sub(microseconds(since_begun));
                let put = sqlx::query_scalar::<_, i64>(match precondition {
                    Precondition::Absent => CREATE,
                    Precondition::Revision(_) => REPLACE,
                });
                let put = put.bind(turn(key)).bind(key).bind(tag.map(String::into_bytes)).bind(written_at).bind(value);
                let put = put.bind(CHANNEL).bind(self.announcement(key));
                let put = match precondition {
                    Precondition::Absent => put,
                    Precondition::Revision(revision) => put.bind(to_column(revision)),
                };
                let written = put.fetch_optional(&mut *lease).await;
                (lease, written)
            })
            .await
    }

    async fn delete_if(&self, key: &str, revision: u64) -> Result<Option<i64>, StorageError> {
        self.database
            .write(|mut lease, _| async move {
                let delete = sqlx::query_scalar::<_, i64>(DELETE).bind(key).bind(to_column(revision));
                let removed = delete.bind(CHANNEL).bind(self.announcement(key)).fetch_optional(&mut *lease).await;
                (lease, removed)
            })
            .await
    }

    async fn page(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError> {
        // The least text that sorts after `after`: keys hold nothing that sorts before a full stop or a percent sign.
        let next = after.map(|after| format!("{after}!")).unwrap_or_default();
        let (from, to) = (prefix.max(&next), &format!("{prefix}{}", limits::AFTER_EVERY_KEY_BYTE));
        let records = self
            .database
            .read(|mut lease| async move {
                // One more than asked for tells whether there is more.
                let list = sqlx::query_as::<_, Row>(LIST).bind(from).bind(to).bind(i64::from(limit).saturating_add(1));
                let rows = list.bind(i64::try_from(MAX_PAGE_BYTES).unwrap_or(i64::MAX)).fetch_all(&mut *lease).await;
                (lease, rows.and_then(|rows| rows.into_iter().map(record).collect::<Result<Vec<_>, _>>()))
            })
            .await?;
        let mut page = PageBuilder::new(limit);
        for (key, entry) in records {
            page = match page.push(key, entry) {
                Ok(page) => page,
                Err(full) => return Ok(full),
            };
        }
        Ok(page.finish())
    }

    /// What others are told of a change.
    fn announcement(&self, key: &str) -> String {
        format!("{} {key}", self.origin)
    }
}

impl Storage for PostgresStorage {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, StorageError>> {
        async move {
            limits::check_key(key)?;
            self.find(key).await
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
            let written = self.put_if(key, value, tag, precondition, begun_at).await?;
            self.outcome(key, written).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, key: &'a str, revision: u64) -> BoxFuture<'a, Result<WriteOutcome, StorageError>> {
        async move {
            limits::check_key(key)?;
            let removed = self.delete_if(key, revision).await?;
            self.outcome(key, removed).await
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
            self.page(prefix, after, limit).await
        }
        .boxed()
    }

    fn announcements(&self) -> Option<Announcements> {
        let own = self.origin.clone();
        let heard = stream::unfold(self.database.subscribe(), |mut subscription| async move {
            Some((subscription.next().await?, subscription))
        });
        let of_others = heard.filter_map(move |heard| {
            let announcement = match heard {
                Heard::Change { origin, .. } if origin == own => None,
                Heard::Change { key, .. } => Some(Announcement::Changed(key)),
                Heard::Gap => Some(Announcement::Missed),
            };
            std::future::ready(announcement)
        });
        Some(Announcements::new(of_others.boxed()))
    }
}

fn record(row: Row) -> Result<(String, Entry), sqlx::Error> {
    let (key, revision, tag, age, value) = row;
    let undecodable = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let revision = u64::try_from(revision).map_err(|error| undecodable(error.into()))?;
    let tag = tag.map(String::from_utf8).transpose().map_err(|error| undecodable(error.into()))?;
    // Negative where the server's clock has been set back to before the put.
    let age = Duration::from_micros(u64::try_from(age).unwrap_or_default());
    Ok((key, Entry { value, revision, tag, age }))
}

/// The lock by which the writers of a key take turns. Keys that share one, by a rare chance, share their turns.
fn turn(key: &str) -> i64 {
    let digest = Sha256::digest(key);
    let (first, _) = digest.split_at(8);
    i64::from_be_bytes(first.try_into().unwrap_or_default())
}

/// A revision that no column can hold is none that was ever given.
fn to_column(revision: u64) -> Option<i64> {
    i64::try_from(revision).ok()
}

/// In microseconds, rounded up.
fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).map_or(i64::MAX, |whole| whole.saturating_add(1))
}

/// A name that no other has. No secret, so what seeds the hash maps of the standard library is enough.
fn random_name() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests;
