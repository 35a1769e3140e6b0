//! The settings of a fabric as JSON, and what is described of a fabric.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::seconds::{nanoseconds, seconds};
use super::words::{AuthenticationWord, FabricKindWord, IdentityKindWord, Spelled};
use crate::contract::administration::FabricDescription;
use crate::contract::{Authentication, Error, FabricSettings, IdentityKind, InvalidInput};
use crate::service::problem::Problem;

/// Settings of a fabric.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FabricSettings)]
pub(super) struct SettingsBody {
    /// Clusters or SQL warehouses.
    kind: FabricKindWord,
    /// Workspace URL, with or without `https://`, or JDBC URL. It is answered as a root URL.
    #[schema(example = "https://dbc-a1b2345c-d6e7.cloud.databricks.com")]
    workspace: String,
    /// The team it belongs to. 1 to 128 bytes.
    #[schema(min_length = 1, max_length = 128, example = "analytics")]
    team: String,
    /// OAuth, or a personal access token for each person.
    #[serde(default = "oauth")]
    #[schema(default = "oauth")]
    authentication: AuthenticationWord,
    /// The app connection people sign in through; absent for the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_connection: Option<String>,
    /// Application id of the service principal that unattended work runs as; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_principal_client_id: Option<String>,
    /// Seconds that the service principal's secret still lives, where that was recorded; 0 when it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_principal_secret_expires_in: Option<u64>,
    /// Scopes that people's tokens must have; empty for those of the app connection.
    #[serde(default)]
    scopes: Vec<String>,
    /// Scopes to ask for as the service principal; empty for `all-apis`.
    #[serde(default)]
    service_principal_scopes: Vec<String>,
    /// Cluster id or warehouse id that Test Connection looks at; absent to list them.
    #[serde(skip_serializing_if = "Option::is_none")]
    compute: Option<String>,
    /// Who crawls metadata.
    #[serde(default = "person")]
    #[schema(default = "person")]
    metadata_crawl_identity: IdentityKindWord,
}

/// A fabric.
#[derive(Serialize, ToSchema)]
#[schema(as = Fabric)]
pub(super) struct FabricBody {
    /// Its name.
    name: String,
    /// Its settings, as `PUT` takes them.
    settings: SettingsBody,
    /// The workspace id, where the URL told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_id: Option<String>,
    /// Whether a service principal secret is stored.
    has_service_principal_secret: bool,
    /// For `PUT`: the state that was read.
    revision: u64,
}

fn oauth() -> AuthenticationWord {
    Spelled(Authentication::Oauth)
}

fn person() -> IdentityKindWord {
    Spelled(IdentityKind::Person)
}

impl SettingsBody {
    /// The settings of the fabric of this name.
    pub(super) fn of(self, name: String) -> FabricSettings {
        FabricSettings {
            name,
            kind: self.kind.0,
            workspace: self.workspace,
            team: self.team,
            authentication: self.authentication.0,
            app_connection: self.app_connection,
            service_principal_client_id: self.service_principal_client_id,
            service_principal_secret_expires_in: self.service_principal_secret_expires_in.map(nanoseconds),
            scopes: self.scopes,
            service_principal_scopes: self.service_principal_scopes,
            compute: self.compute,
            metadata_crawl_identity: self.metadata_crawl_identity.0,
        }
    }
}

impl From<FabricDescription> for FabricBody {
    fn from(fabric: FabricDescription) -> Self {
        let FabricDescription { settings, workspace_id, has_service_principal_secret, revision } = fabric;
        let (name, settings) = split(settings);
        Self { name, settings, workspace_id, has_service_principal_secret, revision }
    }
}

fn split(settings: FabricSettings) -> (String, SettingsBody) {
    let body = SettingsBody {
        kind: Spelled(settings.kind),
        workspace: settings.workspace,
        team: settings.team,
        authentication: Spelled(settings.authentication),
        app_connection: settings.app_connection,
        service_principal_client_id: settings.service_principal_client_id,
        service_principal_secret_expires_in: settings.service_principal_secret_expires_in.map(seconds),
        scopes: settings.scopes,
        service_principal_scopes: settings.service_principal_scopes,
        compute: settings.compute,
        metadata_crawl_identity: Spelled(settings.metadata_crawl_identity),
    };
    (settings.name, body)
}

/// An error of a function that takes settings: their name is the request's `fabric`.
pub(super) fn refused(error: Error) -> Problem {
    match error {
        Error::InvalidInput(InvalidInput { field, message }) if field == "settings.name" => {
            Error::invalid("fabric", message).into()
        }
        error => error.into(),
    }
}
