//! Style, script and icon of the console: files of this program, from nowhere else.

use axum::Router;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use crate::service::state::Service;

/// The files may be kept as long as a look at the clock: a new version of the program has new ones under the same names.
const KEPT: HeaderValue = HeaderValue::from_static("private, max-age=60");

type File = ([(HeaderName, HeaderValue); 2], &'static str);

/// Their routes.
pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/assets/console.css", get(style))
        .route("/assets/console.js", get(script))
        .route("/assets/icon.svg", get(icon))
}

async fn style() -> File {
    file("text/css; charset=utf-8", include_str!("console.css"))
}

async fn script() -> File {
    file("text/javascript; charset=utf-8", include_str!("console.js"))
}

async fn icon() -> File {
    file("image/svg+xml", include_str!("icon.svg"))
}

fn file(media_type: &'static str, content: &'static str) -> File {
    ([(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CACHE_CONTROL, KEPT)], content)
}
