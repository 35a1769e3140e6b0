//! Resealing, and the check after a backup was put back.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::request::After;
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(reseal)).routes(routes!(restore_check))
}

/// Progress of resealing.
#[derive(Serialize, ToSchema)]
pub(super) struct ResealProgress {
    /// Records that are now sealed under the primary key.
    resealed: u32,
    /// Records that were already.
    current: u32,
    /// Records left for another pass, since somebody is at work on them.
    skipped: u32,
    /// Records that cannot be read; the journal has an entry for each.
    unreadable: u32,
    /// Ask again with this as `after` until it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Progress of the check after a restore.
#[derive(Serialize, ToSchema)]
pub(super) struct RestoreProgress {
    /// Sign-ins that could be read.
    looked_at: u32,
    /// Those of them that this request has marked: they may not be renewed.
    marked: u32,
    /// Sign-ins that cannot be read; the journal has an entry for each.
    unreadable: u32,
    /// Ask again with this as `after` until it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Seal under the primary master key what is sealed under older ones, a piece at a time.
#[utoipa::path(
    post,
    path = "/reseal",
    tag = "administration",
    params(After),
    responses((status = 200, description = "A piece is done.", body = ResealProgress))
)]
async fn reseal(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    After { after }: After,
) -> Result<Json<ResealProgress>, Problem> {
    let progress = service.host.reseal(&caller, after.as_deref()).await?;
    Ok(Json(ResealProgress {
        resealed: progress.resealed,
        current: progress.current,
        skipped: progress.skipped,
        unreadable: progress.unreadable,
        next: progress.next,
    }))
}

/// Mark the sign-ins whose refresh token may have been spent since a backup was made, a piece at a time.
///
/// For a backup of the store that was put back, before anybody works on it.
#[utoipa::path(
    post,
    path = "/restore-check",
    tag = "administration",
    params(After),
    responses((status = 200, description = "A piece is done.", body = RestoreProgress))
)]
async fn restore_check(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    After { after }: After,
) -> Result<Json<RestoreProgress>, Problem> {
    let progress = service.host.restore_check(&caller, after.as_deref()).await?;
    Ok(Json(RestoreProgress {
        looked_at: progress.looked_at,
        marked: progress.marked,
        unreadable: progress.unreadable,
        next: progress.next,
    }))
}
