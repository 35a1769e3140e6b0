//! Signing in to Databricks, and out, for programs that have the person's browser or own the redirect URL. The console
//! does the same with the browser that it has before it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Conflict, Dependency, NotFound};
use super::request::{ApiJson, FabricPath};
use super::seconds::seconds;
use super::secrets::exposed;
use super::words::{SignInReasonWord, Spelled};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(begin_sign_in))
        .routes(routes!(complete_sign_in))
        .routes(routes!(sign_in_status, sign_out))
}

/// A sign-in to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginSignIn {
    /// Where Databricks sends the browser back to: one of the deployment's redirect URLs. Absent for the first of them,
    /// which is the console's.
    redirect_url: Option<String>,
}

/// A sign-in that has begun.
#[derive(Serialize, ToSchema)]
pub(super) struct PendingSignIn {
    /// The URL to open in the person's browser. It is for them alone.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String, read_only)]
    authorization_url: SecretString,
    /// A secret to keep with that browser, out of reach of scripts and other sites, and to give back with the callback.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String, read_only)]
    binding: SecretString,
    /// Where Databricks will send the browser.
    redirect_url: String,
    /// Seconds that the sign-in may take.
    expires_in: u64,
}

/// The browser's return from Databricks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompleteSignIn {
    /// What stands behind the `?` of the URL that the browser came back with, as it is.
    #[schema(value_type = String, write_only)]
    callback_query: SecretString,
    /// The `binding` that was kept with that browser.
    #[schema(value_type = String, format = Password, write_only)]
    binding: SecretString,
}

/// A sign-in that is complete.
#[derive(Serialize, ToSchema)]
pub(super) struct CompletedSignIn {
    /// The fabric it was begun for. It also serves other fabrics on the same workspace.
    fabric: String,
    /// The Databricks user.
    databricks_user: String,
    /// The granted scopes, sorted.
    scopes: Vec<String>,
    /// Whether tokens can be renewed without the person.
    renewable: bool,
}

/// Whether somebody is signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct SignInState {
    /// Why a sign-in is needed; absent while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<SignInReasonWord>,
    /// Who is, or last was, signed in to Databricks; or whose the personal access token is.
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_user: Option<String>,
    /// The granted scopes, sorted.
    scopes: Vec<String>,
    /// Seconds that the access token in hand may be used; absent when there is none, or its end is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expires_in: Option<u64>,
    /// Whether tokens can be renewed without the person.
    renewable: bool,
    /// An estimate of how many seconds the session lasts if it is not used; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_expires_in: Option<u64>,
}

/// What became of a sign-out.
#[derive(Serialize, ToSchema)]
pub(super) struct CompletedSignOut {
    /// Whether there was a sign-in to end.
    grant_ended: bool,
    /// Whether the server confirmed that it revoked the refresh tokens. Databricks offers no revocation.
    revoked: bool,
}

/// Begin a sign-in to Databricks.
#[utoipa::path(
    post,
    path = "/fabrics/{fabric}/sign-ins",
    tag = "sign-in",
    params(FabricPath),
    request_body = BeginSignIn,
    responses((status = 201, description = "It has begun.", body = PendingSignIn), Conflict, Dependency)
)]
async fn begin_sign_in(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    ApiJson(begin): ApiJson<BeginSignIn>,
) -> Result<(StatusCode, Json<PendingSignIn>), Problem> {
    let begun = service.host.begin_sign_in(&caller, &fabric, begin.redirect_url.as_deref()).await?;
    let (authorization_url, binding, pending) = begun;
    let expires_in = seconds(pending.expires_in);
    let pending = PendingSignIn { authorization_url, binding, redirect_url: pending.redirect_url, expires_in };
    Ok((StatusCode::CREATED, Json(pending)))
}

/// Complete a sign-in with what the browser came back with.
///
/// It is for the caller who began it. It is used up whatever the outcome, except when `state` or binding do not match.
#[utoipa::path(
    post,
    path = "/sign-ins/complete",
    tag = "sign-in",
    request_body = CompleteSignIn,
    responses(
        (status = 200, description = "The person is signed in.", body = CompletedSignIn),
        NotFound,
        Conflict,
        Dependency,
    )
)]
async fn complete_sign_in(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    ApiJson(complete): ApiJson<CompleteSignIn>,
) -> Result<Json<CompletedSignIn>, Problem> {
    let completed = service.host.complete_sign_in(&caller, &complete.callback_query, &complete.binding).await;
    service.metrics.sign_in(&completed);
    let completed = completed?;
    Ok(Json(CompletedSignIn {
        fabric: completed.fabric,
        databricks_user: completed.databricks_user,
        scopes: completed.scopes,
        renewable: completed.renewable,
    }))
}

/// Tell whether the caller is signed in.
///
/// Databricks is not asked.
#[utoipa::path(
    get,
    path = "/fabrics/{fabric}/sign-in",
    tag = "sign-in",
    params(FabricPath),
    responses((status = 200, description = "How it stands.", body = SignInState), Dependency)
)]
async fn sign_in_status(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
) -> Result<Json<SignInState>, Problem> {
    let state = service.host.sign_in_status(&caller, &fabric).await?;
    Ok(Json(SignInState {
        required: state.required.map(Spelled),
        databricks_user: state.databricks_user,
        scopes: state.scopes,
        access_token_expires_in: state.access_token_expires_in.map(seconds),
        renewable: state.renewable,
        session_expires_in: state.session_expires_in.map(seconds),
    }))
}

/// Sign the caller out of the fabric's workspace, for every fabric on it.
///
/// Done also when there is nothing to end. On a fabric that takes personal access tokens it removes the caller's.
#[utoipa::path(
    delete,
    path = "/fabrics/{fabric}/sign-in",
    tag = "sign-in",
    params(FabricPath),
    responses((status = 200, description = "The caller is signed out.", body = CompletedSignOut), Conflict, Dependency)
)]
async fn sign_out(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
) -> Result<Json<CompletedSignOut>, Problem> {
    let ended = service.host.sign_out(&caller, &fabric).await?;
    Ok(Json(CompletedSignOut { grant_ended: ended.grant_ended, revoked: ended.revoked }))
}
