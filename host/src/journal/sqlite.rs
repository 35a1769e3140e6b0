//! The journal in the SQLite file, beside the records.

use std::future::Future;

use futures::{FutureExt, future::BoxFuture};

use super::{
    Chain, Event, Journal, RecordedEvent, TAIL_LIMIT, as_text,
    chain::{Draft, End},
    last_events,
    ledger::{Entry, Ledger, PAGE_LIMIT, Page, StoredChain},
    link::{Link, Signed},
    row::{MarkRow, Row, count, entries, stored_chain},
    since_epoch,
};
use crate::database::{Database, WriteTransaction};

/// The [`Journal`] of a [`Database`]. Several processes may write to one.
#[derive(Clone)]
pub struct SqliteJournal {
    database: Database,
}

/// The beginning of a query for [`Row`]s.
macro_rules! select {
    ($ending:literal) => {
        concat!("SELECT sequence, recorded_at, event, host, position, digest, key_id, mac FROM journal ", $ending)
    };
}

const APPEND: &str = "INSERT INTO journal (recorded_at, event, host, position, digest, key_id, mac) \
                      SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
                      WHERE NOT EXISTS (SELECT 1 FROM journal_mark WHERE host = ?3 AND position >= ?4) \
                      ON CONFLICT (host, position) WHERE host IS NOT NULL DO NOTHING";
const FIRST_HOST: &str = "SELECT min(host) FROM (SELECT min(host) AS host FROM journal WHERE host IS NOT NULL \
                          UNION ALL SELECT min(host) FROM journal_mark)";
const NEXT_HOST: &str = "SELECT min(host) FROM (SELECT min(host) AS host FROM journal WHERE host > ?1 \
                         UNION ALL SELECT min(host) FROM journal_mark WHERE host > ?1)";
const MARK: &str = "SELECT host, position, digest, key_id, mac FROM journal_mark WHERE host = ?1";
const LAST: &str = select!("WHERE host = ?1 AND position > 0 ORDER BY position DESC LIMIT 1");
const LINKS: &str = select!("WHERE host = ?1 AND position > ?2 ORDER BY position LIMIT ?3");
const STRAYS: &str = "SELECT count(*) FROM journal WHERE host = ?1 AND (position IS NULL OR position <= ?2)";
const COUNT: &str = "SELECT count(*) FROM journal WHERE host = ?1 AND position > ?2 AND position <= ?3";
const AFTER: &str = select!("WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");
const BEFORE: &str = select!("WHERE sequence < ?1 ORDER BY sequence DESC LIMIT ?2");
const NEWEST: &str = select!("ORDER BY sequence DESC LIMIT ?1");
const UNCHAINED: &str = "SELECT count(*) FROM journal WHERE host IS NULL AND sequence > ?1";
const SET_MARK: &str = "INSERT INTO journal_mark (host, position, digest, key_id, mac) VALUES (?1, ?2, ?3, ?4, ?5) \
                        ON CONFLICT (host) DO UPDATE SET position = ?2, digest = ?3, key_id = ?4, mac = ?5 \
                        WHERE journal_mark.position = ?6";
const PRUNE: &str = "DELETE FROM journal WHERE host = ?1 AND position > ?3 AND position <= ?2";
/// Looks at the oldest ones only: those that may go are among them, and no round goes over all of them.
const PRUNE_UNCHAINED: &str = "DELETE FROM journal WHERE recorded_at < ?1 AND sequence IN \
                               (SELECT sequence FROM journal WHERE host IS NULL ORDER BY sequence LIMIT ?2)";
const SIGN_EVENT_ANEW: &str =
    "UPDATE journal SET key_id = ?4, mac = ?5 WHERE host = ?1 AND position = ?2 AND digest = ?3";
const SIGN_MARK_ANEW: &str =
    "UPDATE journal_mark SET key_id = ?4, mac = ?5 WHERE host = ?1 AND position = ?2 AND digest = ?3";

/// What a transaction comes to, and the transaction if it is to be committed.
type Staged<T> = Result<(T, Option<WriteTransaction>), sqlx::Error>;

impl SqliteJournal {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read<T>(&self, query: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, String> {
        self.database.read(query).await.map_err(|error| error.to_string())
    }

    async fn write<T>(&self, statements: impl Future<Output = Staged<T>>) -> Result<T, String> {
        self.database.write(statements).await.map_err(|error| error.to_string())
    }

    /// Nobody else writes while this looks where the chain ends.
    async fn stage_append(&self, draft: &Draft<'_>, end: &End) -> Staged<Option<End>> {
        let mut transaction = self.database.begin_write().await?;
        let mut appended = append(&mut transaction, draft, end).await?;
        if appended.is_none() {
            let mark = sqlx::query_as(MARK).bind(&draft.host).fetch_optional(&mut *transaction).await?;
            let last = sqlx::query_as(LAST).bind(&draft.host).fetch_optional(&mut *transaction).await?;
            if let Some(end) = draft.checked_end(&stored_chain(mark, last)) {
                appended = append(&mut transaction, draft, &end).await?;
            }
        }
        let to_commit = appended.is_some().then_some(transaction);
        Ok((appended, to_commit))
    }

    async fn stage_prune(&self, marked: Option<i64>, mark: &Link) -> Staged<bool> {
        let mut transaction = self.database.begin_write().await?;
        let Link { host, position, digest, key_id, mac } = mark;
        let set = sqlx::query(SET_MARK).bind(host).bind(position).bind(digest).bind(key_id).bind(mac).bind(marked);
        if set.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok((false, None));
        }
        let pruned = sqlx::query(PRUNE).bind(host).bind(position).bind(marked.unwrap_or_default());
        pruned.execute(&mut *transaction).await?;
        Ok((true, Some(transaction)))
    }

    async fn stage_prune_unchained(&self, recorded_before: i64, limit: u32) -> Staged<u64> {
        let mut transaction = self.database.begin_write().await?;
        let prune = sqlx::query(PRUNE_UNCHAINED).bind(recorded_before).bind(limit);
        let pruned = prune.execute(&mut *transaction).await?.rows_affected();
        Ok((pruned, (pruned > 0).then_some(transaction)))
    }

    async fn stage_sign_anew(&self, signed: Signed, link: &Link) -> Staged<bool> {
        let mut transaction = self.database.begin_write().await?;
        let Link { host, position, digest, key_id, mac } = link;
        let statement = match signed {
            Signed::Event | Signed::Vouch => SIGN_EVENT_ANEW,
            Signed::Mark => SIGN_MARK_ANEW,
        };
        let sign = sqlx::query(statement).bind(host).bind(position).bind(digest).bind(key_id).bind(mac);
        let is_written = sign.execute(&mut *transaction).await?.rows_affected() > 0;
        Ok((is_written, is_written.then_some(transaction)))
    }
}

/// Writes an event behind this end, unless there is one already.
async fn append(transaction: &mut WriteTransaction, draft: &Draft<'_>, end: &End) -> Result<Option<End>, sqlx::Error> {
    let Some((link, end)) = draft.behind(end) else { return Ok(None) };
    let append = sqlx::query(APPEND).bind(draft.recorded_at).bind(draft.event).bind(link.host).bind(link.position);
    let append = append.bind(link.digest).bind(link.key_id).bind(link.mac);
    Ok((append.execute(&mut **transaction).await?.rows_affected() > 0).then_some(end))
}

impl Journal for SqliteJournal {
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

impl Ledger for SqliteJournal {
    fn append<'a>(&'a self, draft: &'a Draft<'a>, end: &'a End) -> BoxFuture<'a, Result<Option<End>, String>> {
        self.write(self.stage_append(draft, end)).boxed()
    }

    fn next_host<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Option<String>, String>> {
        async move {
            let query = match after {
                Some(after) => sqlx::query_scalar(NEXT_HOST).bind(after),
                None => sqlx::query_scalar(FIRST_HOST),
            };
            self.read(query.fetch_one(self.database.readers())).await
        }
        .boxed()
    }

    fn chain<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<StoredChain, String>> {
        async move {
            let readers = self.database.readers();
            // The mark first: what is let go in between is then still there, and not lost.
            let mark: Option<MarkRow> = self.read(sqlx::query_as(MARK).bind(host).fetch_optional(readers)).await?;
            let last: Option<Row> = self.read(sqlx::query_as(LAST).bind(host).fetch_optional(readers)).await?;
            Ok(stored_chain(mark, last))
        }
        .boxed()
    }

    fn links<'a>(&'a self, host: &'a str, after: i64, limit: u32) -> BoxFuture<'a, Result<Vec<Entry>, String>> {
        async move {
            let query = sqlx::query_as(LINKS).bind(host).bind(after).bind(limit.min(PAGE_LIMIT));
            Ok(entries(self.read(query.fetch_all(self.database.readers())).await?))
        }
        .boxed()
    }

    fn strays<'a>(&'a self, host: &'a str, marked: i64) -> BoxFuture<'a, Result<u64, String>> {
        let query = sqlx::query_scalar(STRAYS).bind(host).bind(marked).fetch_one(self.database.readers());
        async move { Ok(count(self.read(query).await?)) }.boxed()
    }

    fn count<'a>(&'a self, host: &'a str, after: i64, through: i64) -> BoxFuture<'a, Result<u64, String>> {
        let query = sqlx::query_scalar(COUNT).bind(host).bind(after).bind(through);
        let query = query.fetch_one(self.database.readers());
        async move { Ok(count(self.read(query).await?)) }.boxed()
    }

    fn entries(&self, page: Page, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        async move {
            let query = match page {
                Page::After(sequence) => sqlx::query_as(AFTER).bind(sequence),
                Page::Before(Some(sequence)) => sqlx::query_as(BEFORE).bind(sequence),
                Page::Before(None) => sqlx::query_as(NEWEST),
            };
            let query = query.bind(limit.min(PAGE_LIMIT));
            Ok(entries(self.read(query.fetch_all(self.database.readers())).await?))
        }
        .boxed()
    }

    fn unchained(&self, after: i64) -> BoxFuture<'_, Result<u64, String>> {
        let query = sqlx::query_scalar(UNCHAINED).bind(after).fetch_one(self.database.readers());
        async move { Ok(count(self.read(query).await?)) }.boxed()
    }

    fn prune<'a>(&'a self, marked: Option<i64>, mark: &'a Link) -> BoxFuture<'a, Result<bool, String>> {
        self.write(self.stage_prune(marked, mark)).boxed()
    }

    fn prune_unchained(&self, recorded_before: i64, limit: u32) -> BoxFuture<'_, Result<u64, String>> {
        self.write(self.stage_prune_unchained(recorded_before, limit)).boxed()
    }

    fn sign_anew<'a>(&'a self, signed: Signed, link: &'a Link) -> BoxFuture<'a, Result<bool, String>> {
        self.write(self.stage_sign_anew(signed, link)).boxed()
    }
}
