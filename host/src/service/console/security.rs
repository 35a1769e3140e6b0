//! Admin Settings > Security: registering Prophecy with Databricks, and what is registered.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use super::app_connection_form::Entered;
use super::connect::SAME_TAB;
use super::elements::{Confirmed, Standing, ago, badge, notice, to_copy};
use super::layout::{Place, form_token, page, page_with};
use super::local_path::with_query;
use super::pending::{Pending, SignInName};
use super::query::Query;
use super::{failure, problem_status};
use crate::contract::administration::AppConnectionDescription;
use crate::contract::databricks_oauth::Registration;
use crate::contract::{Authentication, Error};
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

const PATH: &str = "/admin/security";

/// The scope that everything Prophecy does is covered by.
const ALL_APIS: &str = "all-apis";

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new()
        .route(PATH, get(show))
        .route("/admin/security/save", post(save))
        .route("/admin/security/remove", post(remove))
}

/// Whether a path is of this page, which shows what a sign-in has shown, and so is told which one it was.
pub(super) fn asks_for_the_sign_in(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|query| query.starts_with('?'))
}

/// Which app connection is looked at, and what was done to it.
#[derive(Deserialize)]
struct Wanted {
    app: Option<String>,
    #[serde(default)]
    done: Option<Done>,
    /// Begins another one beside those there are.
    #[serde(default)]
    another: Option<String>,
    /// The fabric through which a sign-in has just shown that it works.
    checked: Option<String>,
    /// That sign-in.
    sign_in: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Done {
    Saved,
    Removed,
}

async fn show(user: ConsoleUser, State(service): State<Service>, Query(wanted): Query<Wanted>) -> Response {
    let apps = match service.host.describe_app_connections(&user.caller).await {
        Ok(apps) => apps,
        Err(error) => return failure(&error),
    };
    let own: Vec<&AppConnectionDescription> = apps.iter().filter(|app| !app.built_in).collect();
    let looked_at = match &wanted.app {
        Some(name) => own.iter().find(|app| app.settings.name == *name),
        None => own.iter().find(|app| app.settings.default).or(own.first()),
    };
    let looked_at = looked_at.filter(|_| wanted.another.is_none());
    let entered = looked_at.map_or_else(|| Entered::blank(own.is_empty()), |app| Entered::of_app(app));
    match content(&service, &user, &apps, looked_at.copied(), &entered, None, &wanted).await {
        Ok(content) => page(&user, Place::Security, "Security", &content),
        Err(error) => failure(&error),
    }
}

async fn content(
    service: &Service,
    user: &ConsoleUser,
    apps: &[AppConnectionDescription],
    looked_at: Option<&AppConnectionDescription>,
    entered: &Entered,
    error: Option<&Error>,
    wanted: &Wanted,
) -> Result<Markup, Error> {
    let offer = service.host.authentication_methods(&user.caller).await?;
    let checked = signed_in_through(service, user, wanted, looked_at).await;
    let check = if looked_at.is_some() { fabrics_to_check(service, user, looked_at).await? } else { Vec::new() };
    Ok(html! {
        @match wanted.done {
            Some(Done::Saved) => (notice(Standing::Good, &html! { p { "Saved, and in force at once for all users, teams and fabrics." } })),
            Some(Done::Removed) => (notice(Standing::Good, &html! { p { "Removed." } })),
            None => {}
        }
        @if let Some(fabric) = &checked {
            (notice(Standing::Good, &html! {
                p { "You are signed in through the fabric " strong { (fabric) } ": client ID, redirect URL, secret and scopes work." }
            }))
        }
        section .card aria-labelledby="u2m" {
            h2 #u2m { "Databricks OAuth Application (U2M)" }
            @if offer.registration == Registration::NotNeeded {
                p { "This deployment brings its own app connection, and everybody can sign in. There is nothing to do here." }
            }
            (chooser(apps, looked_at))
            @if let Some(app) = looked_at { (state(app)) }
            (entered.form(user, error))
            @if let Some(app) = looked_at { (removal(user, app)) }
        }
        @if looked_at.is_some() { (check_section(user, &check)) }
        (guide(service, entered))
    })
}

/// The fabric through which a sign-in was to show that all works, if just that one has, with the values that are set now.
async fn signed_in_through(
    service: &Service,
    user: &ConsoleUser,
    wanted: &Wanted,
    app: Option<&AppConnectionDescription>,
) -> Option<String> {
    let name = SignInName::parse(wanted.sign_in.as_deref()?)?;
    let (pending, _) = Pending::of(service, &name, &user.user.name).await.ok()??;
    let is_of_this_page = wanted.checked.as_ref() == Some(&pending.fabric);
    let is_refused = app.is_none_or(|app| app.client_secret_refused);
    (is_of_this_page && pending.has_succeeded() && !is_refused).then_some(pending.fabric)
}

/// The fabrics through which a sign-in would use this app connection.
async fn fabrics_to_check(
    service: &Service,
    user: &ConsoleUser,
    looked_at: Option<&AppConnectionDescription>,
) -> Result<Vec<String>, Error> {
    let Some(app) = looked_at else { return Ok(Vec::new()) };
    let all = service.host.all_fabrics(&user.caller).await?;
    let uses = |named: &Option<String>| match named {
        Some(name) => *name == app.settings.name,
        None => app.settings.default,
    };
    let used = all.fabrics.into_iter().map(|fabric| fabric.settings).filter(|settings| {
        settings.authentication == Authentication::Oauth
            && uses(&settings.app_connection)
            && user.user.teams.iter().any(|membership| membership.team == settings.team)
    });
    Ok(used.map(|settings| settings.name).collect())
}

fn chooser(apps: &[AppConnectionDescription], looked_at: Option<&AppConnectionDescription>) -> Markup {
    let own: Vec<&AppConnectionDescription> = apps.iter().filter(|app| !app.built_in).collect();
    html! {
        @if !own.is_empty() {
            nav aria-label="App connections" .actions {
                @for app in own.iter().filter(|_| own.len() > 1) {
                    @let is_here = looked_at.is_some_and(|here| here.settings.name == app.settings.name);
                    a href=(with_query(PATH, &[("app", &app.settings.name)])) aria-current=[is_here.then_some("true")] {
                        (app.settings.name) @if app.settings.default { " (default)" }
                    }
                }
                a href=(with_query(PATH, &[("another", "yes")])) { "Register another one" }
            }
        }
    }
}

fn state(app: &AppConnectionDescription) -> Markup {
    html! {
        @if app.client_secret_refused {
            (notice(Standing::Bad, &html! {
                p { "Databricks refused the client secret that was entered last, and took the one before. It was mistyped, or \
                     Databricks does not know it yet, which may take 30 minutes. Nobody is signed out." }
            }))
        }
        dl .facts {
            dt { "Client Secret" }
            dd {
                @if app.has_client_secret { (badge(Standing::Good, "stored")) } @else { (badge(Standing::Plain, "none: a public client")) }
                @if app.has_previous_secret { " The one before is kept until this one has worked." }
            }
            @if let Some(age) = app.set_for { dt { "Entered" } dd { (ago(Duration::from_nanos(age))) } }
        }
    }
}

fn removal(user: &ConsoleUser, app: &AppConnectionDescription) -> Markup {
    html! {
        div .actions {
            (Confirmed {
                action: "/admin/security/remove",
                label: "Remove this app connection",
                consequence: "Nobody can sign in through it any more, and sign-ins that were made with it are not renewed.",
                fields: &[("name", &app.settings.name)],
            }.shown(&user.session))
        }
    }
}

/// What shows that the values are right: a sign-in, which uses all of them.
fn check_section(user: &ConsoleUser, fabrics: &[String]) -> Markup {
    html! {
        section .card aria-labelledby="check" {
            h2 #check { "Check that they work" }
            p { "Databricks has no other way to try them than a sign-in, which uses all of them at once: client ID, redirect URL, \
                 client secret and scopes. You sign in as yourself." }
            @if fabrics.is_empty() {
                p .quiet { "For that, be in the team of a fabric that signs in through this app connection." }
            }
            div .actions {
                @for fabric in fabrics {
                    form method="post" action="/connect" {
                        (form_token(&user.session))
                        input type="hidden" name="fabric" value=(fabric);
                        input type="hidden" name="next" value=(with_query(PATH, &[("checked", fabric)]));
                        input type="hidden" name=(SAME_TAB) value="yes";
                        button type="submit" { "Sign in through " (fabric) }
                    }
                }
            }
        }
    }
}

/// Who registers Prophecy with Databricks, and the exact values to copy.
fn guide(service: &Service, entered: &Entered) -> Markup {
    let chosen = match entered.scopes() {
        chosen if chosen.is_empty() => vec![ALL_APIS.to_owned()],
        chosen => chosen,
    };
    html! {
        section .card aria-labelledby="guide" {
            h2 #guide { "How to register Prophecy, once for everybody" }
            ol .steps {
                li { strong { "A Databricks account admin" } " opens the account console of the account that the workspaces belong to: "
                    em { "Account Settings > App connections" } ", and adds a connection. Any name will do, such as Prophecy." }
                li { "They enter every one of these redirect URLs, exactly as they are; Databricks compares them letter by letter:"
                    @for url in &service.redirect_urls { (to_copy(url)) } }
                li { "As access scopes they choose" @for scope in &chosen { (to_copy(scope)) } "With less, calls are refused later." }
                li { "They generate a client secret, and save. How long tokens live may be set there, now or later, and is honoured." }
                li { strong { "A Prophecy cluster admin" } " enters Client ID and Client Secret above. Nothing is restarted." }
                li { "Until Databricks knows a new app connection may take 30 minutes. Where it says that the client is unknown, wait \
                      before anything is changed." }
            }
        }
    }
}

async fn save(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let entered = Entered::of_form(&form);
    let saved = async {
        let settings = entered.settings()?;
        if entered.is_new && is_taken(&service, &by, &entered.name).await? {
            return Err(Error::invalid("settings.name", "There is an app connection of this name already."));
        }
        service.host.set_app_connection(&by.caller, settings, form.secret("client_secret").as_ref()).await
    };
    let error = match saved.await {
        Ok(()) => return Redirect::to(&with_query(PATH, &[("app", &entered.name), ("done", "saved")])).into_response(),
        Err(error) => error,
    };
    let wanted = Wanted { app: None, done: None, another: None, checked: None, sign_in: None };
    let again = async {
        let apps = service.host.describe_app_connections(&by.caller).await?;
        let looked_at = apps.iter().find(|app| !entered.is_new && app.settings.name == entered.name);
        content(&service, &by, &apps, looked_at, &entered, Some(&error), &wanted).await
    };
    match again.await {
        Ok(content) => page_with(problem_status(&error), &by, Place::Security, "Security", &content),
        Err(error) => failure(&error),
    }
}

async fn is_taken(service: &Service, user: &ConsoleUser, name: &str) -> Result<bool, Error> {
    let apps = service.host.describe_app_connections(&user.caller).await?;
    Ok(apps.iter().any(|app| app.settings.name == name))
}

async fn remove(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    match service.host.remove_app_connection(&by.caller, form.text("name")).await {
        Ok(()) => Redirect::to(&with_query(PATH, &[("done", "removed")])).into_response(),
        Err(error) => failure(&error),
    }
}
