//! People: who is signed in to Databricks, until when, and ending that.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use super::elements::{Confirmed, Standing, ago, badge, in_span, notice};
use super::fabrics::{done, host_of};
use super::layout::{Place, page};
use super::local_path::with_query;
use super::query::Query;
use super::{failure, refusal};
use crate::contract::administration::{FabricDescription, GrantDescription, GrantPage, GrantSelection};
use crate::contract::{Caller, Error, Word as _};
use crate::fabric_auth::FabricAuth;
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::form::Form;
use crate::service::state::Service;

const PATH: &str = "/people";

/// How many pieces of the list the page of a fabric goes through.
const PIECES: usize = 5;

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new().route(PATH, get(show)).route("/people/end", post(end))
}

/// What was just done.
#[derive(Deserialize)]
struct Seen {
    ended: Option<u64>,
    /// Where a piece of the list goes on.
    after: Option<String>,
}

async fn show(user: ConsoleUser, State(service): State<Service>, Query(seen): Query<Seen>) -> Response {
    let GrantPage { mut grants, next } = match service.host.list_grants(&user.caller, seen.after.as_deref()).await {
        Ok(page) => page,
        Err(error) => return failure(&error),
    };
    grants.sort_by(|one, other| (&one.user, &one.workspace).cmp(&(&other.user, &other.workspace)));
    let people: BTreeSet<&str> = grants.iter().map(|grant| grant.user.as_str()).collect();
    let content = html! {
        @if let Some(ended) = seen.ended {
            (notice(Standing::Good, &html! {
                p { (ended) " ended. An access token that was handed out before lives to its end." }
            }))
        }
        section .card {
            @if !grants.is_empty() { (table(&user, &grants, true)) }
            @else if next.is_none() && seen.after.is_none() { p { "Nobody is signed in to Databricks." } }
            @if let Some(next) = &next {
                div .actions { a .button href=(with_query(PATH, &[("after", next)])) { "More people" } }
            }
        }
        section .card aria-labelledby="left" {
            h2 #left { "Somebody has left" }
            p .hint {
                "Ends all their sign-ins, and removes their personal access tokens for every fabric. Keep them from using \
                 Prophecy first: what is begun afterwards is not ended. Service principals are not concerned."
            }
            div .actions {
                @for name in people {
                    (Confirmed {
                        action: "/people/end",
                        label: &format!("End everything of {name}"),
                        consequence: "Their sign-ins and personal access tokens end now.",
                        fields: &[("user", name)],
                    }.shown(&user.session))
                }
                (Confirmed {
                    action: "/people/end",
                    label: "End everybody's",
                    consequence: "Every person of this Prophecy has to sign in to Databricks again, and personal access tokens are gone.",
                    fields: &[("everybody", "yes")],
                }.shown(&user.session))
            }
        }
    };
    page(&user, Place::People, "People", &content)
}

/// Who is signed in to the workspace of a fabric; nothing for those who may not see it.
pub(super) async fn of_fabric(
    service: &Service,
    user: &ConsoleUser,
    fabric: &FabricDescription,
) -> Result<Markup, Error> {
    if !user.user.cluster_admin {
        return Ok(html! {});
    }
    let (grants, are_more) = signed_in_to(service, &user.caller, &fabric.settings.workspace).await?;
    let name = fabric.settings.name.as_str();
    Ok(html! {
        section .card aria-labelledby="people" {
            h2 #people { "People" }
            @if grants.is_empty() { p .quiet { "Nobody is signed in to this workspace." } }
            @else { (table(user, &grants, false)) }
            @if are_more { p .hint { "There may be more: " a href=(PATH) { "all people" } " who are signed in." } }
            div .actions {
                (Confirmed {
                    action: "/people/end",
                    label: "End all for this workspace",
                    consequence: "Everybody who is signed in to this workspace has to sign in again, on every fabric there, and \
                                  personal access tokens for this fabric are removed.",
                    fields: &[("fabric", name)],
                }.shown(&user.session))
            }
        }
    })
}

/// Who is signed in to a workspace, and whether there may be more: there may be a million grants of others.
async fn signed_in_to(
    service: &Service,
    caller: &Caller,
    workspace: &str,
) -> Result<(Vec<GrantDescription>, bool), Error> {
    let (mut grants, mut after) = (Vec::new(), None);
    for _ in 0..PIECES {
        let page = service.host.list_grants(caller, after.as_deref()).await?;
        grants.extend(page.grants.into_iter().filter(|grant| grant.workspace == workspace));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    grants.sort_by(|one, other| one.user.cmp(&other.user));
    Ok((grants, after.is_some()))
}

fn table(user: &ConsoleUser, grants: &[GrantDescription], with_workspace: bool) -> Markup {
    html! {
        table {
            caption { "An end is an estimate, and moves whenever the session is used." }
            thead {
                tr {
                    th { "Person" } th { "Databricks user" }
                    @if with_workspace { th { "Workspace" } }
                    th { "State" } th { "Ends" } th { "Last change" } th { "" }
                }
            }
            tbody {
                @for grant in grants {
                    tr {
                        td data-label="Person" { (grant.user) }
                        td data-label="Databricks user" { (grant.databricks_user) }
                        @if with_workspace { td data-label="Workspace" { (host_of(&grant.workspace)) } }
                        td data-label="State" { (state(grant)) }
                        td data-label="Ends" { (grant.session_expires_in.map_or_else(|| "–".to_owned(), in_span)) }
                        td data-label="Last change" { (ago(std::time::Duration::from_nanos(grant.age))) }
                        td {
                            (Confirmed {
                                action: "/people/end",
                                label: "End",
                                consequence: &format!("{} has to sign in again.", grant.user),
                                fields: &[("grant", &grant.grant)],
                            }.shown(&user.session))
                        }
                    }
                }
            }
        }
    }
}

fn state(grant: &GrantDescription) -> Markup {
    match grant.required {
        None => badge(Standing::Good, "signed in"),
        Some(reason) => badge(Standing::Warn, reason.word()),
    }
}

async fn end(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let Some(selection) = selection(&form) else {
        return refusal(http::StatusCode::BAD_REQUEST, "The form does not say what to end.");
    };
    // On its own, so that all of them end also when the browser has gone.
    let ending = tokio::spawn(end_all(service.host.clone(), by.caller.clone(), selection.clone()));
    let ended = ending.await.unwrap_or_else(|_| Err(Error::Internal("Ending them was interrupted.".to_owned())));
    match ended {
        Ok(ended) => match selection {
            GrantSelection::OfFabric(fabric) => done(&fabric, "grants-ended"),
            _ => Redirect::to(&format!("/people?ended={ended}")).into_response(),
        },
        Err(error) => failure(&error),
    }
}

fn selection(form: &Form) -> Option<GrantSelection> {
    let grant = form.optional("grant").map(GrantSelection::One);
    let user = form.optional("user").map(GrantSelection::OfUser);
    let fabric = form.optional("fabric").map(GrantSelection::OfFabric);
    let all = (form.text("everybody") == "yes").then_some(GrantSelection::All);
    // Exactly one: who sends two may mean either.
    let mut named = [grant, user, fabric, all].into_iter().flatten();
    named.next().filter(|_| named.next().is_none())
}

/// Follows the pieces to the end. Gives how many were ended.
async fn end_all(host: FabricAuth, caller: Caller, selection: GrantSelection) -> Result<u64, Error> {
    let mut ended: u64 = 0;
    let mut after = None;
    loop {
        let progress = host.end_grants(&caller, selection.clone(), after.as_deref()).await?;
        ended = ended.saturating_add(progress.ended.into());
        after = progress.next;
        if after.is_none() {
            return Ok(ended);
        }
    }
}
