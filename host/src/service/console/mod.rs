//! The console: pages for people, made on the server. They need no script, but where a browser runs it, `console.js` makes
//! forms say what is wrong while they are filled in, and pages go on by themselves after a sign-in.

mod app_connection_form;
mod assets;
mod callback;
mod connect;
mod editors;
mod elements;
mod fabric_fields;
mod fabric_form;
mod fabric_state;
mod fabric_test;
mod fabrics;
mod fields;
mod journal;
mod keys;
mod layout;
mod local_path;
mod overview;
mod own_token;
mod pending;
mod people;
mod query;
mod security;
mod session;
mod timeline;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::StatusCode;
use http::header::HOST;
use maud::html;

use super::state::Service;
use crate::contract::Error;

/// The routes of the console.
pub(super) fn router(service: &Service) -> Router<Service> {
    Router::new()
        .merge(assets::router())
        .merge(session::router())
        .merge(connect::router())
        .merge(callback::router())
        .merge(overview::router())
        .merge(fabrics::router())
        .merge(fabric_form::router())
        .merge(fabric_test::router())
        .merge(own_token::router())
        .merge(editors::router())
        .merge(people::router())
        .merge(journal::router())
        .merge(security::router())
        .merge(keys::router())
        .route_layer(from_fn_with_state(service.clone(), for_us))
}

/// Refuses requests that name another host (RFC 9110 section 7.4): one that came by a rebound DNS name has cookies of
/// nobody, but might learn of those who have.
async fn for_us(State(service): State<Service>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        // HTTP/2 has it in the target.
        (None, None) => request.uri().authority().map(http::uri::Authority::as_str),
        _ => None,
    };
    if named.is_some_and(|host| service.origin.is_host(host)) {
        return next.run(request).await;
    }
    let here = service.origin.url("/");
    let content =
        html! { p { "This console is at " a href=(here) { (here) } " (" code { "deployment.base_url" } ")." } };
    layout::bare_page(StatusCode::MISDIRECTED_REQUEST, "That is another address", &content)
}

/// The page on which one signs in to the console, and from there comes to `next`.
pub(super) fn sign_in_path(next: &str) -> String {
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/sign-in?next={next}")
}

/// A page that says why nothing was done.
pub(super) fn refusal(status: StatusCode, message: &str) -> Response {
    layout::bare_page(status, "That did not work", &html! { p { (message) } p { a href="/" { "To the overview" } } })
}

/// A page that tells an error, and who must act.
pub(super) fn failure(error: &Error) -> Response {
    let content = html! {
        (elements::problem(error))
        p { a href="/" { "To the overview" } }
    };
    layout::bare_page(problem_status(error), "That did not work", &content)
}

/// The status of a page that tells an error.
fn problem_status(error: &Error) -> StatusCode {
    super::problem::status_of(error)
}

/// Forgets sign-ins whose time is over.
pub(super) async fn clear_out(service: &Service) -> Result<(), Error> {
    pending::clear_out(service).await
}
