//! A fabric as it is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Record, Stored, Unknown, milliseconds};
use crate::contract::{Authentication, FabricKind, FabricSettings, IdentityKind};
use crate::error::nanoseconds;

/// A fabric. Durations are as of the moment of writing; what remains now is that less the record's age.
#[derive(Clone, Serialize, Deserialize)]
pub struct FabricRecord {
    /// Record version.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// `spark` or `sql`.
    pub kind: Kind,
    /// Root URL of the workspace.
    pub workspace: String,
    /// The workspace id, where the URL told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// The Databricks account id, where the URL told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The team.
    pub team: String,
    /// How people authenticate.
    #[serde(default)]
    pub authentication: Method,
    /// The app connection; none for the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_connection: Option<String>,
    /// Scopes that people's tokens must have here.
    pub scopes: Vec<String>,
    /// Scopes to ask for as the service principal.
    pub service_principal_scopes: Vec<String>,
    /// Cluster or warehouse id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute: Option<String>,
    /// Who crawls metadata.
    pub metadata_crawl_identity: Identity,
    /// Application id of the service principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_principal_client_id: Option<String>,
    /// Its secret, sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_principal_secret: Option<String>,
    /// What remained of that secret's life at the time of writing, where somebody has recorded it.
    #[serde(default, with = "milliseconds::optional", skip_serializing_if = "Option::is_none")]
    pub service_principal_secret_remaining: Option<Duration>,
    /// Names the present credentials: binds the sealed secret. A token obtained under another lineage is not served.
    pub lineage: String,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Kind of compute.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Clusters.
    Spark,
    /// SQL warehouses.
    Sql,
}

/// How people authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By OAuth; the only method of records that name none.
    #[default]
    Oauth,
    /// Each with a personal access token of their own.
    PersonalAccessToken,
}

/// Whose identity.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// A person's.
    Person,
    /// The service principal's.
    ServicePrincipal,
}

impl Record for FabricRecord {
    const NAME: &'static str = "fabric";

    fn version(&self) -> u32 {
        self.version
    }
}

impl FabricRecord {
    /// Whether people authenticate with personal access tokens.
    pub fn takes_personal_access_tokens(&self) -> bool {
        self.authentication == Method::PersonalAccessToken
    }
}

impl Stored<FabricRecord> {
    /// The settings, as an administrator gave them, with the workspace normalised.
    pub fn settings(&self) -> FabricSettings {
        let record = &self.record;
        FabricSettings {
            name: record.name.clone(),
            kind: record.kind.into(),
            workspace: record.workspace.clone(),
            team: record.team.clone(),
            authentication: record.authentication.into(),
            app_connection: record.app_connection.clone(),
            service_principal_client_id: record.service_principal_client_id.clone(),
            service_principal_secret_expires_in: self.secret_remaining().map(nanoseconds),
            scopes: record.scopes.clone(),
            service_principal_scopes: record.service_principal_scopes.clone(),
            compute: record.compute.clone(),
            metadata_crawl_identity: record.metadata_crawl_identity.into(),
        }
    }

    /// What is left of the life that was recorded for the service principal's secret: zero when it has ended, none where
    /// nobody has recorded it.
    pub fn secret_remaining(&self) -> Option<Duration> {
        self.record.service_principal_secret_remaining.map(|remaining| remaining.saturating_sub(self.age))
    }

    /// The record with its durations counted down to now, as it must be before it is written again. `since_read` is
    /// the time since it was read.
    pub fn counted_down(&self, since_read: Duration) -> FabricRecord {
        let remaining = self.secret_remaining().map(|remaining| remaining.saturating_sub(since_read));
        FabricRecord { service_principal_secret_remaining: remaining, ..self.record.clone() }
    }
}

impl From<Authentication> for Method {
    fn from(authentication: Authentication) -> Self {
        match authentication {
            Authentication::Oauth => Self::Oauth,
            Authentication::PersonalAccessToken => Self::PersonalAccessToken,
        }
    }
}

impl From<Method> for Authentication {
    fn from(method: Method) -> Self {
        match method {
            Method::Oauth => Self::Oauth,
            Method::PersonalAccessToken => Self::PersonalAccessToken,
        }
    }
}

impl From<FabricKind> for Kind {
    fn from(kind: FabricKind) -> Self {
        match kind {
            FabricKind::Spark => Self::Spark,
            FabricKind::Sql => Self::Sql,
        }
    }
}

impl From<Kind> for FabricKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Spark => Self::Spark,
            Kind::Sql => Self::Sql,
        }
    }
}

impl From<IdentityKind> for Identity {
    fn from(kind: IdentityKind) -> Self {
        match kind {
            IdentityKind::Person => Self::Person,
            IdentityKind::ServicePrincipal => Self::ServicePrincipal,
        }
    }
}

impl From<Identity> for IdentityKind {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Person => Self::Person,
            Identity::ServicePrincipal => Self::ServicePrincipal,
        }
    }
}
