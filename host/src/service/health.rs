//! `/healthz`: the process runs. `/readyz`: it can do its work, which takes store, keys and component.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::Service;
use crate::contract::{Caller, CallerKind, Error};

/// What a readiness probe is told.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether requests can be served.
    ready: bool,
    /// The store answers.
    store: bool,
    /// The primary master key can be used.
    keys: bool,
    /// The component answers.
    component: bool,
}

/// Tells that the process runs and answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, description = "It runs.")))]
pub(super) async fn health() -> StatusCode {
    StatusCode::OK
}

/// Tells whether store, keys and component answer.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    security(()),
    responses(
        (status = 200, description = "Requests can be served.", body = Readiness),
        (status = 503, description = "They cannot; the log says why.", body = Readiness),
    )
)]
pub(super) async fn readiness(State(service): State<Service>) -> (StatusCode, Json<Readiness>) {
    let (store, keys, component) = tokio::join!(store(&service), keys(&service), component(&service));
    let ready = store && keys && component;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, store, keys, component }))
}

async fn store(service: &Service) -> bool {
    let read = service.storage.get("service/readiness").await;
    read.inspect_err(|error| tracing::warn!(%error, "not ready: the store")).is_ok()
}

async fn keys(service: &Service) -> bool {
    use crate::keys::MasterKeys as _;

    let derived = service.keys.derived_key("readiness", None).await;
    let is_there = derived.inspect_err(|error| tracing::warn!(%error, "not ready: the key ring")).is_ok();
    // With the ring of another deployment nothing that is stored can be read.
    match service.access.users().is_readable().await {
        Err(error @ Error::Misconfigured(_)) => {
            tracing::warn!(%error, "not ready: the key ring");
            false
        }
        _ => is_there,
    }
}

/// Asks the component for what every caller may know.
async fn component(service: &Service) -> bool {
    let nobody = Caller {
        tenant: service.tenant.clone(),
        kind: CallerKind::Person,
        user: "readiness".to_owned(),
        email: None,
        cluster_admin: false,
        teams: Vec::new(),
        on_behalf_of: None,
    };
    let answered = service.host.authentication_methods(&nobody).await;
    answered.inspect_err(|error| tracing::warn!(%error, "not ready: the component")).is_ok()
}
