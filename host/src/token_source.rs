//! Fresh tokens for one operation, for as long as it runs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use crate::contract::databricks_oauth::{Rejection, RejectionVerdict};
use crate::contract::{Activity, Caller, Error, Retry, TokenDescription, TokenReference};
use crate::fabric_auth::FabricAuth;

/// What is waited where an error that will pass names no time.
const PAUSE: Duration = Duration::from_secs(2);

/// Hands out tokens to an operation that may outlast any of them: a long query, an upload, a deployment.
///
/// Made by [`FabricAuth::token_source`]. Ask for a token before each request and do not keep it: what is in hand is
/// served from memory, and what has come near its end is renewed. Beyond [`FabricAuth::access_token`] a source
///
/// * keeps an operation with who it began as: where the fabric's service principal or workspace is changed meanwhile, it
///   ends the operation instead of going on as somebody else, and
/// * waits out what passes by itself: `throttled` and `unavailable` are asked again until its patience is over.
pub struct TokenSource {
    host: FabricAuth,
    caller: Caller,
    fabric: String,
    activity: Activity,
    patience: Duration,
    began_as: Mutex<Option<Identity>>,
}

/// Who an operation goes by.
#[derive(Clone, PartialEq, Eq)]
struct Identity {
    databricks_user: String,
    workspace_url: String,
}

impl TokenSource {
    pub(crate) fn new(host: FabricAuth, caller: Caller, fabric: String, activity: Activity) -> Self {
        Self { host, caller, fabric, activity, patience: Duration::from_secs(120), began_as: Mutex::default() }
    }

    /// How long one call of [`Self::token`] waits in all for what passes by itself; two minutes unless this says
    /// otherwise. Zero waits for nothing.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A token that may be used now, and what may be said about it.
    ///
    /// # Errors
    /// Those of `access-token` in `wit/databricks-oauth.wit`; `conflict` when the token is not of the identity, or not
    /// for the workspace, that the operation began with.
    pub async fn token(&self) -> Result<(SecretString, TokenDescription), Error> {
        let clock = self.host.clock();
        let began = clock.monotonic();
        loop {
            let error = match self.host.access_token(&self.caller, &self.fabric, self.activity).await {
                Ok(served) => return self.of_the_same(served),
                Err(error) => error,
            };
            let Some(pause) = pause_after(&error) else { return Err(error) };
            let waited = clock.monotonic().saturating_sub(began);
            if waited.saturating_add(pause) > self.patience {
                return Err(error);
            }
            clock.sleep_until(clock.monotonic().saturating_add(pause)).await;
        }
    }

    /// Reports that Databricks refused a request with a token of this source: see `report-rejection` in
    /// `wit/databricks-oauth.wit`. After `token-rejected` and `already-replaced` ask for a new token and repeat the
    /// request once.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn report_rejection(
        &self,
        token: &TokenReference,
        rejection: Rejection,
    ) -> Result<RejectionVerdict, Error> {
        self.host.report_rejection(&self.caller, &self.fabric, self.activity, token, rejection).await
    }

    fn of_the_same(&self, served: (SecretString, TokenDescription)) -> Result<(SecretString, TokenDescription), Error> {
        let now = Identity {
            databricks_user: served.1.databricks_user.clone(),
            workspace_url: served.1.workspace_url.clone(),
        };
        let mut began_as = self.began_as.lock().unwrap_or_else(PoisonError::into_inner);
        let before = began_as.get_or_insert_with(|| now.clone());
        if *before == now {
            return Ok(served);
        }
        Err(Error::Conflict(format!(
            "The operation began as {} on {}, and fabric {} now leads to {} on {}. Begin it again.",
            before.databricks_user, before.workspace_url, self.fabric, now.databricks_user, now.workspace_url
        )))
    }
}

/// What to wait before asking again; none where asking again would not help.
fn pause_after(error: &Error) -> Option<Duration> {
    match error {
        Error::Throttled(Retry { retry_after, .. }) | Error::Unavailable(Retry { retry_after, .. }) => {
            Some(retry_after.map_or(PAUSE, Duration::from_nanos))
        }
        _ => None,
    }
}
