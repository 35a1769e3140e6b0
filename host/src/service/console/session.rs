//! Signing in to the console, with an API token, and out of it.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::bare_page;
use super::local_path::local_path;
use super::query::Query;
use super::{failure, refusal};
use crate::service::cookies;
use crate::service::extractors::{ConsoleUser, Submitted, is_same_origin, read_form, refuse_foreign};
use crate::service::state::Service;
use crate::service::transport::Client;

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new().route("/sign-in", get(ask).post(sign_in)).route("/sign-out", post(sign_out))
}

/// Where to go on.
#[derive(Deserialize)]
struct Going {
    #[serde(default)]
    next: String,
}

async fn ask(
    user: Option<ConsoleUser>,
    State(service): State<Service>,
    Query(Going { next }): Query<Going>,
) -> Response {
    if user.is_some() {
        return Redirect::to(local_path(&next)).into_response();
    }
    let nobody_yet = match service.access.users().is_empty().await {
        Ok(nobody) => nobody,
        Err(error) => return failure(&error),
    };
    bare_page(StatusCode::OK, "Sign in to fabric-auth", &form(&next, None, nobody_yet))
}

fn form(next: &str, problem: Option<&str>, nobody_yet: bool) -> Markup {
    html! {
        @if let Some(problem) = problem { p #problem .problem role="alert" { (problem) } }
        @if nobody_yet {
            p {
                "There are no users yet. On the machine of this service, in its folder, an operator types "
                code { "fabric-auth user add NAME --cluster-admin" }
                ", which prints an API token."
            }
        }
        form method="post" action="/sign-in" {
            input type="hidden" name="next" value=(next);
            label for="api_token" { "API token" }
            input #api_token type="password" name="api_token" required autofocus autocomplete="current-password"
                aria-describedby=(if problem.is_some() { "problem api_token_hint" } else { "api_token_hint" });
            p #api_token_hint .hint { "It begins with " code { "fabric_auth_" } ". Whoever operates this service makes one for you." }
            button type="submit" .primary { "Sign in" }
        }
    }
}

/// Begins a session. There is no session yet whose token the form could carry, so it must come from this origin.
async fn sign_in(State(service): State<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !is_same_origin(&parts.headers, &service) {
        return refuse_foreign();
    }
    let Some(client) = parts.extensions.get::<Client>() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let form = match read_form(body).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let shown = form.secret("api_token").unwrap_or_default();
    match service.access.begin_session(&shown).await {
        Ok(Some(session)) => {
            let cookie = cookies::session(&service.origin, &session, service.access.sessions.life());
            (cookie.map(|cookie| [(SET_COOKIE, cookie)]), Redirect::to(local_path(form.text("next")))).into_response()
        }
        // Only failures count: others may come from the same address with the right one.
        Ok(None) => match service.attempts.count(client.address) {
            Ok(()) => refused(form.text("next")),
            Err(wait) => too_many(wait),
        },
        Err(error) => failure(&error),
    }
}

fn too_many(wait: Duration) -> Response {
    let told = "There were too many attempts to sign in from your address. Wait a minute, then try again.";
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, told);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
    response
}

fn refused(next: &str) -> Response {
    let told = "This is not the API token of a person, or it is not in force any more.";
    bare_page(StatusCode::FORBIDDEN, "Sign in to fabric-auth", &self::form(next, Some(told), false))
}

async fn sign_out(State(service): State<Service>, Submitted { by, .. }: Submitted) -> Response {
    if let Err(error) = service.access.end_session(&by.session).await {
        return failure(&error);
    }
    (cookies::no_session(&service.origin).map(|cookie| [(SET_COOKIE, cookie)]), Redirect::to("/sign-in"))
        .into_response()
}
