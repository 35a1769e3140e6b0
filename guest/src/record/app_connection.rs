//! An app connection as it is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Record, Stored, Unknown, milliseconds};
use crate::contract::administration::{AppConnectionSettings, RefreshTokenPolicy};
use crate::error::nanoseconds;

/// An app connection.
#[derive(Clone, Serialize, Deserialize)]
pub struct AppConnectionRecord {
    /// Record version.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// OAuth client id.
    pub client_id: String,
    /// Scopes to ask for; empty for the default ones.
    pub scopes: Vec<String>,
    /// `single-use` or `reusable`, where an admin recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_policy: Option<String>,
    /// Seconds a refresh token lives unused, where an admin recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_lifetime_seconds: Option<u64>,
    /// Names the present client secret: binds the sealed value, and changes with it.
    pub lineage: String,
    /// The client secret, sealed; none for a public client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// What is known of the present client id and secret, and the secret before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_history: Option<SecretHistory>,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// What is known of an app connection's present client id and secret. Versions before this one do not know it and leave
/// it as it is when they set another secret; hence `of`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SecretHistory {
    /// The lineage it is about. That of another secret says nothing of the present one.
    pub of: String,
    /// How long client id and secret had been the present ones at the time of writing.
    #[serde(with = "milliseconds")]
    pub set_for: Duration,
    /// Whether Databricks refused the present secret and took the previous one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// The secret before, until the present one has worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousSecret>,
}

/// A client secret that another one has replaced.
#[derive(Clone, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// The lineage that it is bound to: the one it had as the present secret.
    pub lineage: String,
    /// The secret, sealed.
    pub client_secret: String,
}

impl Record for AppConnectionRecord {
    const NAME: &'static str = "app connection";

    fn version(&self) -> u32 {
        self.version
    }
}

impl AppConnectionRecord {
    /// The settings, as an administrator gave them. Which one is the default does not stand in the record.
    pub fn settings(&self, default: bool) -> AppConnectionSettings {
        AppConnectionSettings {
            name: self.name.clone(),
            client_id: self.client_id.clone(),
            confidential: self.client_secret.is_some(),
            default,
            scopes: self.scopes.clone(),
            refresh_token_policy: self.refresh_token_policy(),
            refresh_token_lifetime: self
                .refresh_token_lifetime_seconds
                .map(|seconds| nanoseconds(Duration::from_secs(seconds))),
        }
    }

    /// What is known of the present client id and secret.
    pub fn history(&self) -> Option<&SecretHistory> {
        self.secret_history.as_ref().filter(|history| history.of == self.lineage)
    }

    /// The secret that stands in for the present one where that is refused.
    pub fn previous_secret(&self) -> Option<&PreviousSecret> {
        self.history()?.previous.as_ref()
    }

    /// Whether refresh tokens are single-use, as far as an administrator recorded it.
    pub fn refresh_token_policy(&self) -> RefreshTokenPolicy {
        match self.refresh_token_policy.as_deref() {
            Some("single-use") => RefreshTokenPolicy::SingleUse,
            Some("reusable") => RefreshTokenPolicy::Reusable,
            _ => RefreshTokenPolicy::Unknown,
        }
    }
}

impl Stored<AppConnectionRecord> {
    /// How long client id and secret have been the present ones. A record of an older version does not say; they have
    /// been so for at least its age.
    pub fn set_for(&self) -> Duration {
        let before = self.record.history().map_or(Duration::ZERO, |history| history.set_for);
        before.saturating_add(self.age)
    }

    /// The history as of now, for writing it again: what the record says of its present secret, or nothing yet.
    pub fn history_now(&self) -> SecretHistory {
        let known = self.record.history();
        SecretHistory {
            of: self.record.lineage.clone(),
            set_for: self.set_for(),
            refused: known.is_some_and(|history| history.refused),
            previous: known.and_then(|history| history.previous.clone()),
        }
    }
}
