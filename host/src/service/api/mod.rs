//! The JSON API: the functions of the contract as resources, under `/api/v1`.
//!
//! | to find | look in |
//! | --- | --- |
//! | how requests are read | `request`, `words`, `seconds` |
//! | the OpenAPI document | `document` |
//! | the resources | the other modules, each with its routes |

mod advisories;
mod app_connections;
mod document;
mod fabric_settings;
mod fabrics;
mod grants;
mod personal_access_tokens;
mod request;
mod sealing;
mod seconds;
mod secrets;
mod sign_ins;
mod test_connection;
mod tokens;
mod words;

use utoipa_axum::router::OpenApiRouter;

pub(super) use self::document::begun;
use super::state::Service;

/// The routes of the API.
pub(super) fn router() -> OpenApiRouter<Service> {
    let resources = OpenApiRouter::new()
        .merge(document::router())
        .merge(advisories::router())
        .merge(fabrics::router())
        .merge(test_connection::router())
        .merge(sign_ins::router())
        .merge(personal_access_tokens::router())
        .merge(tokens::router())
        .merge(app_connections::router())
        .merge(grants::router())
        .merge(sealing::router());
    OpenApiRouter::new().nest("/api/v1", resources)
}
