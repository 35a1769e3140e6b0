//! An app connection as it is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Record, Unknown};
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
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
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

    /// Whether refresh tokens are single-use, as far as an administrator recorded it.
    pub fn refresh_token_policy(&self) -> RefreshTokenPolicy {
        match self.refresh_token_policy.as_deref() {
            Some("single-use") => RefreshTokenPolicy::SingleUse,
            Some("reusable") => RefreshTokenPolicy::Reusable,
            _ => RefreshTokenPolicy::Unknown,
        }
    }
}
