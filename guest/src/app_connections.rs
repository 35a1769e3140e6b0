//! The app connection that people sign in through: which one a fabric uses, and its client secret.

mod client_secret;
mod stored;

pub(crate) use client_secret::{ClientSecrets, Credentials};
pub(crate) use stored::AppConnections;

use std::time::Duration;

use crate::contract::Error;
use crate::contract::administration::RefreshTokenPolicy;
use crate::contract::deployment::{Description, Mode};
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::ports::Ports;
use crate::record::{AppConnectionRecord, Stored};
use crate::sealing::Binding;
use crate::storage_key;

/// The name of SaaS's own app connection.
pub const BUILT_IN: &str = "prophecy";

/// What people are asked to agree to when nothing else is set: everything Databricks' API offers, and who they are.
const DEFAULT_SCOPES: [&str; 4] = ["all-apis", "email", "openid", "profile"];

/// Without this scope Databricks gives no refresh token, so it is always asked for.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Databricks' default life of an unused refresh token, for estimates where an admin recorded no other.
pub const DEFAULT_SESSION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Within this time Databricks knows an app connection that was registered or changed.
const KNOWN_AFTER: Duration = Duration::from_secs(30 * 60);

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
    /// How long its client id and secret have been the present ones; none for SaaS's own, of which that is not known.
    pub set_for: Option<Duration>,
}

/// Where the client secret is.
enum SecretAt {
    /// Public client.
    Nowhere,
    /// With the deployment (SaaS).
    Deployment,
    /// Sealed in the stored record.
    Stored(Box<Stored<AppConnectionRecord>>),
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

    /// Whether Databricks refuses its present client secret, and the previous one stands in.
    pub fn is_secret_refused(&self) -> bool {
        match &self.secret {
            SecretAt::Stored(stored) => stored.record.history().is_some_and(|history| history.refused),
            SecretAt::Nowhere | SecretAt::Deployment => false,
        }
    }

    /// Whether the deployment brings it.
    pub fn is_built_in(&self) -> bool {
        matches!(self.secret, SecretAt::Deployment)
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
            (None, None) => Ok(built_in.ok_or_else(|| nothing_registered(deployment.mode))?),
        }
    }
}

/// The answer before anything is registered. On SaaS that is no task of the customer's.
fn nothing_registered(mode: Mode) -> Error {
    match mode {
        Mode::Saas => Error::Misconfigured(
            "Prophecy SaaS brings its own app connection, but this deployment names none (`deployment.default_client_id`), so nobody can sign in. Whoever operates Prophecy must name it; customers have nothing to do.".to_owned(),
        ),
        Mode::DedicatedSaas | Mode::SelfHosted => Error::AppConnectionMissing(
            "Prophecy is not registered with Databricks yet, so nobody can sign in. A Databricks account admin creates an app connection (Account Settings > App connections), and a Prophecy cluster admin enters its Client ID and Client Secret under Admin Settings > Security.".to_owned(),
        ),
    }
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
        set_for: None,
    })
}

/// What an app connection's sealed client secret is bound to.
pub fn client_secret_binding<'a>(tenant: &'a str, key: &'a str, lineage: &'a str) -> Binding<'a> {
    Binding { tenant, key, lineage, generation: 0, field: "client-secret" }
}

/// What to add where Databricks does not accept an app connection: it may just not know it yet. `set_for`: since when
/// client id and secret are the present ones, where that is known.
pub fn may_not_be_known_yet(set_for: Option<Duration>) -> String {
    match set_for.and_then(|set_for| Some((set_for, KNOWN_AFTER.checked_sub(set_for)?))) {
        Some((set_for, left)) => format!(
            "It was entered here {} ago, and Databricks can take 30 minutes until it knows a new app connection or secret: before anything is changed, wait {} and try again.",
            minutes(set_for),
            minutes(left)
        ),
        None => "If it was registered or changed at Databricks within the last 30 minutes, that may not be in force there yet: wait, and try again.".to_owned(),
    }
}

/// Whole minutes, for people.
fn minutes(duration: Duration) -> String {
    match duration.as_secs() / 60 {
        0 => "less than a minute".to_owned(),
        1 => "one minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

fn from_record(stored: Stored<AppConnectionRecord>) -> AppConnection {
    let record = &stored.record;
    AppConnection {
        name: record.name.clone(),
        client_id: record.client_id.clone(),
        scopes: record.scopes.clone(),
        session: record.refresh_token_lifetime_seconds,
        refresh_token_policy: record.refresh_token_policy(),
        set_for: Some(stored.set_for()),
        secret: match record.client_secret {
            Some(_) => SecretAt::Stored(Box::new(stored)),
            None => SecretAt::Nowhere,
        },
    }
}
