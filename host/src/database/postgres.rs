//! A PostgreSQL database that holds records and journal, shared by any number of hosts on any number of machines.
//!
//! It must be the primary, and reached without a pooler that shares sessions: every new connection is checked for that.
//! Every change of a record is one statement and so a transaction of its own. Ages go by the clock of the server.

mod connections;
mod error;
mod listener;
mod schema;
mod session;
mod settings;

use std::{future::Future, sync::Arc};

use tokio::time::{Instant, timeout_at};

pub(crate) use self::listener::{CHANNEL, Heard};
use self::{
    connections::{Connections, Lease},
    listener::{Listener, Subscription},
};
pub use self::{
    error::{PostgresError, PostgresProblem},
    settings::{CONNECTIONS, PostgresSettings, PostgresUrlError},
};
use super::OpenError;
use crate::{
    clock::SharedClock,
    journal::PostgresJournal,
    storage::{PostgresStorage, READ_BUDGET, StorageError, WRITE_BUDGET},
};

/// An open PostgreSQL database. Clones share its connections.
#[derive(Clone)]
pub struct PostgresDatabase {
    connections: Arc<Connections>,
    listener: Arc<Listener>,
    clock: SharedClock,
}

impl PostgresDatabase {
    /// Connects, and makes the tables where there are none. Any number of hosts may do so at the same time.
    ///
    /// `clock` only measures how long a put has been under way, and dates the journal; ages go by the server's clock.
    ///
    /// # Errors
    /// [`OpenError::Postgres`]: a sentence that names the database and who must act.
    pub async fn open(settings: &PostgresSettings, clock: SharedClock) -> Result<Self, OpenError> {
        let connections = Connections::new(settings.clone());
        schema::prepare(&connections).await.map_err(|problem| PostgresError::new(settings, problem))?;
        let listener = Arc::new(Listener::new(settings.clone()));
        Ok(Self { connections, listener, clock })
    }

    /// The records in this database. What is written through another one that is asked for, even of this very object,
    /// counts as another host's.
    pub fn storage(&self) -> PostgresStorage {
        PostgresStorage::new(self.clone())
    }

    /// The audit journal in this database.
    pub fn journal(&self) -> PostgresJournal {
        PostgresJournal::new(self.clone())
    }

    /// Closes every connection once what it is doing is done. What comes later is answered `unavailable`.
    pub async fn close(&self) {
        self.listener.close();
        self.connections.close().await;
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Listens, from now on, to the names of the records that are changed.
    pub(crate) fn subscribe(&self) -> Subscription {
        self.listener.subscribe()
    }

    /// Runs a query within [`READ_BUDGET`]; once more if the server had ended the connection since its last use.
    pub(crate) async fn read<T, F>(&self, query: impl Fn(Lease) -> F) -> Result<T, StorageError>
    where
        F: Future<Output = (Lease, Result<T, sqlx::Error>)>,
    {
        let deadline = Instant::now() + READ_BUDGET;
        let unavailable = |problem| StorageError::Unavailable(self.describe(problem));
        loop {
            let lease = self.connections.lease(deadline).await.map_err(unavailable)?;
            let reused = lease.is_reused();
            match timeout_at(deadline, query(lease)).await {
                Ok((lease, Ok(found))) => {
                    lease.give_back();
                    return Ok(found);
                }
                Ok((_, Err(error))) if reused && !error::was_refused(&error) => self.connections.drop_idle(),
                Ok((lease, Err(error))) => {
                    if error::was_refused(&error) {
                        lease.give_back();
                    }
                    return Err(unavailable(PostgresProblem::of(&error)));
                }
                Err(_) => return Err(unavailable(PostgresProblem::TooSlow)),
            }
        }
    }

    /// Runs a single statement that changes something, or a transaction, within [`WRITE_BUDGET`]. It is given the server's
    /// time in microseconds, as it was a moment ago.
    ///
    /// What fails before the statement is sent has changed nothing, and neither has a statement that the server
    /// refuses. After any other failure the outcome is not known; it is never repeated here.
    pub(crate) async fn write<T, F>(&self, statement: impl FnOnce(Lease, i64) -> F) -> Result<T, StorageError>
    where
        F: Future<Output = (Lease, Result<T, sqlx::Error>)>,
    {
        let deadline = Instant::now() + WRITE_BUDGET;
        let ready = self.ready_to_write(deadline).await;
        let (lease, now) = ready.map_err(|problem| StorageError::Unavailable(self.describe(problem)))?;
        match timeout_at(deadline, statement(lease, now)).await {
            Ok((lease, Ok(outcome))) => {
                lease.give_back();
                Ok(outcome)
            }
            Ok((lease, Err(error))) if error::was_refused(&error) => {
                lease.give_back();
                Err(StorageError::Unavailable(self.describe(PostgresProblem::of(&error))))
            }
            Ok((_, Err(error))) => Err(StorageError::OutcomeUnknown(self.describe(PostgresProblem::of(&error)))),
            Err(_) => Err(StorageError::OutcomeUnknown(self.describe(PostgresProblem::TooSlow))),
        }
    }

    /// A connection that has just answered, and what it said of the time.
    async fn ready_to_write(&self, deadline: Instant) -> Result<(Lease, i64), PostgresProblem> {
        loop {
            let mut lease = self.connections.lease(deadline).await?;
            match timeout_at(deadline, session::now(&mut lease)).await {
                Ok(Ok(now)) => return now.map(|now| (lease, now)),
                Ok(Err(_)) if lease.is_reused() => self.connections.drop_idle(),
                Ok(Err(error)) => return Err(PostgresProblem::of(&error)),
                Err(_) => return Err(PostgresProblem::TooSlow),
            }
        }
    }

    fn describe(&self, problem: PostgresProblem) -> String {
        PostgresError::new(self.connections.settings(), problem).to_string()
    }
}

#[cfg(test)]
mod tests;
