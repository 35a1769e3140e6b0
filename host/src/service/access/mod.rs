//! Who calls: by an API token, or by a console session that was made with one.

mod attempts;
mod secret;
mod sessions;
mod stored_user;
mod users;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

pub(super) use self::attempts::Attempts;
pub(crate) use self::sessions::{SessionSecret, Sessions};
pub use self::users::{API_TOKEN_PREFIX, ApiToken, User, Users};
use crate::clock::SharedClock;
use crate::contract::{CallerKind, Error};
use crate::service::records::RecordStore;

/// How long the service goes by what the store has said of a user. As long as the component does of a token: a role that
/// is taken away, a session or an API token that has ended, holds no longer than this on any host.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// How many answers of the store are remembered. Beyond that all are forgotten, which costs two reads for each.
const MOST_KNOWN: usize = 10_000;

/// Tells who calls.
pub(crate) struct Access {
    users: Users,
    pub(crate) sessions: Sessions,
    clock: SharedClock,
    known: Mutex<HashMap<String, (Duration, Arc<User>)>>,
}

impl Access {
    pub(crate) fn new(records: RecordStore, clock: SharedClock, session_life: Duration) -> Self {
        Self {
            users: Users::of_store(records.clone()),
            sessions: Sessions::new(records, session_life),
            clock,
            known: Mutex::default(),
        }
    }

    /// The users.
    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    /// Whom an API token lets in.
    pub(crate) async fn by_api_token(&self, shown: &SecretString) -> Result<Option<Arc<User>>, Error> {
        let Some(digest) = Users::digest_of(shown.expose_secret()) else { return Ok(None) };
        if let Some(user) = self.known(&digest) {
            return Ok(Some(user));
        }
        let user = self.users.of_api_token(&digest).await?.map(Arc::new);
        Ok(user.inspect(|user| self.remember(digest, user)))
    }

    /// Whose session this is, while it lasts.
    pub(crate) async fn by_session(&self, secret: &SessionSecret) -> Result<Option<Arc<User>>, Error> {
        let name = secret.record_name();
        if let Some(user) = self.known(&name) {
            return Ok(Some(user));
        }
        let Some(digest) = self.sessions.api_token_of(secret).await? else { return Ok(None) };
        let user = self.users.of_api_token(&digest).await?.filter(|user| user.kind == CallerKind::Person).map(Arc::new);
        Ok(user.inspect(|user| self.remember(name, user)))
    }

    /// Begins a console session for a person who shows an API token; none for anybody else.
    pub(crate) async fn begin_session(&self, shown: &SecretString) -> Result<Option<SessionSecret>, Error> {
        let Some(digest) = Users::digest_of(shown.expose_secret()) else { return Ok(None) };
        match self.users.of_api_token(&digest).await? {
            Some(user) if user.kind == CallerKind::Person => self.sessions.begin(digest).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Ends a console session.
    pub(crate) async fn end_session(&self, secret: &SessionSecret) -> Result<(), Error> {
        self.sessions.end(secret).await?;
        self.lock().remove(&secret.record_name());
        Ok(())
    }

    /// Forgets in the store what has ended.
    pub(crate) async fn clear_out(&self) -> Result<(), Error> {
        self.sessions.clear_out().await?;
        self.users.clear_out().await
    }

    fn known(&self, name: &str) -> Option<Arc<User>> {
        let now = self.clock.monotonic();
        let known = self.lock();
        let (since, user) = known.get(name)?;
        (now.saturating_sub(*since) < KNOWN_FOR).then(|| user.clone())
    }

    fn remember(&self, name: String, user: &Arc<User>) {
        let now = self.clock.monotonic();
        let mut known = self.lock();
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(name, (now, user.clone()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Duration, Arc<User>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
