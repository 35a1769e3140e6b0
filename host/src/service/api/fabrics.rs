//! Fabrics.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Conflict, Dependency};
use super::fabric_settings::{FabricBody, SettingsBody, refused};
use super::request::{After, ApiJson, FabricPath, object};
use crate::contract::Error;
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(list_fabrics))
        .routes(routes!(get_fabric, put_fabric, remove_fabric))
        .routes(routes!(check_fabric))
}

/// A piece of the list of fabrics.
#[derive(Serialize, ToSchema)]
pub(super) struct FabricPage {
    /// Fabrics of the caller's teams; all of them for cluster admins. In no particular order.
    fabrics: Vec<FabricBody>,
    /// For cluster admins: names of fabrics whose record is damaged or of a newer version.
    unreadable: Vec<String>,
    /// Give this as `after` to get the next piece; absent at the end. A piece may be empty and still have a next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A fabric as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "settings": {
        "kind": "sql",
        "workspace": "https://dbc-a1b2345c-d6e7.cloud.databricks.com",
        "team": "analytics",
        "service_principal_client_id": "1fd653ab-f427-4033-a836-8c8f9c5c8337",
    },
    "service_principal_secret": "dose…",
    "expected_revision": 0,
}))]
pub(super) struct PutFabric {
    /// The settings.
    #[serde(deserialize_with = "object")]
    settings: SettingsBody,
    /// The secret of the service principal. It is kept when it is absent while workspace and client id stay as they are.
    /// Never answered.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    service_principal_secret: Option<SecretString>,
    /// The `revision` that is to be replaced; 0 to create only; absent to create or replace whichever there is.
    expected_revision: Option<u64>,
}

/// List fabrics, a piece at a time.
#[utoipa::path(
    get,
    path = "/fabrics",
    tag = "fabrics",
    params(After),
    responses((status = 200, description = "At most a hundred.", body = FabricPage))
)]
async fn list_fabrics(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    After { after }: After,
) -> Result<Json<FabricPage>, Problem> {
    let page = service.host.list_fabrics(&caller, after.as_deref()).await?;
    let fabrics = page.fabrics.into_iter().map(FabricBody::from).collect();
    Ok(Json(FabricPage { fabrics, unreadable: page.unreadable, next: page.next }))
}

/// Describe a fabric.
#[utoipa::path(
    get,
    path = "/fabrics/{fabric}",
    tag = "fabrics",
    params(FabricPath),
    responses((status = 200, description = "The fabric.", body = FabricBody))
)]
async fn get_fabric(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
) -> Result<Json<FabricBody>, Problem> {
    Ok(Json(service.host.get_fabric(&caller, &fabric).await?.into()))
}

/// Create or replace a fabric.
#[utoipa::path(
    put,
    path = "/fabrics/{fabric}",
    tag = "fabrics",
    params(FabricPath),
    request_body = PutFabric,
    responses(
        (status = 200, description = "It is replaced.", body = FabricBody),
        (status = 201, description = "It is created.", body = FabricBody),
        Conflict,
        Dependency,
    )
)]
async fn put_fabric(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    ApiJson(put): ApiJson<PutFabric>,
) -> Result<(StatusCode, Json<FabricBody>), Problem> {
    let creates = match put.expected_revision {
        Some(revision) => revision == 0,
        None => matches!(service.host.get_fabric(&caller, &fabric).await, Err(Error::NotFound(_))),
    };
    let (settings, secret) = (put.settings.of(fabric), put.service_principal_secret);
    let stored = service.host.put_fabric(&caller, settings, secret.as_ref(), put.expected_revision).await;
    let status = if creates { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(stored.map_err(refused)?.into())))
}

/// Tell whether `PUT` would take the same body now, and write nothing.
#[utoipa::path(
    post,
    path = "/fabrics/{fabric}/check",
    tag = "fabrics",
    params(FabricPath),
    request_body = PutFabric,
    responses((status = 204, description = "It would."), Conflict, Dependency)
)]
async fn check_fabric(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    ApiJson(put): ApiJson<PutFabric>,
) -> Result<StatusCode, Problem> {
    let (settings, secret) = (put.settings.of(fabric), put.service_principal_secret);
    let checked = service.host.check_fabric(&caller, settings, secret.as_ref(), put.expected_revision).await;
    checked.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

/// Remove a fabric.
///
/// With it go the credentials of its service principal and the personal access tokens that people have entered for it.
/// People's sign-ins stay: they belong to the workspace.
#[utoipa::path(
    delete,
    path = "/fabrics/{fabric}",
    tag = "fabrics",
    params(FabricPath),
    responses((status = 204, description = "It is removed."), Conflict)
)]
async fn remove_fabric(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
) -> Result<StatusCode, Problem> {
    service.host.remove_fabric(&caller, &fabric).await?;
    Ok(StatusCode::NO_CONTENT)
}
