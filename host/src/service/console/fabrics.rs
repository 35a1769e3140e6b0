//! The list of fabrics, and the page of one.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use super::elements::{Confirmed, Standing, badge, in_span, notice, problem, told};
use super::fabric_state::{FabricState, why};
use super::layout::{Place, form_token, page};
use super::local_path::{fabric_path, with_query};
use super::query::Query;
use super::{failure, own_token, people};
use crate::contract::administration::FabricDescription;
use crate::contract::{Error, FabricKind, TeamRole, Word as _};
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/fabrics", get(list))
        .route("/fabric", get(show))
        .route("/fabric/sign-out", post(sign_out))
        .route("/fabric/remove", post(remove))
}

/// Which fabric, and what was just done to it.
#[derive(Deserialize)]
pub(super) struct Wanted {
    pub(super) name: String,
    #[serde(default)]
    done: Option<Done>,
}

/// What was done, for the page that follows.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Done {
    Saved,
    SignedOut,
    TokenSet,
    TokenRemoved,
    GrantsEnded,
}

impl Done {
    fn words(self) -> &'static str {
        match self {
            Self::Saved => "The fabric is saved.",
            Self::SignedOut => {
                "You are signed out of this workspace, on every fabric there. An access token that was handed out before lives to its end."
            }
            Self::TokenSet => "Your personal access token is stored, sealed.",
            Self::TokenRemoved => {
                "Your personal access token is removed here. In Databricks it lives on until it is revoked there."
            }
            Self::GrantsEnded => "The sign-ins are ended.",
        }
    }
}

/// Whether the person may add fabrics and change those of this team.
pub(super) fn administers(user: &ConsoleUser, team: Option<&str>) -> bool {
    user.user.cluster_admin
        || user
            .user
            .teams
            .iter()
            .any(|membership| membership.role == TeamRole::Admin && team.is_none_or(|team| membership.team == team))
}

async fn list(user: ConsoleUser, State(service): State<Service>) -> Response {
    let (states, unreadable) = match FabricState::of_all(&service.host, &user.caller).await {
        Ok(all) => all,
        Err(error) => return failure(&error),
    };
    let content = html! {
        @if !unreadable.is_empty() {
            (notice(Standing::Bad, &html! {
                p { "These fabrics cannot be read: " (unreadable.join(", ")) ". A damaged one can be removed with "
                    code { "fabric-auth fabric remove" } "." }
            }))
        }
        section .card {
            @if states.is_empty() { p { "There are no fabrics of your teams." } } @else { (table(&states)) }
            @if administers(&user, None) {
                div .actions { a .button .primary href="/fabric/new" { "Add a fabric" } }
            } @else {
                p .hint { "An admin of a team adds its fabrics." }
            }
        }
    };
    page(&user, Place::Fabrics, "Fabrics", &content)
}

fn table(states: &[FabricState]) -> Markup {
    html! {
        table {
            caption { "The Databricks workspaces where pipelines of your teams run." }
            thead { tr { th { "Fabric" } th { "Compute" } th { "Team" } th { "Workspace" } th { "You" } th { "Scheduled work" } } }
            tbody {
                @for state in states {
                    @let settings = &state.fabric.settings;
                    tr {
                        td { a href=(fabric_path(&settings.name)) { (settings.name) } }
                        td data-label="Compute" { (kind(settings.kind)) }
                        td data-label="Team" { (settings.team) }
                        td data-label="Workspace" { (host_of(&settings.workspace)) }
                        td data-label="You" { (state.badge()) }
                        td data-label="Scheduled work" { (unattended(&state.fabric)) }
                    }
                }
            }
        }
    }
}

fn kind(kind: FabricKind) -> &'static str {
    match kind {
        FabricKind::Spark => "Spark",
        FabricKind::Sql => "SQL",
    }
}

/// A workspace as people say it.
pub(super) fn host_of(workspace: &str) -> &str {
    workspace.trim_start_matches("https://")
}

/// Whether unattended work can run.
fn unattended(fabric: &FabricDescription) -> Markup {
    match fabric.settings.service_principal_secret_expires_in {
        _ if !fabric.has_service_principal_secret => badge(Standing::Plain, "no service principal"),
        Some(0) => badge(Standing::Bad, "secret has ended"),
        _ => badge(Standing::Good, "service principal"),
    }
}

async fn show(user: ConsoleUser, State(service): State<Service>, Query(wanted): Query<Wanted>) -> Response {
    let shown = async {
        let fabric = service.host.get_fabric(&user.caller, &wanted.name).await?;
        let state = FabricState::of(&service.host, &user.caller, fabric).await?;
        let people = people::of_fabric(&service, &user, &state.fabric).await?;
        Ok::<_, Error>((state, people))
    };
    match shown.await {
        Ok((state, people)) => page(&user, Place::Fabrics, &wanted.name, &content(&user, &state, &people, wanted.done)),
        Err(error) => failure(&error),
    }
}

fn content(user: &ConsoleUser, state: &FabricState, people: &Markup, done: Option<Done>) -> Markup {
    let may_change = administers(user, Some(&state.fabric.settings.team));
    html! {
        @if let Some(done) = done { (notice(Standing::Good, &html! { p { (done.words()) } })) }
        @for advisory in &state.advisories {
            (notice(Standing::Warn, &html! {
                p { @if let Some(ends) = advisory.ends_in { strong { (in_span(ends)) } ": " } (told(&advisory.message)) }
            }))
        }
        div .columns {
            section .card aria-labelledby="you" { (you(user, state)) }
            section .card aria-labelledby="test" { (test(user, state, may_change)) }
        }
        section .card aria-labelledby="settings" {
            h2 #settings { "Settings" }
            (settings(&state.fabric))
            @if may_change {
                div .actions {
                    a .button href=(with_query("/fabric/edit", &[("name", state.name())])) { "Change" }
                    (Confirmed {
                        action: "/fabric/remove",
                        label: "Remove this fabric",
                        consequence: "Its service principal's credentials go with it, and the personal access tokens for it. People's \
                                      sign-ins to the workspace stay.",
                        fields: &[("name", state.name())],
                    }.shown(&user.session))
                }
            }
        }
        (people)
    }
}

/// The person's own way to Databricks.
fn you(user: &ConsoleUser, state: &FabricState) -> Markup {
    let name = state.name();
    let connect =
        with_query("/connect", &[("fabric", name), ("next", &fabric_path(name)), ("cancel", &fabric_path(name))]);
    let is_member = !matches!(&state.sign_in, Err(Error::NotFound(_) | Error::Forbidden(_)));
    html! {
        h2 #you { "You" }
        @if state.takes_tokens() {
            (own_token::section(user, state))
        } @else if !is_member {
            p .quiet { "You are not in the team of this fabric, so you cannot sign in to its workspace here." }
        } @else {
            p { (state.badge()) @if let Some(reason) = state.required() { " " (why(reason)) } }
            @if let Err(error) = &state.sign_in { (problem(error)) }
            (state.facts())
            div .actions {
                @if state.sign_in.is_ok() && state.required().is_some() {
                    a .button .primary href=(connect) { "Connect to Databricks" }
                }
                @if state.sign_in.as_ref().is_ok_and(|known| known.databricks_user.is_some()) {
                    (Confirmed {
                        action: "/fabric/sign-out",
                        label: "Sign out of Databricks",
                        consequence: "You are signed out of the workspace, so of every fabric there. Scheduled work goes on.",
                        fields: &[("name", name)],
                    }.shown(&user.session))
                }
            }
        }
    }
}

/// Test Connection, for who may.
fn test(user: &ConsoleUser, state: &FabricState, may_change: bool) -> Markup {
    let button = |identity: &str, words: &str| {
        html! {
            form method="post" action="/fabric/test" data-results="test-results" {
                (form_token(&user.session))
                input type="hidden" name="name" value=(state.name());
                input type="hidden" name="identity" value=(identity);
                button type="submit" { (words) }
            }
        }
    };
    html! {
        h2 #test { "Test Connection" }
        p .hint { "Asks the workspace who it takes us for, and looks at the compute. Nothing is started." }
        div .actions {
            (button("person", "Test as you"))
            @if may_change && state.fabric.settings.service_principal_client_id.is_some() {
                (button("service-principal", "Test as the service principal"))
            }
        }
        div #test-results aria-live="polite" {}
    }
}

fn settings(fabric: &FabricDescription) -> Markup {
    let settings = &fabric.settings;
    let joined = |scopes: &[String], otherwise: &str| {
        if scopes.is_empty() { otherwise.to_owned() } else { scopes.join(" ") }
    };
    html! {
        dl .facts {
            dt { "Provider" } dd { "Databricks, " (kind(settings.kind)) }
            dt { "Workspace" } dd { code { (settings.workspace) } @if let Some(id) = &fabric.workspace_id { " (id " (id) ")" } }
            dt { "Team" } dd { (settings.team) }
            dt { "Authentication" } dd { (super::fabric_fields::method(settings.authentication)) }
            @if let Some(app) = &settings.app_connection { dt { "App connection" } dd { (app) } }
            dt { "Service principal" }
            dd {
                @match &settings.service_principal_client_id {
                    Some(client_id) => {
                        code { (client_id) } ", secret " @if fabric.has_service_principal_secret { "stored" } @else { "missing" }
                        @match settings.service_principal_secret_expires_in {
                            Some(0) => "; it has ended",
                            Some(ends) => { "; it ends " (in_span(ends)) }
                            None => {}
                        }
                    }
                    None => "none: scheduled jobs, releases and deployments cannot run here",
                }
            }
            dt { "Scopes" } dd { (joined(&settings.scopes, "those of the app connection")) }
            dt { "Compute" } dd { (settings.compute.as_deref().unwrap_or("none chosen")) }
            dt { "Metadata crawled as" } dd { (settings.metadata_crawl_identity.word()) }
        }
    }
}

async fn sign_out(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let name = form.text("name");
    match service.host.sign_out(&by.caller, name).await {
        Ok(_) => done(name, "signed-out"),
        Err(error) => failure(&error),
    }
}

async fn remove(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    match service.host.remove_fabric(&by.caller, form.text("name")).await {
        Ok(()) => Redirect::to("/fabrics").into_response(),
        Err(error) => failure(&error),
    }
}

/// Leads back to the page of the fabric, which says what was done.
pub(super) fn done(name: &str, what: &str) -> Response {
    Redirect::to(&with_query("/fabric", &[("name", name), ("done", what)])).into_response()
}
