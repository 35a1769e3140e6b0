//! App connections: Prophecy as a client that is registered with a Databricks account.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::Conflict;
use super::request::{ApiJson, AppConnectionPath, object};
use super::seconds::{nanoseconds, seconds};
use super::words::{RefreshTokenPolicyWord, Spelled};
use crate::contract::administration::{AppConnectionDescription, AppConnectionSettings, RefreshTokenPolicy};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(list_app_connections))
        .routes(routes!(put_app_connection, remove_app_connection))
}

/// Settings of an app connection.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AppConnectionSettings)]
pub(super) struct SettingsBody {
    /// OAuth client id, as Databricks shows it.
    client_id: String,
    /// Whether it has a client secret. Without one Prophecy is a public client, protected by PKCE alone.
    confidential: bool,
    /// Whether fabrics that name no app connection use this one.
    #[serde(default)]
    default: bool,
    /// Scopes to ask for; empty for `all-apis email openid profile`. `offline_access` is always added.
    #[serde(default)]
    scopes: Vec<String>,
    /// Whether refresh tokens are single-use, where an admin knows it.
    #[serde(default = "unknown")]
    #[schema(default = "unknown")]
    refresh_token_policy: RefreshTokenPolicyWord,
    /// Seconds that a refresh token lives unused, where an admin knows it: a minute to 90 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_lifetime: Option<u64>,
}

/// An app connection as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"settings": {"client_id": "1234-abcd", "confidential": true}, "client_secret": "dose…"}))]
pub(super) struct PutAppConnection {
    /// The settings.
    #[serde(deserialize_with = "object")]
    settings: SettingsBody,
    /// The client secret. The stored one is kept when it is absent and the client id stays the same. Never answered.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    client_secret: Option<SecretString>,
}

/// All app connections.
#[derive(Serialize, ToSchema)]
pub(super) struct AppConnections {
    /// By name; the built-in one last.
    app_connections: Vec<AppConnection>,
}

/// An app connection.
#[derive(Serialize, ToSchema)]
pub(super) struct AppConnection {
    /// Its name here.
    name: String,
    /// Its settings, as `PUT` takes them.
    settings: SettingsBody,
    /// Whether a client secret is stored.
    has_client_secret: bool,
    /// Whether the secret before it is kept, for when Databricks refuses the present one.
    has_previous_secret: bool,
    /// Whether Databricks refused the present secret and took the previous one.
    client_secret_refused: bool,
    /// Seconds that client id and secret have been the present ones; absent for the built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_for: Option<u64>,
    /// Whether it is given by the deployment and not changeable here.
    built_in: bool,
}

/// List the app connections.
#[utoipa::path(
    get,
    path = "/app-connections",
    tag = "app connections",
    responses((status = 200, description = "Those that can be read.", body = AppConnections))
)]
async fn list_app_connections(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
) -> Result<Json<AppConnections>, Problem> {
    let described = service.host.describe_app_connections(&caller).await?;
    Ok(Json(AppConnections { app_connections: described.into_iter().map(AppConnection::from).collect() }))
}

/// Create or replace an app connection; in force at once.
#[utoipa::path(
    put,
    path = "/app-connections/{name}",
    tag = "app connections",
    params(AppConnectionPath),
    request_body = PutAppConnection,
    responses((status = 204, description = "It is set."), Conflict)
)]
async fn put_app_connection(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    AppConnectionPath { name }: AppConnectionPath,
    ApiJson(put): ApiJson<PutAppConnection>,
) -> Result<StatusCode, Problem> {
    service.host.set_app_connection(&caller, put.settings.of(name), put.client_secret.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove an app connection.
///
/// Sign-ins through it stay until they are ended, but cannot be renewed.
#[utoipa::path(
    delete,
    path = "/app-connections/{name}",
    tag = "app connections",
    params(AppConnectionPath),
    responses((status = 204, description = "It is removed."), Conflict)
)]
async fn remove_app_connection(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    AppConnectionPath { name }: AppConnectionPath,
) -> Result<StatusCode, Problem> {
    service.host.remove_app_connection(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn unknown() -> RefreshTokenPolicyWord {
    Spelled(RefreshTokenPolicy::Unknown)
}

impl SettingsBody {
    fn of(self, name: String) -> AppConnectionSettings {
        AppConnectionSettings {
            name,
            client_id: self.client_id,
            confidential: self.confidential,
            default: self.default,
            scopes: self.scopes,
            refresh_token_policy: self.refresh_token_policy.0,
            refresh_token_lifetime: self.refresh_token_lifetime.map(nanoseconds),
        }
    }
}

impl From<AppConnectionDescription> for AppConnection {
    fn from(described: AppConnectionDescription) -> Self {
        let settings = described.settings;
        Self {
            name: settings.name,
            settings: SettingsBody {
                client_id: settings.client_id,
                confidential: settings.confidential,
                default: settings.default,
                scopes: settings.scopes,
                refresh_token_policy: Spelled(settings.refresh_token_policy),
                refresh_token_lifetime: settings.refresh_token_lifetime.map(seconds),
            },
            has_client_secret: described.has_client_secret,
            has_previous_secret: described.has_previous_secret,
            client_secret_refused: described.client_secret_refused,
            set_for: described.set_for.map(seconds),
            built_in: described.built_in,
        }
    }
}
