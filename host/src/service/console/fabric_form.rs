//! The form of a fabric. It is checked while it is filled in, where a script runs, and when it is sent in any case.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::elements::told;
use super::fabric_fields::{Entered, field_of, method, secret};
use super::fabrics::{administers, done};
use super::fields::{Field, Fields};
use super::layout::{Place, form_token, page, page_with};
use super::local_path::fabric_path;
use super::query::Query;
use super::{failure, problem_status, refusal};
use crate::contract::administration::FabricDescription;
use crate::contract::databricks_oauth::AuthenticationOffer;
use crate::contract::{Authentication, Error, IdentityKind, Word as _};
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/fabric/new", get(blank))
        .route("/fabric/edit", get(edit))
        .route("/fabric/save", post(save))
        .route("/fabric/check", post(check))
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
}

/// The fields that are folded away where nobody needs them.
const MORE: [&str; 5] = ["compute", "app_connection", "scopes", "service_principal_scopes", "metadata_crawl_identity"];

/// What else the form shows.
struct Surroundings {
    offer: AuthenticationOffer,
    teams: Vec<String>,
    apps: Vec<String>,
}

/// What a form that is being filled in is told.
#[derive(Serialize)]
struct Checked {
    /// The first field that is not right yet.
    field: Option<String>,
    message: String,
}

impl Surroundings {
    async fn of(service: &Service, user: &ConsoleUser) -> Result<Self, Error> {
        let apps = match service.host.describe_app_connections(&user.caller).await {
            Ok(apps) => apps.into_iter().map(|app| app.settings.name).collect(),
            // Only cluster admins are told; others take the default one, or keep what the fabric has.
            Err(Error::Forbidden(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let teams: BTreeSet<String> = user
            .user
            .teams
            .iter()
            .filter(|membership| administers(user, Some(&membership.team)))
            .map(|membership| membership.team.clone())
            .collect();
        let offer = service.host.authentication_methods(&user.caller).await?;
        Ok(Self { offer, teams: teams.into_iter().collect(), apps })
    }
}

async fn blank(user: ConsoleUser, State(service): State<Service>) -> Response {
    if !administers(&user, None) {
        return for_admins();
    }
    match Surroundings::of(&service, &user).await {
        Ok(around) => {
            let team = around.teams.first().map_or("", String::as_str);
            page(&user, Place::Fabrics, "Add a fabric", &form(&user, &around, &Entered::blank(team), None))
        }
        Err(error) => failure(&error),
    }
}

async fn edit(user: ConsoleUser, State(service): State<Service>, Query(wanted): Query<Wanted>) -> Response {
    let read = async {
        let fabric: FabricDescription = service.host.get_fabric(&user.caller, &wanted.name).await?;
        Ok::<_, Error>((Surroundings::of(&service, &user).await?, Entered::of_fabric(&fabric, &*service.clock)))
    };
    match read.await {
        Ok((_, entered)) if !administers(&user, Some(&entered.team)) => for_admins(),
        Ok((around, entered)) => {
            page(&user, Place::Fabrics, &format!("Change {}", entered.name), &form(&user, &around, &entered, None))
        }
        Err(error) => failure(&error),
    }
}

fn for_admins() -> Response {
    refusal(StatusCode::FORBIDDEN, "A fabric is added and changed by an admin of its team.")
}

async fn save(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let entered = Entered::of_form(&form);
    let saved = async {
        let settings = entered.settings(&*service.clock)?;
        let revision = Some(entered.expected_revision());
        service.host.put_fabric(&by.caller, settings, secret(&form).as_ref(), revision).await
    };
    let error = match saved.await {
        Ok(fabric) => return done(&fabric.settings.name, "saved"),
        Err(error) => error,
    };
    match Surroundings::of(&service, &by).await {
        Ok(around) => {
            let title = if entered.revision.is_empty() { "Add a fabric" } else { "Change a fabric" };
            let content = self::form(&by, &around, &entered, Some(&error));
            page_with(problem_status(&error), &by, Place::Fabrics, title, &content)
        }
        Err(error) => failure(&error),
    }
}

/// What `save` would say, without saving.
async fn check(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let entered = Entered::of_form(&form);
    let checked = async {
        let settings = entered.settings(&*service.clock)?;
        let revision = Some(entered.expected_revision());
        service.host.check_fabric(&by.caller, settings, secret(&form).as_ref(), revision).await
    };
    match checked.await {
        Ok(()) => Json(Checked { field: None, message: String::new() }).into_response(),
        Err(error) => {
            let field = error.field().map(field_of);
            (StatusCode::OK, Json(Checked { field, message: error.message().to_owned() })).into_response()
        }
    }
}

fn form(user: &ConsoleUser, around: &Surroundings, entered: &Entered, error: Option<&Error>) -> Markup {
    let fields = Fields::refused_with(error);
    let is_new = entered.revision.is_empty() || entered.revision == "0";
    let has_more = [&entered.scopes, &entered.app_connection, &entered.compute].iter().any(|text| !text.is_empty());
    let back = if is_new { "/fabrics".to_owned() } else { fabric_path(&entered.name) };
    html! {
        (fields.told())
        form method="post" action="/fabric/save" .card data-check="/fabric/check" {
            (form_token(&user.session))
            input type="hidden" name="revision" value=(entered.revision);
            @if is_new {
                (fields.required("name", "Fabric name", "People choose the fabric by this name.").text(&entered.name))
            } @else {
                input type="hidden" name="name" value=(entered.name);
            }
            (team(&fields.required("team", "Team", "Whose members may use the fabric."), around, &entered.team))
            (fields.required("kind", "Compute", "").radios(&[
                ("spark", "Spark", html! { "clusters" }),
                ("sql", "SQL", html! { "SQL warehouses" }),
            ], &entered.kind))
            p { strong { "Provider: " } "Databricks" }
            (fields.required("workspace",
                "Databricks Workspace URL or JDBC URL",
                "As the browser shows it, such as https://dbc-a1b2345c-d6e7.cloud.databricks.com, or the JDBC URL from a warehouse's connection details.").text(&entered.workspace))
            (fields.required("authentication", "Authentication Method", "").radios(&methods(&around.offer), &entered.authentication))
            (service_principal(&fields, entered))
            details open[has_more || MORE.iter().any(|name| fields.is_refused(name))] {
                summary { "More settings" }
                (fields.optional("compute", "Cluster id or warehouse id", "What Test Connection looks at. Empty lists what there is.")
                    .text(&entered.compute))
                (app_connection(&fields.optional("app_connection", "App connection", "Through which people sign in."), around, &entered.app_connection))
                (fields.optional("scopes", "Scopes of people's tokens", "Separated by blanks. Empty for those of the app connection.")
                    .text(&entered.scopes))
                (fields.optional("service_principal_scopes", "Scopes of the service principal", "Separated by blanks. Empty for all-apis.")
                    .text(&entered.service_principal_scopes))
                (fields.required("metadata_crawl_identity", "Who crawls metadata", "").radios(&[
                    (IdentityKind::Person.word(), "A person", html! { "who is signed in" }),
                    (IdentityKind::ServicePrincipal.word(), "The service principal", html! { "where pipelines run as one" }),
                ], &entered.metadata_crawl_identity))
            }
            div .actions {
                button type="submit" .primary { "Complete" }
                button type="submit" name="identity" value="person" formaction="/fabric/test" formtarget="_blank" formnovalidate
                    data-results="test-results" { "Test Connection" }
                a href=(back) { "Cancel" }
            }
            div #test-results aria-live="polite" {}
        }
    }
}

/// The methods that there are, usable or not, with what is in the way.
fn methods(offer: &AuthenticationOffer) -> Vec<(&'static str, &'static str, Markup)> {
    let described = offer.methods.iter().map(|offered| {
        let meaning = match (&offered.problem, offered.method) {
            (Some(error), _) => html! { "cannot be used yet: " (told(error.message())) },
            (None, Authentication::Oauth) => html! { "each person signs in as themselves; recommended" },
            (None, Authentication::PersonalAccessToken) => html! { "each person enters one of their own" },
        };
        (offered.method.word(), method(offered.method), meaning)
    });
    described.collect()
}

/// A team that the person administers; whoever administers the cluster may name any.
fn team(field: &Field<'_>, around: &Surroundings, chosen: &str) -> Markup {
    let choices: Vec<(String, String)> = around.teams.iter().map(|team| (team.clone(), team.clone())).collect();
    if around.teams.is_empty() || !around.teams.iter().any(|team| team == chosen) {
        return field.text(chosen);
    }
    field.select(&choices, chosen)
}

fn app_connection(field: &Field<'_>, around: &Surroundings, chosen: &str) -> Markup {
    let named = around.apps.iter().map(|name| (name.clone(), name.clone()));
    let mut choices: Vec<(String, String)> =
        std::iter::once((String::new(), "the default one".to_owned())).chain(named).collect();
    if !choices.iter().any(|(value, _)| value == chosen) {
        choices.push((chosen.to_owned(), chosen.to_owned()));
    }
    field.select(&choices, chosen)
}

fn service_principal(fields: &Fields<'_>, entered: &Entered) -> Markup {
    let kept = !entered.service_principal_client_id.is_empty() && !entered.revision.is_empty();
    let hint = if kept {
        "Left empty, the stored one is kept, as long as workspace and client ID stay as they are. It is never shown."
    } else {
        "Databricks shows it once, when it is made. It is stored sealed and never shown."
    };
    html! {
        fieldset .group {
            legend { "Service principal, for scheduled jobs, releases and deployments " span .optional { "(optional)" } }
            p .hint { "Another pair than the client ID and secret of the app connection. Leave both empty where only people work." }
            (fields.optional("service_principal_client_id", "Service Principal Client ID", "Its application id.")
                .text(&entered.service_principal_client_id))
            (fields.optional("service_principal_secret", "Service Principal Client Secret", hint).secret())
            (fields.optional("service_principal_secret_expires_in",
                "The secret ends on",
                "The date that Databricks shows, such as 2027-11-24: then you are told 30 days ahead.").text(&entered.service_principal_secret_expires_in))
        }
    }
}
