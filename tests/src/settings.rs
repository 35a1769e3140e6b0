//! Settings as an administrator would enter them.

use fabric_auth::contract::FabricSettings;
use fabric_auth::contract::administration::{AppConnectionSettings, RefreshTokenPolicy};
use simulated_workspace::{App, ClientType, ServicePrincipal};

/// The team of the fabrics.
pub const TEAM: &str = "data";

/// The fabric that most tests use.
pub const DEV: &str = "dev";

/// The app connection `main` for an app of the workspace; not yet its secret.
pub fn app_settings(app: &App) -> AppConnectionSettings {
    AppConnectionSettings {
        name: "main".into(),
        client_id: app.client_id.clone(),
        confidential: app.client_type == ClientType::Confidential,
        default: true,
        scopes: Vec::new(),
        refresh_token_policy: RefreshTokenPolicy::Unknown,
        refresh_token_lifetime: None,
    }
}

/// A Spark fabric of the team, without a service principal.
pub fn fabric_settings(name: &str, workspace: &str) -> FabricSettings {
    FabricSettings::oauth(name, workspace, TEAM)
}

/// The same fabric with a service principal; its secret goes beside.
pub fn with_principal(settings: FabricSettings, principal: &ServicePrincipal) -> FabricSettings {
    FabricSettings { service_principal_client_id: Some(principal.application_id.clone()), ..settings }
}
