//! Headers that every answer carries: nothing of it is kept by others, framed, sniffed or told on.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};

use super::client::Arrival;

/// What an answer may load, unless it says itself: nothing.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
);

/// What a page of the console may load: its own style, script and pictures. Forms go to this service, and browsers hold
/// their redirects to that too: a page that leads on to Databricks does so by itself.
pub(crate) const CONSOLE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; img-src 'self'; \
     script-src 'self'; style-src 'self'",
);

/// For answers that do not say otherwise.
const DEFAULTS: [(HeaderName, HeaderValue); 7] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, NOTHING),
    // Not `no-referrer`: browsers would then not say either where a form of ours comes from.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
];

/// A year, in which browsers come by https only.
const ONLY_HTTPS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds the headers.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let tls = request.extensions().get::<Arrival>().is_some_and(|arrival| arrival.tls);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
    if tls {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(ONLY_HTTPS);
    }
    response
}
