//! What the editors of a Prophecy runtime do when a fabric is chosen: they ask the person to sign in first, and say what
//! a job on it would run as. These pages show how it is meant, and work.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;

use super::elements::{Standing, badge, in_span, notice, problem, told};
use super::fabric_state::why;
use super::fabrics::host_of;
use super::failure;
use super::layout::{Place, page};
use super::local_path::{fabric_path, with_query};
use super::query::Query;
use crate::contract::administration::FabricDescription;
use crate::contract::databricks_oauth::{Advisory, AdvisoryKind, Job};
use crate::contract::{Activity, Authentication, Error, TokenDescription};
use crate::service::extractors::ConsoleUser;
use crate::service::state::Service;
use crate::span::Span;

const PIPELINE: &str = "/editors/pipeline";
const JOB: &str = "/editors/job";
const JOB_SETTINGS: &str = "/editors/job-settings";

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/editors", get(choose))
        .route(PIPELINE, get(pipeline))
        .route(JOB, get(job))
        .route(JOB_SETTINGS, get(job_settings))
}

/// What was chosen in an editor.
#[derive(Clone, Debug, Default, Deserialize)]
struct Chosen {
    #[serde(default)]
    fabric: String,
    #[serde(default)]
    run_as: String,
}

/// A fabric that is attached, with a token of the person behind it.
struct Attached {
    fabric: FabricDescription,
    token: TokenDescription,
}

/// What choosing a fabric comes to.
enum Choice {
    /// Nothing is chosen yet.
    Nothing,
    /// The person has to be asked first, on the page that this leads to.
    Prompt(Response),
    /// It is attached.
    Attached(Box<Attached>),
    /// It cannot be attached.
    Problem(Error),
}

async fn choose(user: ConsoleUser) -> Response {
    let content = html! {
        section .card {
            p { "In an editor of Prophecy a fabric is chosen, and whoever is not signed in to its workspace is asked first." }
            ul .plain {
                li { a href=(PIPELINE) { "Pipeline editor" } ": attaches to the compute of a fabric, as the person." }
                li { a href=(JOB) { "Job editor" } ": tells what the job's runs carry, and warns where they cannot run." }
                li { a href=(JOB_SETTINGS) { "Job settings" } ": lists users and service principals of the workspace, as the person." }
            }
        }
    };
    page(&user, Place::Editors, "Editors", &content)
}

async fn pipeline(user: ConsoleUser, State(service): State<Service>, Query(chosen): Query<Chosen>) -> Response {
    let about = "Runs from the editor, and what is browsed there, carry the identity of the person.";
    with_fabric(&service, &user, PIPELINE, "Pipeline editor", Activity::PipelineDevelopment, &chosen, about).await
}

async fn job_settings(user: ConsoleUser, State(service): State<Service>, Query(chosen): Query<Chosen>) -> Response {
    let about =
        "Users and service principals for Permissions and Run As are listed as the person sees them in Databricks.";
    with_fabric(&service, &user, JOB_SETTINGS, "Job settings", Activity::JobConfiguration, &chosen, about).await
}

async fn with_fabric(
    service: &Service,
    user: &ConsoleUser,
    path: &str,
    title: &str,
    activity: Activity,
    chosen: &Chosen,
    about: &str,
) -> Response {
    let (choice, names) = match tokio::try_join!(attach(service, user, path, activity, chosen), names(service, user)) {
        Ok(known) => known,
        Err(error) => return failure(&error),
    };
    let found = match choice {
        Choice::Prompt(prompt) => return prompt,
        Choice::Nothing => html! { p .quiet { "No fabric is attached." } },
        Choice::Problem(error) => problem(&error),
        Choice::Attached(attached) => attached_to(&attached),
    };
    let content = html! {
        section .card {
            p .hint { (about) }
            (selector(path, &names, chosen, false))
            div #attached aria-live="polite" { (found) }
        }
    };
    page(user, Place::Editors, title, &content)
}

/// Gets a token of the person for the fabric, as an editor does before it attaches; or leads to the prompt.
async fn attach(
    service: &Service,
    user: &ConsoleUser,
    path: &str,
    activity: Activity,
    chosen: &Chosen,
) -> Result<Choice, Error> {
    if chosen.fabric.is_empty() {
        return Ok(Choice::Nothing);
    }
    let fabric = service.host.get_fabric(&user.caller, &chosen.fabric).await?;
    match service.host.access_token(&user.caller, &chosen.fabric, activity).await {
        Ok((_, token)) => Ok(Choice::Attached(Box::new(Attached { fabric, token }))),
        Err(Error::SignInRequired(required)) if fabric.settings.authentication == Authentication::Oauth => {
            tracing::debug!(reason = why(required.reason), "an editor asks for a sign-in");
            Ok(Choice::Prompt(prompt(path, chosen)))
        }
        Err(error) => Ok(Choice::Problem(error)),
    }
}

/// Leads to the prompt. Whoever cancels comes back to the editor with no fabric attached.
fn prompt(path: &str, chosen: &Chosen) -> Response {
    let mut again = vec![("fabric", chosen.fabric.as_str())];
    if !chosen.run_as.is_empty() {
        again.push(("run_as", &chosen.run_as));
    }
    let next = with_query(path, &again);
    let prompt = [("fabric", chosen.fabric.as_str()), ("next", &next), ("cancel", path)];
    Redirect::to(&with_query("/connect", &prompt)).into_response()
}

async fn names(service: &Service, user: &ConsoleUser) -> Result<Vec<String>, Error> {
    let all = service.host.all_fabrics(&user.caller).await?;
    Ok(all.fabrics.into_iter().map(|fabric| fabric.settings.name).collect())
}

fn selector(path: &str, names: &[String], chosen: &Chosen, with_run_as: bool) -> Markup {
    html! {
        form method="get" action=(path) .filter {
            div .field {
                label for="fabric" { "Fabric" }
                select #fabric name="fabric" {
                    option value="" { "none" }
                    @for name in names { option value=(name) selected[*name == chosen.fabric] { (name) } }
                }
            }
            @if with_run_as {
                div .field {
                    label for="run_as" { "Run As " span .optional { "(optional)" } }
                    input #run_as name="run_as" value=(chosen.run_as) autocomplete="off" spellcheck="false";
                }
            }
            div .field { button type="submit" .primary { "Choose" } }
        }
    }
}

fn attached_to(Attached { fabric, token }: &Attached) -> Markup {
    html! {
        (notice(Standing::Good, &html! {
            p { "Attached to " strong { (fabric.settings.name) } " as " strong { (token.databricks_user) } "." }
        }))
        dl .facts {
            dt { "Workspace" } dd { (host_of(&token.workspace_url)) }
            @if !token.scopes.is_empty() { dt { "Scopes" } dd { code { (token.scopes.join(" ")) } } }
            dt { "Token" } dd { "usable for " (Span::from(token.expires_in)) "; renewed by itself while the editor is used" }
        }
    }
}

async fn job(user: ConsoleUser, State(service): State<Service>, Query(chosen): Query<Chosen>) -> Response {
    let asked = async {
        let choice = attach(&service, &user, JOB, Activity::JobConfiguration, &chosen).await?;
        let names = names(&service, &user).await?;
        let advisories = match &choice {
            Choice::Attached(_) | Choice::Problem(_) => advisories(&service, &user, &chosen).await?,
            Choice::Nothing | Choice::Prompt(_) => Vec::new(),
        };
        Ok::<_, Error>((choice, names, advisories))
    };
    let (choice, names, advisories) = match asked.await {
        Ok(known) => known,
        Err(error) => return failure(&error),
    };
    let found = match choice {
        Choice::Prompt(prompt) => return prompt,
        Choice::Nothing => html! { p .quiet { "No fabric is attached." } },
        Choice::Problem(error) => html! { (warnings(&advisories)) (problem(&error)) },
        Choice::Attached(attached) => html! {
            (warnings(&advisories))
            (attached_to(&attached))
            (runs(&attached))
        },
    };
    let content = html! {
        section .card {
            p .hint { "For Databricks jobs and Airflow alike. Whenever the job gets another fabric, this is asked again." }
            (selector(JOB, &names, &chosen, true))
            div #attached aria-live="polite" { (found) }
        }
    };
    page(&user, Place::Editors, "Job editor", &content)
}

async fn advisories(service: &Service, user: &ConsoleUser, chosen: &Chosen) -> Result<Vec<Advisory>, Error> {
    let run_as = Some(chosen.run_as.trim()).filter(|run_as| !run_as.is_empty()).map(str::to_owned);
    service.host.job_advisories(&user.caller, &chosen.fabric, &Job { run_as }).await
}

fn warnings(advisories: &[Advisory]) -> Markup {
    html! {
        @for advisory in advisories {
            @let standing = if advisory.kind == AdvisoryKind::RunAsReplaced { Standing::Plain } else { Standing::Warn };
            (notice(standing, &html! {
                p { @if let Some(ends) = advisory.ends_in { strong { (in_span(ends)) } ": " } (told(&advisory.message)) }
            }))
        }
    }
}

/// Whose identity the job's runs carry.
fn runs(Attached { fabric, token }: &Attached) -> Markup {
    html! {
        table {
            thead { tr { th { "When it runs" } th { "As" } } }
            tbody {
                tr { td { "now, from the editor" } td data-label="As" { (token.databricks_user) } }
                tr {
                    td { "by its schedule, and when its project is released or deployed" }
                    td data-label="As" {
                        @match &fabric.settings.service_principal_client_id {
                            Some(client_id) => { "the service principal " code { (client_id) } }
                            None => { (badge(Standing::Bad, "cannot run")) " " a href=(fabric_path(&fabric.settings.name)) { "no service principal" } }
                        }
                    }
                }
            }
        }
    }
}
