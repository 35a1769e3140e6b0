//! All routes, and what every request goes through, from the outside in: headers, where it comes from, counting.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, body::Body};
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::Problem;
use super::state::Service;
use super::{api, console, health, metrics, transport};
use crate::contract::Error;

/// Largest body of a request. Fabrics with hundreds of scopes fit.
const LARGEST_BODY: usize = 64 * 1024;

/// How long a body may pause. Longer than any network takes, and short for who holds a connection on purpose.
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// How long an answer may take to begin: longer than the component lets a caller wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(150);

/// The routes of the service.
pub(super) fn router(service: &Service) -> Router {
    let protected = Router::from(for_callers())
        .merge(console::router(service))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(service.clone(), transport::identify));
    Router::from(for_everybody())
        .method_not_allowed_fallback(wrong_method)
        .merge(protected)
        .layer(from_fn_with_state(service.clone(), metrics::count))
        .layer(RequestBodyTimeoutLayer::new(BODY_WITHIN))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn(bound))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(from_fn(transport::guard))
        .with_state(service.clone())
}

/// All routes that the OpenAPI document describes.
pub(super) fn documented() -> OpenApiRouter<Service> {
    api::begun().merge(for_callers()).merge(for_everybody())
}

/// Routes for programs that show an API token.
fn for_callers() -> OpenApiRouter<Service> {
    api::router().routes(routes!(metrics::show))
}

/// Routes for probes, which have none.
fn for_everybody() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(health::health)).routes(routes!(health::readiness))
}

/// Answers in time in any case.
async fn bound(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::from(Error::unavailable("The answer took too long.")).into_response(),
    }
}

/// A person is told with a page, a program with a problem.
async fn not_found(headers: HeaderMap) -> Response {
    let accepts = headers.get(ACCEPT).and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        return console::refusal(StatusCode::NOT_FOUND, "There is nothing at this address.");
    }
    let told = "There is nothing at this path. /api/v1/openapi.json lists what there is.";
    Problem::of_request(StatusCode::NOT_FOUND, told).into_response()
}

async fn wrong_method() -> Problem {
    Problem::of_request(StatusCode::METHOD_NOT_ALLOWED, "This path does not take this method.")
}

/// What the panic says may hold anything, so it is told to nobody; the panic hook has logged where it was.
pub(super) fn after_panic(_: Box<dyn std::any::Any + Send>) -> Response<Body> {
    Problem::from(Error::Internal("The service has a defect.".to_owned())).into_response()
}
