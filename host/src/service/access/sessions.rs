//! Console sessions: made with an API token, kept on the server, ended by signing out, by time, or with the API token.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::secret;
use crate::contract::Error;
use crate::service::records::{Record, RecordStore, Records, name_of};

/// What a session's secret begins with.
const PREFIX: &str = "session_";

/// What the value in forms is derived for.
const FORM: &str = "fabric-auth/console-form/1";

/// The sessions in a store.
#[derive(Clone)]
pub(crate) struct Sessions {
    records: Records,
    life: Duration,
}

/// A session's secret, as the browser's cookie has it.
pub(crate) struct SessionSecret(SecretString);

/// A session as stored, under the digest of its secret.
#[derive(Serialize, Deserialize)]
struct StoredSession {
    /// Digest of the API token it was made with.
    api_token: String,
}

impl Sessions {
    pub(crate) fn new(records: RecordStore, life: Duration) -> Self {
        Self { records: Records::new(records, "session"), life }
    }

    /// How long a session lasts.
    pub(crate) fn life(&self) -> Duration {
        self.life
    }

    /// Begins a session. Its secret is new in any case, so that nobody can prepare one for somebody else.
    pub(super) async fn begin(&self, api_token: String) -> Result<SessionSecret, Error> {
        let secret = secret::make(PREFIX)?;
        let stored = StoredSession { api_token };
        if self.records.put(&name_of(secret.expose_secret()), &stored, None).await? {
            return Ok(SessionSecret(secret));
        }
        Err(Error::Internal("The operating system gave the same random bytes twice.".to_owned()))
    }

    /// The digest of the API token that a session was made with, while the session lasts.
    pub(super) async fn api_token_of(&self, secret: &SessionSecret) -> Result<Option<String>, Error> {
        let record: Option<Record<StoredSession>> = match self.records.get(&secret.record_name()).await {
            // One that cannot be read is none: its browser must be able to come in anew.
            Err(Error::Internal(_) | Error::Misconfigured(_)) => None,
            read => read?,
        };
        Ok(record.filter(|record| record.age < self.life).map(|record| record.value.api_token))
    }

    /// Ends a session; done also when it has ended.
    pub(crate) async fn end(&self, secret: &SessionSecret) -> Result<(), Error> {
        self.records.remove(&secret.record_name()).await.map(drop)
    }

    /// Forgets sessions that have ended.
    pub(super) async fn clear_out(&self) -> Result<(), Error> {
        let all: Vec<(String, Record<StoredSession>)> = self.records.all().await?;
        for (name, record) in all.iter().filter(|(_, record)| record.age >= self.life) {
            self.records.delete(name, record.revision).await?;
        }
        Ok(())
    }
}

impl SessionSecret {
    /// What a browser shows, if it can be one.
    pub(crate) fn parse(shown: &str) -> Option<Self> {
        secret::record_name(PREFIX, shown).map(|_| Self(shown.into()))
    }

    /// For the cookie.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(super) fn record_name(&self) -> String {
        name_of(self.expose())
    }

    /// The value that every form of this session carries. Another site cannot know it (CSRF).
    pub(crate) fn form_token(&self) -> SecretString {
        secret::derive(&self.0, FORM)
    }

    /// Whether a form came from a page of this session.
    pub(crate) fn accepts(&self, form_token: &str) -> bool {
        self.form_token().expose_secret().as_bytes().ct_eq(form_token.as_bytes()).into()
    }
}
