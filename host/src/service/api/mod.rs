//! The JSON API: the functions of the contract as resources, under `/api/v1`.

use axum::Router;

use super::state::Service;

/// The routes of the API.
pub(super) fn router() -> Router<Service> {
    Router::new()
}
