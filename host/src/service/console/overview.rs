//! Overview: what needs attention and when, and what to do first where nothing is there yet.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::elements::{Standing, badge, in_span, notice, told};
use super::fabric_state::{Attention, FabricState};
use super::failure;
use super::layout::{Place, page};
use super::local_path::fabric_path;
use super::timeline::{Ending, Event, timeline};
use crate::contract::Error;
use crate::contract::databricks_oauth::{AuthenticationOffer, Registration};
use crate::service::extractors::ConsoleUser;
use crate::service::state::Service;

/// The route.
pub(super) fn router() -> Router<Service> {
    Router::new().route("/", get(overview))
}

async fn overview(user: ConsoleUser, State(service): State<Service>) -> Response {
    match content(&service, &user).await {
        Ok(content) => page(&user, Place::Overview, "Overview", &content),
        Err(error) => failure(&error),
    }
}

async fn content(service: &Service, user: &ConsoleUser) -> Result<Markup, Error> {
    let offer = service.host.authentication_methods(&user.caller).await?;
    let (states, unreadable) = FabricState::of_all(&service.host, &user.caller).await?;
    let mut attention: Vec<Attention> = states.iter().flat_map(FabricState::attention).collect();
    attention.sort_by_key(|attention| attention.due_in);
    Ok(html! {
        @if offer.registration == Registration::Needed || states.is_empty() { (first_steps(user, &offer, &states)) }
        (needs_attention(&attention, states.is_empty()))
        @let events = events(&states);
        @if !events.is_empty() {
            section .card aria-labelledby="ends" { h2 #ends { "What ends, and when" } (timeline(&events)) }
        }
        @if !unreadable.is_empty() {
            (notice(Standing::Bad, &html! {
                p { "These fabrics cannot be read; they are damaged or of a newer version: " (unreadable.join(", ")) "." }
            }))
        }
    })
}

/// What a new deployment lacks, and who does it.
fn first_steps(user: &ConsoleUser, offer: &AuthenticationOffer, states: &[FabricState]) -> Markup {
    let done = |is_done: bool| {
        badge(if is_done { Standing::Good } else { Standing::Plain }, if is_done { "done" } else { "to do" })
    };
    html! {
        section .card aria-labelledby="first" {
            h2 #first { "First steps" }
            ol .steps {
                li {
                    (done(offer.registration != Registration::Needed)) " "
                    @if user.user.cluster_admin { a href="/admin/security" { "Register Prophecy with Databricks" } }
                    @else { "A Prophecy cluster admin registers Prophecy with Databricks, under Admin Settings > Security" }
                    ", once for everybody."
                }
                li {
                    (done(!states.is_empty())) " "
                    a href="/fabric/new" { "Add a fabric" } ": a Databricks workspace where pipelines run."
                }
                li {
                    (done(states.iter().any(|state| state.required().is_none() && state.sign_in.is_ok()))) " "
                    "Connect to Databricks, from the page of the fabric."
                }
            }
        }
    }
}

fn needs_attention(attention: &[Attention], nothing_yet: bool) -> Markup {
    html! {
        section .card aria-labelledby="attention" {
            h2 #attention { "What needs attention" }
            @if attention.is_empty() {
                p .quiet { @if nothing_yet { "Nothing yet." } @else { "Nothing. Tokens are renewed by themselves." } }
            } @else {
                ul .plain {
                    @for one in attention {
                        li {
                            (badge(if one.due_in == 0 { Standing::Bad } else { Standing::Warn }, &in_span(one.due_in))) " "
                            a href=(fabric_path(&one.fabric)) { (one.fabric) } ": " (told(&one.message)) " "
                            @let (path, words) = &one.action;
                            a href=(path) { (words) }
                        }
                    }
                }
            }
        }
    }
}

/// What ends. Fabrics of one workspace share a session.
fn events(states: &[FabricState]) -> Vec<Event> {
    let mut sessions: BTreeMap<&str, (u64, Vec<&str>)> = BTreeMap::new();
    for state in states {
        if let Some(ends_in) = state.session_ends_in() {
            let (soonest, fabrics) = sessions.entry(&state.fabric.settings.workspace).or_insert((ends_in, Vec::new()));
            *soonest = ends_in.min(*soonest);
            fabrics.push(state.name());
        }
    }
    let sessions = sessions.into_values().map(|(ends_in, fabrics)| Event {
        ending: Ending::Session,
        fabrics: fabrics.join(", "),
        ends_in,
    });
    let secrets = states.iter().filter_map(|state| {
        let ends_in = state.secret_ends_in()?;
        Some(Event { ending: Ending::Secret, fabrics: state.name().to_owned(), ends_in })
    });
    sessions.chain(secrets).collect()
}
