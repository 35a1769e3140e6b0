//! "Connect to Databricks": the prompt for signing in, and the new tab that it opens.
//!
//! The page that needs a sign-in leads here, with where to go on and where to go when the person cancels. *Continue* is a
//! form that opens a new tab; its answer leads the tab on to Databricks, which sends it back to the callback. Meanwhile the
//! prompt asks from time to time whether the person is signed in, and goes on by itself.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::{Markup, html};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::failure;
use super::layout::{bare_page, form_token, prompt_page};
use super::local_path::{fabric_path, local_path, with_query};
use super::pending::Pending;
use super::query::Query;
use crate::contract::administration::FabricDescription;
use crate::contract::{Authentication, Error};
use crate::service::cookies;
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

/// The paths below the root at which Databricks may send browsers back.
pub(super) const CALLBACKS: [&str; 2] = ["/api/databricks/oauthredirect", "/metadata/oauthCallback"];

/// The field that says that the sign-in goes on in the tab that asked, as where no new one could be opened.
pub(super) const SAME_TAB: &str = "same_tab";

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new().route("/connect", get(prompt).post(go_on)).route("/connect/status", get(status))
}

/// What a page that needs a sign-in asks for.
#[derive(Deserialize)]
struct Wanted {
    fabric: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    cancel: String,
}

/// What the waiting page asks.
#[derive(Deserialize)]
struct Asked {
    fabric: String,
}

/// What the waiting page is told.
#[derive(Serialize)]
struct Status {
    signed_in: bool,
}

/// The prompt; or straight on, where the person is signed in already.
async fn prompt(user: ConsoleUser, State(service): State<Service>, Query(wanted): Query<Wanted>) -> Response {
    match ask(&service, &user, &wanted).await {
        Ok(response) => response,
        Err(error) => failure(&error),
    }
}

async fn ask(service: &Service, user: &ConsoleUser, wanted: &Wanted) -> Result<Response, Error> {
    let fabric = service.host.get_fabric(&user.caller, &wanted.fabric).await?;
    if fabric.settings.authentication == Authentication::PersonalAccessToken {
        return Ok(Redirect::to(&fabric_path(&wanted.fabric)).into_response());
    }
    if service.host.sign_in_status(&user.caller, &wanted.fabric).await?.required.is_none() {
        return Ok(Redirect::to(local_path(&wanted.next)).into_response());
    }
    let redirect_url = redirect_url(service).unwrap_or_default();
    Ok(prompt_page("Connect to Databricks", &dialog(user, wanted, &fabric, &redirect_url)))
}

fn dialog(user: &ConsoleUser, wanted: &Wanted, fabric: &FabricDescription, redirect_url: &str) -> Markup {
    let workspace = fabric.settings.workspace.trim_start_matches("https://");
    let fields = html! {
        (form_token(&user.session))
        input type="hidden" name="fabric" value=(wanted.fabric);
        input type="hidden" name="next" value=(local_path(&wanted.next));
    };
    html! {
        div data-connect=(with_query("/connect/status", &[("fabric", &wanted.fabric)]))
            data-next=(local_path(&wanted.next)) {
            a .button .close href=(local_path(&wanted.cancel)) aria-label="Close" { "×" }
            p {
                "Log in with your Databricks account to use the fabric " strong { (wanted.fabric) } " on "
                strong { (workspace) } "."
            }
            div .actions {
                a .button href=(local_path(&wanted.cancel)) { "Cancel" }
                form method="post" action="/connect" target="_blank" {
                    (fields)
                    button type="submit" .primary { "Continue" }
                }
            }
            div data-when="waiting" hidden role="status" {
                p { "Waiting for you to sign in, in the tab that has opened. This page goes on by itself." }
                p { "No new tab? Your browser may have blocked it: allow pop-ups for this site, then choose Continue again." }
            }
            div data-when="late" hidden role="status" { (never_came_back(redirect_url)) }
            div data-when="blocked" hidden role="alert" {
                p { strong { "Your browser has blocked the new tab." } " Allow pop-ups for this site and choose Continue again." }
                form method="post" action="/connect" {
                    (fields)
                    input type="hidden" name=(SAME_TAB) value="yes";
                    button type="submit" .link { "Or sign in to Databricks in this tab" }
                }
            }
            noscript { p { a href=(local_path(&wanted.next)) { "I have signed in: go on" } } }
        }
    }
}

/// What it mostly means when Databricks never sends the browser back.
fn never_came_back(redirect_url: &str) -> Markup {
    html! {
        p { "Nothing has come back from Databricks yet. If its tab shows an error in place of a sign-in, it is mostly one of two things:" }
        ul {
            li {
                strong { "The redirect URL is not registered." } " A Databricks account admin adds exactly "
                code { (redirect_url) } " to the app connection; such a change may take 30 minutes."
            }
            li {
                strong { "The app connection is of another Databricks account" }
                " than the workspace. It must be made in the account that owns the workspace."
            }
        }
        p { "A sign-in that is not completed within ten minutes is over; choose Continue to begin another." }
    }
}

/// Begins a sign-in, and leads the tab on. A page that goes on by itself, since browsers hold forms to the addresses that
/// the policy of this console names, redirects included.
async fn go_on(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let fabric = form.text("fabric");
    let redirect_url = redirect_url(&service);
    let begun = service.host.begin_sign_in(&by.caller, fabric, redirect_url.as_deref()).await;
    let (url, binding, _) = match begun {
        Ok(begun) => begun,
        Err(error) => return failure(&error),
    };
    let pending = Pending {
        user: by.user.name.clone(),
        fabric: fabric.to_owned(),
        next: local_path(form.text("next")).to_owned(),
        same_tab: form.is_ticked(SAME_TAB),
        outcome: None,
    };
    let sign_in = match pending.begin(&service, &url).await {
        Ok(sign_in) => sign_in,
        Err(error) => return failure(&error),
    };
    let cookie = cookies::sign_in(&service.origin, &sign_in.short(), &binding);
    (cookie.map(|cookie| [(SET_COOKIE, cookie)]), leading_to(&url)).into_response()
}

fn leading_to(url: &SecretString) -> Response {
    let url = url.expose_secret();
    let content = html! {
        meta http-equiv="refresh" content=(format!("0;url={url}"));
        p { "Your browser goes to Databricks." }
        p { a href=(url) { "Go to Databricks" } }
    };
    bare_page(StatusCode::OK, "Connect to Databricks", &content)
}

/// The redirect URL that leads back to this service, where there is one; else the deployment's default is used, and
/// another part of Prophecy completes the sign-in.
fn redirect_url(service: &Service) -> Option<String> {
    let ours = CALLBACKS.map(|path| service.origin.url(path));
    service.redirect_urls.iter().find(|url| ours.contains(url)).cloned()
}

async fn status(
    user: ConsoleUser,
    State(service): State<Service>,
    Query(asked): Query<Asked>,
) -> Result<Json<Status>, Response> {
    let state = service.host.sign_in_status(&user.caller, &asked.fabric).await.map_err(|error| failure(&error))?;
    Ok(Json(Status { signed_in: state.required.is_none() }))
}
