//! The journal in the PostgreSQL database, beside the records.

use futures::{FutureExt, future::BoxFuture};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection, Postgres, postgres::PgArguments, query::Query};

use super::{
    Chain, Event, Journal, RecordedEvent, TAIL_LIMIT, as_text,
    chain::{Draft, End},
    last_events,
    ledger::{Entry, Ledger, PAGE_LIMIT, Page, StoredChain},
    link::{Link, Signed},
    row::{MarkRow, Row, count, entries, stored_chain},
    since_epoch,
};
use crate::database::PostgresDatabase;

/// The [`Journal`] of a [`PostgresDatabase`]. Any number of hosts may write to one.
#[derive(Clone)]
pub struct PostgresJournal {
    database: PostgresDatabase,
}

/// The beginning of a query for [`Row`]s.
macro_rules! select {
    ($ending:literal) => {
        concat!(
            "SELECT sequence, recorded_at, event, host, position, digest, key_id, mac FROM fabric_auth_journal ",
            $ending
        )
    };
}

/// Writers of one chain take turns by a lock that lasts until their commit, so that each gets one.
const APPEND: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock($8)) \
                      INSERT INTO fabric_auth_journal (recorded_at, event, host, position, digest, key_id, mac) \
                      SELECT $1::bigint, $2::text, $3::text, $4::bigint, $5::bytea, $6::text, $7::bytea FROM turn \
                      WHERE NOT EXISTS (SELECT FROM fabric_auth_journal_mark WHERE host = $3 AND position >= $4) \
                      ON CONFLICT (host, position) WHERE host IS NOT NULL DO NOTHING";
const TAKE_TURN: &str = "SELECT pg_advisory_xact_lock($1)";
const FIRST_HOST: &str = "SELECT min(host) FROM (SELECT min(host) AS host FROM fabric_auth_journal \
                          WHERE host IS NOT NULL UNION ALL SELECT min(host) FROM fabric_auth_journal_mark) AS hosts";
const NEXT_HOST: &str = "SELECT min(host) FROM (SELECT min(host) AS host FROM fabric_auth_journal WHERE host > $1 \
                         UNION ALL SELECT min(host) FROM fabric_auth_journal_mark WHERE host > $1) AS hosts";
const MARK: &str = "SELECT host, position, digest, key_id, mac FROM fabric_auth_journal_mark WHERE host = $1";
const LAST: &str = select!("WHERE host = $1 AND position > 0 ORDER BY position DESC LIMIT 1");
const LINKS: &str = select!("WHERE host = $1 AND position > $2 ORDER BY position LIMIT $3");
const STRAYS: &str =
    "SELECT count(*) FROM fabric_auth_journal WHERE host = $1 AND (position IS NULL OR position <= $2)";
const COUNT: &str = "SELECT count(*) FROM fabric_auth_journal WHERE host = $1 AND position > $2 AND position <= $3";
const AFTER: &str = select!("WHERE sequence > $1 ORDER BY sequence LIMIT $2");
const BEFORE: &str = select!("WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2");
const NEWEST: &str = select!("ORDER BY sequence DESC LIMIT $1");
const UNCHAINED: &str = "SELECT count(*) FROM fabric_auth_journal WHERE host IS NULL AND sequence > $1";
/// One statement, so that the events go if and only if the mark stands.
const PRUNE: &str = "WITH marked AS ( \
                       INSERT INTO fabric_auth_journal_mark (host, position, digest, key_id, mac) \
                       VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (host) DO UPDATE SET position = $2, digest = $3, key_id = $4, mac = $5 \
                       WHERE fabric_auth_journal_mark.position = $6 RETURNING 1) \
                     DELETE FROM fabric_auth_journal \
                     WHERE host = $1 AND position > coalesce($6, 0) AND position <= $2 \
                     AND EXISTS (SELECT FROM marked)";
/// Looks at the oldest ones only: those that may go are among them, and no round goes over all of them.
const PRUNE_UNCHAINED: &str = "DELETE FROM fabric_auth_journal WHERE recorded_at < $1 AND sequence IN \
                               (SELECT sequence FROM fabric_auth_journal WHERE host IS NULL ORDER BY sequence LIMIT $2)";
const SIGN_EVENT_ANEW: &str =
    "UPDATE fabric_auth_journal SET key_id = $4, mac = $5 WHERE host = $1 AND position = $2 AND digest = $3";
const SIGN_MARK_ANEW: &str =
    "UPDATE fabric_auth_journal_mark SET key_id = $4, mac = $5 WHERE host = $1 AND position = $2 AND digest = $3";

/// Runs a query on a connection that is lent for it.
macro_rules! read {
    ($journal:ident, $fetch:ident, $query:expr) => {
        $journal
            .database
            .read(|mut lease| async move {
                let found = $query.$fetch(&mut *lease).await;
                (lease, found)
            })
            .await
            .map_err(|error| error.to_string())
    };
}

impl PostgresJournal {
    pub(crate) fn new(database: PostgresDatabase) -> Self {
        Self { database }
    }

    /// Runs a statement that changes something, and tells how many rows.
    async fn write(&self, statement: Query<'_, Postgres, PgArguments>) -> Result<u64, String> {
        let write = self.database.write(|mut lease, _| async move {
            let done = statement.execute(&mut *lease).await;
            (lease, done.map(|done| done.rows_affected()))
        });
        write.await.map_err(|error| error.to_string())
    }
}

/// Writes an event with its place.
fn insertion<'a>(draft: &'a Draft<'a>, link: Link) -> Query<'a, Postgres, PgArguments> {
    let append = sqlx::query(APPEND).bind(draft.recorded_at).bind(draft.event).bind(link.host).bind(link.position);
    append.bind(link.digest).bind(link.key_id).bind(link.mac).bind(turn(&draft.host))
}

/// Looks where the chain ends when nobody else can write to it, and writes there.
async fn append_in_turn(connection: &mut PgConnection, draft: &Draft<'_>) -> Result<Option<End>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(TAKE_TURN).bind(turn(&draft.host)).execute(&mut *transaction).await?;
    let mark = sqlx::query_as(MARK).bind(&draft.host).fetch_optional(&mut *transaction).await?;
    let last = sqlx::query_as(LAST).bind(&draft.host).fetch_optional(&mut *transaction).await?;
    let checked = draft.checked_end(&stored_chain(mark, last)).and_then(|end| draft.behind(&end));
    let Some((link, end)) = checked else {
        // At once: a dropped transaction would keep its turn until somebody uses the connection again.
        transaction.rollback().await?;
        return Ok(None);
    };
    let is_written = insertion(draft, link).execute(&mut *transaction).await?.rows_affected() > 0;
    transaction.commit().await?;
    Ok(is_written.then_some(end))
}

/// The lock of a chain. Chains that share one only wait for one another.
fn turn(host: &str) -> i64 {
    let digest = Sha256::new().chain_update("journal/").chain_update(host).finalize();
    let (first, _) = digest.split_at(8);
    i64::from_be_bytes(first.try_into().unwrap_or_default())
}

impl Journal for PostgresJournal {
    fn record<'a>(&'a self, chain: &'a Chain, event: Event) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let recorded_at = since_epoch(&**self.database.clock());
            chain.append(self, recorded_at, &as_text(event)?).await
        }
        .boxed()
    }

    fn tail(&self, limit: u32) -> BoxFuture<'_, Result<Vec<RecordedEvent>, String>> {
        last_events(self, limit.min(TAIL_LIMIT)).boxed()
    }
}

impl Ledger for PostgresJournal {
    fn append<'a>(&'a self, draft: &'a Draft<'a>, end: &'a End) -> BoxFuture<'a, Result<Option<End>, String>> {
        async move {
            let Some((link, next)) = draft.behind(end) else { return Ok(None) };
            if self.write(insertion(draft, link)).await? > 0 {
                return Ok(Some(next));
            }
            let write = self.database.write(|mut lease, _| async move {
                let appended = append_in_turn(&mut lease, draft).await;
                (lease, appended)
            });
            write.await.map_err(|error| error.to_string())
        }
        .boxed()
    }

    fn next_host<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Option<String>, String>> {
        async move {
            match after {
                Some(after) => read!(self, fetch_one, sqlx::query_scalar(NEXT_HOST).bind(after)),
                None => read!(self, fetch_one, sqlx::query_scalar(FIRST_HOST)),
            }
        }
        .boxed()
    }

    fn chain<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<StoredChain, String>> {
        async move {
            // The mark first: what is let go in between is then still there, and not lost.
            let mark: Option<MarkRow> = read!(self, fetch_optional, sqlx::query_as(MARK).bind(host))?;
            let last: Option<Row> = read!(self, fetch_optional, sqlx::query_as(LAST).bind(host))?;
            Ok(stored_chain(mark, last))
        }
        .boxed()
    }

    fn links<'a>(&'a self, host: &'a str, after: i64, limit: u32) -> BoxFuture<'a, Result<Vec<Entry>, String>> {
        async move {
            let limit = i64::from(limit.min(PAGE_LIMIT));
            read!(self, fetch_all, sqlx::query_as(LINKS).bind(host).bind(after).bind(limit)).map(entries)
        }
        .boxed()
    }

    fn strays<'a>(&'a self, host: &'a str, marked: i64) -> BoxFuture<'a, Result<u64, String>> {
        async move { read!(self, fetch_one, sqlx::query_scalar(STRAYS).bind(host).bind(marked)).map(count) }.boxed()
    }

    fn count<'a>(&'a self, host: &'a str, after: i64, through: i64) -> BoxFuture<'a, Result<u64, String>> {
        async move { read!(self, fetch_one, sqlx::query_scalar(COUNT).bind(host).bind(after).bind(through)).map(count) }
            .boxed()
    }

    fn entries(&self, page: Page, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        async move {
            let limit = i64::from(limit.min(PAGE_LIMIT));
            let rows = match page {
                Page::After(sequence) => read!(self, fetch_all, sqlx::query_as(AFTER).bind(sequence).bind(limit)),
                Page::Before(Some(before)) => read!(self, fetch_all, sqlx::query_as(BEFORE).bind(before).bind(limit)),
                Page::Before(None) => read!(self, fetch_all, sqlx::query_as(NEWEST).bind(limit)),
            };
            rows.map(entries)
        }
        .boxed()
    }

    fn unchained(&self, after: i64) -> BoxFuture<'_, Result<u64, String>> {
        async move { read!(self, fetch_one, sqlx::query_scalar(UNCHAINED).bind(after)).map(count) }.boxed()
    }

    fn prune<'a>(&'a self, marked: Option<i64>, mark: &'a Link) -> BoxFuture<'a, Result<bool, String>> {
        async move {
            let Link { host, position, digest, key_id, mac } = mark;
            let prune = sqlx::query(PRUNE).bind(host).bind(position).bind(digest).bind(key_id).bind(mac).bind(marked);
            Ok(self.write(prune).await? > 0)
        }
        .boxed()
    }

    fn prune_unchained(&self, recorded_before: i64, limit: u32) -> BoxFuture<'_, Result<u64, String>> {
        async move { self.write(sqlx::query(PRUNE_UNCHAINED).bind(recorded_before).bind(i64::from(limit))).await }
            .boxed()
    }

    fn sign_anew<'a>(&'a self, signed: Signed, link: &'a Link) -> BoxFuture<'a, Result<bool, String>> {
        async move {
            let statement = match signed {
                Signed::Event | Signed::Vouch => SIGN_EVENT_ANEW,
                Signed::Mark => SIGN_MARK_ANEW,
            };
            let Link { host, position, digest, key_id, mac } = link;
            let sign = sqlx::query(statement).bind(host).bind(position).bind(digest).bind(key_id).bind(mac);
            Ok(self.write(sign).await? > 0)
        }
        .boxed()
    }
}
