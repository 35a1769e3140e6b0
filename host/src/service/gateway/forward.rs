//! Handing a request to the component, and its reply back.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};

use super::admission::Admitted;
use crate::service::problem::Problem;
use crate::service::state::Service;

pub(super) async fn forward(
    Admitted(admission, passing): Admitted,
    State(service): State<Service>,
    request: Request,
) -> Response {
    // The place is taken for as long as anything of the request is left, whether or not its sender still waits.
    match service.host.forward_holding(admission, request, Box::new(passing)).await {
        Ok(reply) => reply.map(Body::new),
        Err(error) => Problem::from(error).into_response(),
    }
}
