//! The client secret of an app connection, and the one before it.
//!
//! Whoever enters a new secret may have mistyped it, and Databricks may not know it for half an hour. So the secret that
//! it replaces is kept until a newer one has worked, and stands in for one that Databricks refuses.

use std::time::Duration;

use super::{AppConnection, SecretAt, client_secret_binding};
use crate::contract::Error;
use crate::contract::administration::AppConnectionSettings;
use crate::contract::journal::{Action, Outcome};
use crate::core::{Core, event_of_host};
use crate::error::Result;
use crate::ports::Ports;
use crate::record::{AppConnectionRecord, PreviousSecret, SecretHistory, Stored, Written};
use crate::secret::ClientSecret;

/// The secrets of an app connection, opened.
pub(crate) struct ClientSecrets {
    /// The one in force; none for a public client.
    pub present: Option<ClientSecret>,
    /// The one before it, while the present one has not worked yet.
    pub previous: Option<ClientSecret>,
}

/// The members of a record that belong to its secret.
pub(crate) struct Credentials {
    /// Names the secret.
    pub lineage: String,
    /// The secret, sealed; none for a public client.
    pub client_secret: Option<String>,
    /// What is known of it.
    pub history: SecretHistory,
}

impl<P: Ports> Core<P> {
    /// The client secret of an app connection; none for a public client.
    pub(crate) async fn client_secret(&self, tenant: &str, app: &AppConnection) -> Result<Option<ClientSecret>> {
        match &app.secret {
            SecretAt::Nowhere => Ok(None),
            SecretAt::Deployment => Ok(self.ports.default_client_secret().map(ClientSecret::from)),
            SecretAt::Stored(stored) => match &stored.record.client_secret {
                Some(sealed) => {
                    self.open_client_secret(tenant, &stored.key, &stored.record.lineage, sealed).await.map(Some)
                }
                None => Ok(None),
            },
        }
    }

    /// Both secrets of an app connection. A previous one that does not open is one that is not there.
    pub(crate) async fn client_secrets(&self, tenant: &str, app: &AppConnection) -> Result<ClientSecrets> {
        let present = self.client_secret(tenant, app).await?;
        let previous = match &app.secret {
            SecretAt::Stored(stored) => match stored.record.previous_secret() {
                Some(PreviousSecret { lineage, client_secret }) => {
                    self.open_client_secret(tenant, &stored.key, lineage, client_secret).await.ok()
                }
                None => None,
            },
            SecretAt::Nowhere | SecretAt::Deployment => None,
        };
        Ok(ClientSecrets { present, previous })
    }

    async fn open_client_secret(&self, tenant: &str, key: &str, lineage: &str, sealed: &str) -> Result<ClientSecret> {
        let mut secret = self.open(&client_secret_binding(tenant, key, lineage), sealed).await?;
        Ok(ClientSecret::from(std::mem::take(&mut *secret)))
    }

    /// The credentials of an app connection's new state.
    ///
    /// # Errors
    /// `invalid-input` (`client-secret`) when one is missing or there is one too many.
    pub(crate) async fn credentials_after(
        &self,
        tenant: &str,
        key: &str,
        settings: &AppConnectionSettings,
        given: Option<&String>,
        before: Option<&Stored<AppConnectionRecord>>,
    ) -> Result<Credentials> {
        let same_client = before.filter(|before| before.record.client_id == settings.client_id);
        match (settings.confidential, given) {
            (true, Some(secret)) => {
                let lineage = self.random_name();
                let sealed = self.seal(&client_secret_binding(tenant, key, &lineage), secret.as_bytes()).await?;
                let previous = same_client.and_then(|before| fallback_after(&before.record));
                Ok(Credentials::new(lineage, Some(sealed), previous))
            }
            (true, None) => match same_client.filter(|before| before.record.client_secret.is_some()) {
                Some(before) => Ok(Credentials::kept(before)),
                None => Err(Error::invalid("client-secret", "Enter the client secret that belongs to this client id.")),
            },
            (false, Some(_)) => Err(Error::invalid(
                "client-secret",
                "A public client has no secret. Leave it out, or set `confidential`.",
            )),
            (false, None) => match same_client.filter(|before| before.record.client_secret.is_none()) {
                Some(before) => Ok(Credentials::kept(before)),
                None => Ok(Credentials::new(self.random_name(), None, None)),
            },
        }
    }

    /// Notes that the present secret has worked: it needs no fallback any more. Best effort; the next success notes it
    /// as well.
    pub(crate) async fn note_secret_worked(&self, app: &AppConnection) {
        let _ = self.note(app, Finding::Worked).await;
    }

    /// Notes, once, that Databricks refuses the present secret and takes the previous one, and writes it down.
    pub(crate) async fn note_secret_refused(&self, tenant: &str, app: &AppConnection, workspace: &str) {
        if self.note(app, Finding::Refused).await.unwrap_or_default() {
            let mut entry = event_of_host(tenant, Action::AppConnectionSecretRefused, None);
            entry.workspace = Some(workspace.to_owned());
            entry.outcome = Outcome::Failed("app-rejected".to_owned());
            self.journal(entry).await;
        }
    }

    /// Records a finding about the secret that was used, unless another one has been set since. Gives whether this call
    /// recorded it.
    async fn note(&self, app: &AppConnection, finding: Finding) -> Result<bool> {
        let SecretAt::Stored(used) = &app.secret else { return Ok(false) };
        // Mostly there is nothing to note, and nothing is read for it.
        if !finding.is_news_to(&used.record) {
            return Ok(false);
        }
        let Some(now) = self.read::<AppConnectionRecord>(&used.key).await? else { return Ok(false) };
        if now.record.lineage != used.record.lineage || !finding.is_news_to(&now.record) {
            return Ok(false);
        }
        let history = Some(finding.added_to(now.history_now()));
        let record = AppConnectionRecord { secret_history: history, ..now.record.clone() };
        Ok(matches!(self.write(&now.key, &record, None, now.precondition()).await?, Written::Done(_)))
    }
}

impl Credentials {
    fn new(lineage: String, client_secret: Option<String>, previous: Option<PreviousSecret>) -> Self {
        let history = SecretHistory { of: lineage.clone(), set_for: Duration::ZERO, refused: false, previous };
        Self { lineage, client_secret, history }
    }

    fn kept(before: &Stored<AppConnectionRecord>) -> Self {
        Self {
            lineage: before.record.lineage.clone(),
            client_secret: before.record.client_secret.clone(),
            history: before.history_now(),
        }
    }
}

/// What token requests told of the present secret.
#[derive(Clone, Copy)]
enum Finding {
    /// It was taken.
    Worked,
    /// It was refused, and the previous one was taken.
    Refused,
}

impl Finding {
    /// Whether a record does not say so yet.
    fn is_news_to(self, record: &AppConnectionRecord) -> bool {
        record.history().is_some_and(|history| match self {
            Self::Worked => history.refused || history.previous.is_some(),
            Self::Refused => !history.refused && history.previous.is_some(),
        })
    }

    fn added_to(self, history: SecretHistory) -> SecretHistory {
        match self {
            Self::Worked => SecretHistory { refused: false, previous: None, ..history },
            Self::Refused => SecretHistory { refused: true, ..history },
        }
    }
}

/// What to fall back on once the secret of a record is replaced: the secret before it, which is there for as long as
/// the replaced one has not worked itself, or else the replaced one.
fn fallback_after(replaced: &AppConnectionRecord) -> Option<PreviousSecret> {
    replaced.previous_secret().cloned().or_else(|| {
        let client_secret = replaced.client_secret.clone()?;
        Some(PreviousSecret { lineage: replaced.lineage.clone(), client_secret })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(lineage: &str, previous: Option<&str>, refused: bool) -> AppConnectionRecord {
        let previous = previous
            .map(|lineage| PreviousSecret { lineage: lineage.into(), client_secret: format!("sealed {lineage}") });
        let Credentials { lineage, client_secret, history } =
            Credentials::new(lineage.into(), Some(format!("sealed {lineage}")), previous);
        AppConnectionRecord {
            version: 1,
            name: "main".into(),
            client_id: "app".into(),
            scopes: Vec::new(),
            refresh_token_policy: None,
            refresh_token_lifetime_seconds: None,
            lineage,
            client_secret,
            secret_history: Some(SecretHistory { refused, ..history }),
            unknown: serde_json::Map::new(),
        }
    }

    fn fallback(replaced: &AppConnectionRecord) -> Option<String> {
        fallback_after(replaced).map(|previous| previous.lineage)
    }

    #[test]
    fn a_secret_is_the_fallback_until_a_newer_one_has_worked() {
        let first = record("first", None, false);
        assert_eq!(fallback(&first).as_deref(), Some("first"));
        let untried = record("second", Some("first"), false);
        assert_eq!(fallback(&untried).as_deref(), Some("first"), "nobody knows whether the second one is right");
        let refused = record("second", Some("first"), true);
        assert_eq!(fallback(&refused).as_deref(), Some("first"));
        let history = untried.secret_history.clone().map(|history| Finding::Worked.added_to(history));
        let worked = AppConnectionRecord { secret_history: history, ..untried };
        assert_eq!(fallback(&worked).as_deref(), Some("second"));
    }

    #[test]
    fn what_is_known_already_is_not_noted_again() {
        let untried = record("second", Some("first"), false);
        assert!(Finding::Worked.is_news_to(&untried) && Finding::Refused.is_news_to(&untried));
        let refused = record("second", Some("first"), true);
        assert!(Finding::Worked.is_news_to(&refused) && !Finding::Refused.is_news_to(&refused));
        let proved = record("second", None, false);
        assert!(!Finding::Worked.is_news_to(&proved) && !Finding::Refused.is_news_to(&proved));
    }

    /// A host of the version before sets a secret and leaves what it does not know as it is.
    #[test]
    fn what_was_known_of_another_secret_says_nothing_of_the_present_one() {
        let third = AppConnectionRecord { lineage: "third".into(), ..record("second", Some("first"), true) };
        assert!(third.history().is_none() && third.previous_secret().is_none());
        assert_eq!(fallback(&third).as_deref(), Some("third"));
    }
}
