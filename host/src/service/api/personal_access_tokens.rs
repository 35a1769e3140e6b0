//! Personal access tokens, which people enter themselves on fabrics that take them.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Conflict, Dependency};
use super::request::{ApiJson, FabricPath};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(set_personal_access_token, remove_personal_access_token))
}

/// A personal access token to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonalAccessToken {
    /// The token, which must be the caller's own.
    #[schema(value_type = String, format = Password, write_only)]
    token: SecretString,
}

/// Whose a personal access token is.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenOwner {
    /// The Databricks user.
    databricks_user: String,
}

/// Keep the caller's personal access token for a fabric, in place of the one before.
///
/// The workspace is asked first whose it is.
#[utoipa::path(
    put,
    path = "/fabrics/{fabric}/personal-access-token",
    tag = "sign-in",
    params(FabricPath),
    request_body = PersonalAccessToken,
    responses((status = 200, description = "It is kept.", body = TokenOwner), Conflict, Dependency)
)]
async fn set_personal_access_token(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    ApiJson(given): ApiJson<PersonalAccessToken>,
) -> Result<Json<TokenOwner>, Problem> {
    let databricks_user = service.host.set_personal_access_token(&caller, &fabric, &given.token).await?;
    Ok(Json(TokenOwner { databricks_user }))
}

/// Remove the caller's personal access token for a fabric.
///
/// In Databricks it lives on until it is revoked there.
#[utoipa::path(
    delete,
    path = "/fabrics/{fabric}/personal-access-token",
    tag = "sign-in",
    params(FabricPath),
    responses((status = 204, description = "It is removed."), Conflict)
)]
async fn remove_personal_access_token(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
) -> Result<StatusCode, Problem> {
    service.host.remove_personal_access_token(&caller, &fabric).await?;
    Ok(StatusCode::NO_CONTENT)
}
