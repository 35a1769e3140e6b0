//! The edge gateway: requests for Databricks go through the component, which decides whose token they carry and puts it
//! there. It has a listener of its own, so that nothing of it is of the console's origin.
//!
//! Who calls is told by an API token; which fabric, by a header, by the name of the host that the client asked for, or by
//! the configuration; what for, by a header. For gateways that keep their own data path there is forward-auth.

mod admission;
mod forward;
mod forward_auth;
mod limits;
mod settings;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;

pub(super) use self::limits::Limits;
pub use self::settings::GatewaySettings;
use super::problem::Problem;
use super::state::Service;
use super::{metrics, router, transport};

/// Where other gateways ask. No path of a workspace begins so.
const FORWARD_AUTH: &str = "/.prophecy/forward-auth";

/// What is asked for below our own paths is never sent on, however it is mistyped.
async fn nothing() -> Problem {
    Problem::of_request(StatusCode::NOT_FOUND, "There is nothing at this path of the gateway.")
}

/// The routes of the gateway's listener.
pub(super) fn router(service: &Service) -> Router {
    Router::new()
        .route(FORWARD_AUTH, any(forward_auth::decide))
        .route("/.prophecy/{*rest}", any(nothing))
        .route(&format!("{FORWARD_AUTH}/"), any(forward_auth::decide))
        .route(&format!("{FORWARD_AUTH}/{{*path}}"), any(forward_auth::decide))
        .fallback(forward::forward)
        .layer(from_fn_with_state(service.clone(), transport::identify))
        .layer(from_fn_with_state(service.clone(), metrics::count))
        .layer(CatchPanicLayer::custom(router::after_panic))
        .layer(from_fn(transport::guard))
        .with_state(service.clone())
}
