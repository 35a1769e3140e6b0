//! The app connection that people sign in through: which one a fabric uses, and its client secret.

mod stored;

pub(crate) use stored::AppConnections;

use std::time::Duration;

use crate::contract::Error;
use crate::contract::administration::RefreshTokenPolicy;
use crate::contract::deployment::{Description, Mode};
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::ports::Ports;
use crate::record::{AppConnectionRecord, Record as _, Stored};
use crate::sealing::Binding;
use crate::secret::ClientSecret;
use crate::storage_key;

/// The name of SaaS's own app connection.
pub const BUILT_IN: &str = "prophecy";

/// What people are asked to agree to when nothing else is set: everything Databricks' API offers, and who they are.
const DEFAULT_SCOPES: [&str; 4] = ["all-apis", "email", "openid", "profile"];

/// Without this scope Databricks gives no refresh token, so it is always asked for.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Databricks' default life of an unused refresh token, for estimates where an admin recorded no other.
const DEFAULT_SESSION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How long a reply proves that refresh tokens of its client are reusable.
const PROOF: Duration = Duration::from_secs(24 * 3_600);

/// An app connection in force.
pub struct AppConnection {
    /// Its name.
    pub name: String,
    /// OAuth client id.
    pub client_id: String,
    scopes: Vec<String>,
    session: Option<u64>,
    refresh_token_policy: RefreshTokenPolicy,
    secret: SecretAt,
}

/// Where the client secret is.
enum SecretAt {
    /// Public client.
    Nowhere,
    /// With the deployment (SaaS).
    Deployment,
    /// Sealed in the stored record.
    Sealed { key: String, lineage: String, sealed: String },
}

impl AppConnection {
    /// The scopes to ask for: its own or the default ones, those the fabric needs, and `offline_access`. Sorted.
    pub fn scopes_with(&self, fabric: &[String]) -> Vec<String> {
        let own: Vec<String> =
            if self.scopes.is_empty() { DEFAULT_SCOPES.map(str::to_owned).to_vec() } else { self.scopes.clone() };
        let mut scopes: Vec<String> =
            own.into_iter().chain(fabric.iter().cloned()).chain([OFFLINE_ACCESS.to_owned()]).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }

    /// How long from now on it may be assumed that a refresh token of this client can be sent again. `proved`: by the
    /// reply at hand.
    pub fn reusable_for(&self, proved: bool) -> Duration {
        match self.refresh_token_policy {
            RefreshTokenPolicy::Reusable => PROOF,
            RefreshTokenPolicy::Unknown if proved => PROOF,
            RefreshTokenPolicy::Unknown | RefreshTokenPolicy::SingleUse => Duration::ZERO,
        }
    }

    /// Whether somebody has recorded how long a refresh token lives unused.
    pub fn session_is_recorded(&self) -> bool {
        self.session.is_some()
    }

    /// How long a refresh token is assumed to live unused.
    pub fn session(&self) -> Duration {
        self.session.map_or(DEFAULT_SESSION, Duration::from_secs)
    }
}

impl<P: Ports> Core<P> {
    /// The app connection of this name, or the default one.
    ///
    /// # Errors
    /// `app-connection-missing`, saying who can register it; `not-found` for a name that is not there.
    pub(crate) async fn app_connection(
        &self,
        deployment: &Description,
        tenant: &str,
        name: Option<&str>,
    ) -> Result<AppConnection, Failure> {
        let built_in = built_in(deployment);
        if name == Some(BUILT_IN)
            && let Some(built_in) = built_in
        {
            return Ok(built_in);
        }
        let stored = match name {
            Some(name) => self.read(&storage_key::app_connection(tenant, name)).await?,
            None => self.stored_app_connections(tenant).await?.into_default(built_in.is_some())?,
        };
        match (stored, name) {
            (Some(stored), _) => Ok(from_record(stored)),
            (None, Some(name)) => Err(Error::AppConnectionMissing(format!(
                "The app connection `{name}` that this fabric names is not registered. A Prophecy cluster admin can register it under Admin Settings > Security."
            ))
            .into()),
            (None, None) => Ok(built_in.ok_or_else(nothing_registered)?),
        }
    }

    /// The client secret of an app connection; none for a public client.
    pub(crate) async fn client_secret(&self, tenant: &str, app: &AppConnection) -> Result<Option<ClientSecret>> {
        match &app.secret {
            SecretAt::Nowhere => Ok(None),
            SecretAt::Deployment => Ok(self.ports.default_client_secret().map(ClientSecret::from)),
            SecretAt::Sealed { key, lineage, sealed } => {
                let mut secret = self.open(&client_secret_binding(tenant, key, lineage), sealed).await?;
                Ok(Some(ClientSecret::from(std::mem::take(&mut *secret))))
            }
        }
    }
}

/// The answer before anything is registered.
fn nothing_registered() -> Error {
    Error::AppConnectionMissing(
        "Prophecy is not registered with Databricks yet, so nobody can sign in. A Databricks account admin creates an app connection (Account Settings > App connections), and a Prophecy cluster admin enters its Client ID and Client Secret under Admin Settings > Security.".to_owned(),
    )
}

/// SaaS's own app connection, where the deployment has one.
pub fn built_in(deployment: &Description) -> Option<AppConnection> {
    let client_id = deployment.default_client_id.clone().filter(|_| deployment.mode == Mode::Saas)?;
    Some(AppConnection {
        name: BUILT_IN.to_owned(),
        client_id,
        scopes: Vec::new(),
        session: None,
        refresh_token_policy: RefreshTokenPolicy::Unknown,
        secret: SecretAt::Deployment,
    })
}

/// What an app connection's sealed client secret is bound to.
pub fn client_secret_binding<'a>(tenant: &'a str, key: &'a str, lineage: &'a str) -> Binding<'a> {
    Binding { tenant, key, lineage, generation: 0, field: "client-secret" }
}

fn from_record(stored: Stored<AppConnectionRecord>) -> AppConnection {
    let Stored { record, key, .. } = stored;
    let refresh_token_policy = record.refresh_token_policy();
    debug_assert!(record.version <= AppConnectionRecord::VERSION);
    let secret = match record.client_secret {
        Some(sealed) => SecretAt::Sealed { key, lineage: record.lineage, sealed },
        None => SecretAt::Nowhere,
    };
    AppConnection {
        name: record.name,
        client_id: record.client_id,
        scopes: record.scopes,
        session: record.refresh_token_lifetime_seconds,
        refresh_token_policy,
        secret,
    }
}
