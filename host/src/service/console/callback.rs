//! The callback: where Databricks sends the browser back (RFC 6749 section 4.1.2).
//!
//! The query holds the authorization code, so it is answered with a redirect in any case: what then stands in the address
//! bar and in the history is the name of an outcome. The page under it closes its tab by itself where all is well, and
//! explains what happened where not.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::header::{ALLOW, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::connect::CALLBACKS;
use super::failure;
use super::layout::bare_page;
use super::local_path::{and_query, with_query};
use super::pending::{Outcome, Pending, SignInName};
use super::query::Query;
use super::security;
use crate::contract::Error;
use crate::service::cookies;
use crate::service::extractors::{ConsoleUser, cookie};
use crate::service::state::Service;

/// The parameter that names a sign-in, on the page of its outcome and on the one that it was for.
const SIGN_IN: &str = "sign_in";

const OUTCOME: &str = "/connect/outcome";
const LOST: &str = "/connect/lost";

/// The routes.
pub(super) fn router() -> Router<Service> {
    let pages = Router::new().route(OUTCOME, get(outcome)).route(LOST, get(lost));
    // Not HEAD, which GET stands for where nothing else does: only a browser that shows the answer completes a sign-in.
    CALLBACKS.iter().fold(pages, |router, path| router.route(path, get(callback).head(only_get)))
}

/// Why a browser that came back cannot be helped.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Lost {
    /// What it came back with is not of a sign-in.
    Malformed,
    /// It has no session with the console.
    NoSession,
    /// It did not begin the sign-in, or too long ago.
    AnotherBrowser,
    /// The sign-in was taken up, and what became of it could not be kept.
    NotKept,
}

#[derive(Deserialize)]
struct LostQuery {
    why: Lost,
}

#[derive(Deserialize)]
struct OutcomeQuery {
    sign_in: String,
}

async fn callback(
    user: Option<ConsoleUser>,
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = SecretString::from(query.unwrap_or_default());
    let Some(name) = SignInName::of_query(secrecy::ExposeSecret::expose_secret(&query)) else {
        return lead_to_lost(Lost::Malformed);
    };
    let Some(user) = user else { return lead_to_lost(Lost::NoSession) };
    let binding = cookie(&headers, &cookies::sign_in_name(&service.origin, &name.short()));
    let Some(binding) = binding.map(SecretString::from) else { return lead_to_lost(Lost::AnotherBrowser) };

    // On its own, so that it is remembered also when the browser is gone, or comes a second time meanwhile.
    let completing = tokio::spawn(complete(service.clone(), name.clone(), user, query, binding));
    let kept = completing.await.unwrap_or_else(|_| Err(Error::Internal("The sign-in was interrupted.".to_owned())));
    let forget = cookies::no_sign_in(&service.origin, &name.short()).map(|cookie| [(SET_COOKIE, cookie)]);
    let next = match kept {
        Ok(next) => Redirect::to(&next).into_response(),
        Err(error) => {
            tracing::warn!(%error, "what became of a sign-in could not be kept");
            lead_to_lost(Lost::NotKept)
        }
    };
    (forget, next).into_response()
}

async fn only_get() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")]).into_response()
}

/// Completes a sign-in, remembers what became of it, and tells where to go on.
async fn complete(
    service: Service,
    name: SignInName,
    user: ConsoleUser,
    query: SecretString,
    binding: SecretString,
) -> Result<String, Error> {
    let completed = service.host.complete_sign_in(&user.caller, &query, &binding).await;
    service.metrics.sign_in(&completed);
    let outcome = match completed {
        Ok(completed) => Outcome::SignedIn { databricks_user: completed.databricks_user },
        Err(error) => Outcome::Failed { message: error.message().to_owned(), actor: error.actor().to_string() },
    };
    let pending = Pending::end(&service, &name, &user.user.name, outcome).await?;
    let told = [(SIGN_IN, name.as_str())];
    let goes_on = pending.same_tab && pending.has_succeeded();
    Ok(match goes_on {
        true if security::asks_for_the_sign_in(&pending.next) => and_query(&pending.next, &told),
        true => pending.next,
        false => with_query(OUTCOME, &told),
    })
}

/// The page that ends a sign-in.
async fn outcome(user: ConsoleUser, State(service): State<Service>, Query(query): Query<OutcomeQuery>) -> Response {
    let Some(name) = SignInName::parse(&query.sign_in) else { return lead_to_lost(Lost::Malformed) };
    let pending = match Pending::of(&service, &name, &user.user.name).await {
        Ok(Some((pending, _))) => pending,
        Ok(None) => return lead_to_lost(Lost::AnotherBrowser),
        Err(error) => return failure(&error),
    };
    let again = with_query("/connect", &[("fabric", &pending.fabric), ("next", &pending.next)]);
    match &pending.outcome {
        Some(Outcome::SignedIn { databricks_user }) => {
            bare_page(StatusCode::OK, "You are signed in to Databricks", &signed_in(databricks_user, &pending.next))
        }
        Some(Outcome::Failed { message, actor }) => {
            let content = html! {
                p role="alert" { (message) }
                p { "Who can act on it: " (actor) "." }
                p { a .button href=(again) { "Try again" } }
            };
            bare_page(StatusCode::OK, "You are not signed in to Databricks", &content)
        }
        None => Redirect::to(&again).into_response(),
    }
}

fn signed_in(databricks_user: &str, next: &str) -> Markup {
    html! {
        p data-close="" { "As " strong { (databricks_user) } ". You can close this tab; the page that asked goes on by itself." }
        p { a href=(next) { "Go on in this tab" } }
    }
}

fn lead_to_lost(why: Lost) -> Response {
    let word = match why {
        Lost::Malformed => "malformed",
        Lost::NoSession => "no-session",
        Lost::AnotherBrowser => "another-browser",
        Lost::NotKept => "not-kept",
    };
    Redirect::to(&with_query(LOST, &[("why", word)])).into_response()
}

async fn lost(Query(LostQuery { why }): Query<LostQuery>) -> Response {
    let (what, next) = match why {
        Lost::Malformed => (
            "The address that your browser came to is not the answer to a sign-in.",
            "Go back to the page that asked you to connect to Databricks, and choose Continue there.",
        ),
        Lost::NoSession => (
            "Your browser came back from Databricks, but is not signed in to this console, or its session has ended.",
            "Sign in to the console, then connect to Databricks again. Nobody can use what was sent back.",
        ),
        Lost::AnotherBrowser => (
            "This browser did not begin the sign-in, or began it more than ten minutes ago.",
            "Connect to Databricks again, and complete it in the same browser. If you did not begin a sign-in at all, \
             somebody may have sent you their link: then you have lost nothing, as it was refused.",
        ),
        Lost::NotKept => (
            "The store of this service did not keep what became of the sign-in.",
            "The page of the fabric tells whether you are signed in. If not, connect again.",
        ),
    };
    let content = html! {
        p role="alert" { (what) }
        p { (next) }
        p { a href="/fabrics" { "To the fabrics" } }
    };
    bare_page(StatusCode::OK, "This sign-in cannot be completed", &content)
}
