//! The connections of a host, lent one at a time.
//!
//! sqlx has a pool of its own. It waits where a server refuses, until time is up and the reason is lost; takes back a
//! connection whose statement was given up only after an exchange that may never end; and does not say whether a
//! connection is fresh. A store has to know all three, and needs little else.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{error::PostgresProblem, session, settings::PostgresSettings};

/// A connection that was idle for longer is not used again: a firewall may have forgotten it without a word.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// Connections to one database.
pub(super) struct Connections {
    settings: PostgresSettings,
    /// One permit for each connection that may be lent.
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// A connection that is lent. Dropped without [`give_back`](Self::give_back) it is closed: nobody knows what its
/// session is still doing.
pub(crate) struct Lease {
    connection: PgConnection,
    reused: bool,
    lender: Arc<Connections>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// None is made before it is needed.
    pub(super) fn new(settings: PostgresSettings) -> Arc<Self> {
        let permits = usize::try_from(settings.max_connections).unwrap_or(1);
        Arc::new(Self { settings, permits: Arc::new(Semaphore::new(permits)), idle: Mutex::default() })
    }

    pub(super) fn settings(&self) -> &PostgresSettings {
        &self.settings
    }

    /// Lends a connection: an idle one, or else a fresh one, whose session is then as it has to be.
    pub(super) async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, PostgresProblem> {
        let permit = match timeout_at(deadline, self.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(PostgresProblem::Closed),
            Err(_) => return Err(PostgresProblem::Busy(self.settings.max_connections)),
        };
        let (connection, reused) = match self.take_idle() {
            Some(connection) => (connection, true),
            None => match timeout_at(deadline, connect(&self.settings)).await {
                Ok(connected) => (connected?, false),
                Err(_) => return Err(PostgresProblem::Unreachable("it does not answer".into())),
            },
        };
        Ok(Lease { connection, reused, lender: self.clone(), _permit: permit })
    }

    /// Closes every idle connection. When one has turned out to be broken, the others probably are too.
    pub(super) fn drop_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until every connection is back, and closes them.
    pub(super) async fn close(&self) {
        let all = self.settings.max_connections;
        // Fails only when it has been closed before.
        let permits = self.permits.acquire_many(all).await;
        self.permits.close();
        drop(permits);
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for Idle { connection, .. } in idle {
            // A connection that ends otherwise ends all the same.
            let _ = connection.close().await;
        }
    }

    fn take_idle(&self) -> Option<PgConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let last = idle.pop()?;
        if last.since.elapsed() <= LONGEST_IDLE {
            return Some(last.connection);
        }
        // The others have been idle for longer still.
        idle.clear();
        None
    }
}

/// A new connection, whose session is as it has to be.
pub(super) async fn connect(settings: &PostgresSettings) -> Result<PgConnection, PostgresProblem> {
    let mut connection = settings.options.connect().await.map_err(|error| PostgresProblem::of_connecting(&error))?;
    session::prepare(&mut connection).await?;
    Ok(connection)
}

impl Lease {
    /// Whether it has been used before, so that the server may have ended it since.
    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    /// Gives it back for others to use. Its last statement must have been answered.
    pub(super) fn give_back(self) {
        let Self { connection, lender, .. } = self;
        lender.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Idle { connection, since: Instant::now() });
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
