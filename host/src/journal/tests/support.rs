//! A journal in a database of its own, somebody who can write the database, and keys.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fabric_auth_tests::{PostgresServer, PostgresTestDatabase};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::super::*;
use super::event;
use crate::clock::MovableClock;
use crate::database::{Backend, Database, PostgresDatabase, PostgresSettings};
use crate::keys::{DerivedKey, KeysError, MasterKeys, WrappedKey};

/// Keys of one byte each, the primary first.
pub(in crate::journal) struct Keys {
    ring: Mutex<Vec<(&'static str, u8)>>,
    unavailable: AtomicBool,
}

impl Keys {
    pub(in crate::journal) fn new(ring: &[(&'static str, u8)]) -> Arc<Self> {
        Arc::new(Self { ring: Mutex::new(ring.to_vec()), unavailable: AtomicBool::new(false) })
    }

    /// Puts other keys into the ring.
    pub(super) fn become_ring(&self, ring: &[(&'static str, u8)]) {
        *self.ring.lock().unwrap() = ring.to_vec();
    }

    pub(super) fn be_unavailable(&self, unavailable: bool) {
        self.unavailable.store(unavailable, Ordering::SeqCst);
    }
}

impl MasterKeys for Keys {
    fn wrap<'a>(&'a self, _data_key: &'a [u8]) -> BoxFuture<'a, Result<WrappedKey, KeysError>> {
        async { Err(KeysError::Refused) }.boxed()
    }

    fn unwrap<'a>(&'a self, _wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, KeysError>> {
        async { Err(KeysError::Refused) }.boxed()
    }

    fn derived_key<'a>(
        &'a self,
        _purpose: &'a str,
        key_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<DerivedKey, KeysError>> {
        async move {
            if self.unavailable.load(Ordering::SeqCst) {
                return Err(KeysError::Unavailable("it is asleep".into()));
            }
            let ring = self.ring.lock().unwrap();
            let found = ring.iter().find(|(id, _)| key_id.is_none_or(|wanted| wanted == *id));
            let (id, byte) = found.ok_or_else(|| KeysError::UnknownKey(key_id.unwrap_or_default().to_owned()))?;
            Ok(DerivedKey { key_id: (*id).to_owned(), bytes: Zeroizing::new([*byte; 32]) })
        }
        .boxed()
    }
}

/// The chain of a host, signed with the key `k1`.
pub(in crate::journal) fn chain(host: &str) -> Chain {
    Chain::new(Some(host), Keys::new(&[("k1", 1)]))
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

enum At {
    Sqlite(Database, TempDir),
    Postgres(PostgresTestDatabase),
}

/// A journal in an empty database, and keys.
pub(super) struct Stage {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: MovableClock,
    pub(super) keys: Arc<Keys>,
    at: At,
}

impl Stage {
    /// None where there is no PostgreSQL.
    pub(super) async fn on(engine: Engine) -> Option<Self> {
        let (clock, keys) = (MovableClock::new(), Keys::new(&[("k1", 1)]));
        let shared = Arc::new(clock.clone());
        let (at, backend): (At, Box<dyn Backend>) = match engine {
            Engine::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let database = Database::open(folder.path().join("journal.sqlite"), shared).await.unwrap();
                (At::Sqlite(database.clone(), folder), Box::new(database))
            }
            Engine::Postgres => {
                let at = PostgresServer::shared()?.database().await;
                let settings = PostgresSettings::from_url(&at.url, 4).unwrap();
                let database = PostgresDatabase::open(&settings, shared).await.unwrap();
                (At::Postgres(at), Box::new(database))
            }
        };
        Some(Self { journal: backend.journal(), ledger: backend.ledger(), clock, keys, at })
    }

    /// Opens the database again, as a process that starts.
    pub(super) async fn reopen(&mut self) {
        let shared = Arc::new(self.clock.clone());
        let backend: Box<dyn Backend> = match &self.at {
            At::Sqlite(_, folder) => {
                Box::new(Database::open(folder.path().join("journal.sqlite"), shared).await.unwrap())
            }
            At::Postgres(at) => {
                let settings = PostgresSettings::from_url(&at.url, 4).unwrap();
                Box::new(PostgresDatabase::open(&settings, shared).await.unwrap())
            }
        };
        (self.journal, self.ledger) = (backend.journal(), backend.ledger());
    }

    /// A host's chain, signed with the stage's keys.
    pub(super) fn chain(&self, host: &str) -> Chain {
        Chain::new(Some(host), self.keys.clone())
    }

    /// Has a host write so many events, an hour apart.
    pub(super) async fn write(&self, host: &str, count: usize) {
        let chain = self.chain(host);
        for number in 1..=count {
            self.journal.record(&chain, event(&format!("{host}/{number}"))).await.unwrap();
            self.clock.advance(Duration::from_secs(3_600));
        }
    }

    /// Does something in the database, as somebody who can write it. `JOURNAL` stands for the table.
    pub(super) async fn execute(&self, statement: &str) {
        match &self.at {
            At::Sqlite(database, _) => {
                let statement = AssertSqlSafe(statement.replace("JOURNAL", "journal"));
                let mut transaction = database.begin_write().await.unwrap();
                sqlx::raw_sql(statement).execute(&mut *transaction).await.unwrap();
                transaction.commit().await.unwrap();
            }
            At::Postgres(at) => at.execute(&statement.replace("JOURNAL", "fabric_auth_journal")).await,
        }
    }

    pub(super) async fn verify(&self) -> Report {
        verify(&*self.ledger, &*self.keys, None).await.unwrap()
    }

    pub(super) async fn verify_with(&self, heads: &Heads) -> Report {
        verify(&*self.ledger, &*self.keys, Some(heads)).await.unwrap()
    }

    pub(super) async fn heads(&self) -> Heads {
        Heads::of(&*self.ledger, &*self.keys).await.unwrap()
    }

    /// Lets old events go until none is left that may.
    pub(super) async fn let_go(&self, retention: Retention) -> u64 {
        let mut gone = 0;
        loop {
            match retention.let_go(&*self.ledger, &*self.keys, &self.clock).await.unwrap() {
                0 => return gone,
                piece => gone += piece,
            }
        }
    }
}

/// Chain, first and last event and finding of every problem.
pub(super) fn problems(report: &Report) -> Vec<(&str, i64, i64, Finding)> {
    let shown = |problem: &Problem| problem.host.as_deref().unwrap_or("").to_owned();
    assert!(report.problems.iter().all(|problem| problem.to_string().contains(&shown(problem))));
    let told = report.problems.iter();
    told.map(|one| (one.host.as_deref().unwrap_or(""), one.first, one.last, one.finding)).collect()
}
