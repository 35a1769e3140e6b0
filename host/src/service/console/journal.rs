//! The audit journal: looking for events, finding out whether it is as the hosts wrote it, and taking it elsewhere.
//!
//! The component writes the journal and does not read it; that cluster admins alone may read it is decided here.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::elements::{Standing, badge, notice};
use super::layout::{Place, form_token, page};
use super::local_path::with_query;
use super::query::Query;
use super::{failure, refusal};
use crate::contract::{Error, Word as _};
use crate::journal::{Action, EventView, PAGE_LIMIT, Page, Report, Since, moment, verify};
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

const PATH: &str = "/journal";

/// How many events a page shows.
const SHOWN: usize = 50;

/// How many events one look goes through at most to find them.
const LOOKED_AT: usize = 20_000;

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new().route(PATH, get(show)).route("/journal/export", get(export)).route("/journal/verify", post(check))
}

/// Which events are looked for; what is empty is not asked for.
#[derive(Clone, Debug, Default, Deserialize)]
struct Filter {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    fabric: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    since: String,
    /// Only events before this number.
    before: Option<i64>,
}

/// What one look has found.
#[derive(Default)]
struct Found {
    events: Vec<EventView>,
    /// Where the next look goes on; none at the beginning of the journal.
    before: Option<i64>,
}

async fn show(user: ConsoleUser, State(service): State<Service>, Query(filter): Query<Filter>) -> Response {
    if !user.user.cluster_admin {
        return forbidden();
    }
    let since = match since(&filter, &service) {
        Ok(since) => since,
        Err(error) => return failure(&error),
    };
    match look(&service, &filter, since).await {
        Ok(found) => page(&user, Place::Journal, "Journal", &content(&user, &filter, &found)),
        Err(error) => failure(&error),
    }
}

fn forbidden() -> Response {
    refusal(StatusCode::FORBIDDEN, "The journal is for Prophecy cluster admins.")
}

/// The moment from which events are asked for, in nanoseconds since 1970.
fn since(filter: &Filter, service: &Service) -> Result<i64, Error> {
    match filter.since.trim() {
        "" => Ok(i64::MIN),
        text => {
            let since: Since = text.parse().map_err(|told| Error::invalid("since", format!("It {told}.")))?;
            Ok(since.nanoseconds(&*service.clock))
        }
    }
}

async fn look(service: &Service, filter: &Filter, since: i64) -> Result<Found, Error> {
    let (mut found, mut before, mut looked_at) = (Found::default(), filter.before, 0_usize);
    while looked_at < LOOKED_AT {
        let page = service.ledger.entries(Page::Before(before), PAGE_LIMIT).await.map_err(not_read)?;
        if page.is_empty() {
            return Ok(found);
        }
        looked_at = looked_at.saturating_add(page.len());
        for entry in page {
            before = Some(entry.sequence);
            // Each host has its own clock, so an older one may still have younger ones before it.
            let is_recent = entry.recorded_at >= since;
            let event = EventView::from(entry);
            if is_recent && filter.asks_for(&event, &service.tenant) {
                found.events.push(event);
            }
            if found.events.len() >= SHOWN {
                found.before = before;
                return Ok(found);
            }
        }
    }
    found.before = before;
    Ok(found)
}

fn not_read(problem: String) -> Error {
    tracing::warn!(problem, "the journal could not be read");
    Error::unavailable("The journal cannot be read at this moment; the log says why.")
}

impl Filter {
    fn asks_for(&self, event: &EventView, tenant: &str) -> bool {
        let is = |asked: &str, member: &str| asked.trim().is_empty() || event.text(member) == Some(asked.trim());
        let outcome = match self.outcome.as_str() {
            "succeeded" => event.failure().is_none(),
            "failed" => event.failure().is_some(),
            _ => true,
        };
        // What cannot be read has no tenant, and whoever watches over the journal must see it.
        let ours = event.text("tenant").is_none_or(|of| of == tenant);
        ours && outcome && is(&self.actor, "actor") && is(&self.action, "action") && is(&self.fabric, "fabric")
    }

    fn query(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("actor", self.actor.as_str()),
            ("action", &self.action),
            ("fabric", &self.fabric),
            ("outcome", &self.outcome),
            ("since", &self.since),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}

fn content(user: &ConsoleUser, filter: &Filter, found: &Found) -> Markup {
    html! {
        section .card {
            (filter_form(filter))
            @if found.events.is_empty() { p .quiet { "No such event." } } @else { (table(&found.events)) }
            @if let Some(before) = found.before {
                @let before = before.to_string();
                @let older: Vec<_> = filter.query().into_iter().chain([("before", before.as_str())]).collect();
                div .actions { a .button href=(with_query(PATH, &older)) { "Older events" } }
            }
        }
        section .card aria-labelledby="whole" {
            h2 #whole { "Is it as the hosts wrote it?" }
            p .hint {
                "Each host's events form a signed chain. Verifying finds what was changed, removed, inserted or moved. What was cut \
                 off at the end is found with exported heads only: " code { "fabric-auth journal heads" } "."
            }
            div .actions {
                form method="post" action="/journal/verify" {
                    (form_token(&user.session))
                    button type="submit" { "Verify the journal" }
                }
                a .button href=(with_query("/journal/export", &filter.query())) download="" { "Export these events" }
            }
        }
    }
}

fn filter_form(filter: &Filter) -> Markup {
    let actions = Action::WORDS.iter().map(|(word, _)| *word);
    html! {
        form method="get" action=(PATH) .filter role="search" {
            div .field { label for="actor" { "Who" } input #actor name="actor" value=(filter.actor) autocomplete="off"; }
            div .field {
                label for="action" { "What" }
                select #action name="action" {
                    option value="" { "anything" }
                    @for action in actions { option value=(action) selected[action == filter.action] { (action) } }
                }
            }
            div .field { label for="fabric" { "Fabric" } input #fabric name="fabric" value=(filter.fabric) autocomplete="off"; }
            div .field {
                label for="outcome" { "Outcome" }
                select #outcome name="outcome" {
                    @for (value, name) in [("", "any"), ("succeeded", "succeeded"), ("failed", "failed")] {
                        option value=(value) selected[value == filter.outcome] { (name) }
                    }
                }
            }
            div .field { label for="since" { "Since" } input #since name="since" value=(filter.since) placeholder="7d or 2026-11-24" autocomplete="off"; }
            div .field { button type="submit" .primary { "Look" } }
        }
    }
}

fn table(events: &[EventView]) -> Markup {
    html! {
        table {
            thead { tr { th { "When (UTC)" } th { "Who" } th { "What" } th { "Fabric" } th { "Databricks user" } th { "Outcome" } } }
            tbody {
                @for event in events {
                    tr {
                        td data-label="When" { (moment(event.recorded_at(), false)) }
                        td data-label="Who" {
                            (event.text("actor").unwrap_or("?"))
                            @if let Some(person) = event.text("on_behalf_of") { " for " (person) }
                        }
                        td data-label="What" { (event.text("action").or(event.text("unreadable")).unwrap_or("?")) }
                        td data-label="Fabric" { (event.text("fabric").unwrap_or("–")) }
                        td data-label="Databricks user" { (event.text("databricks_user").unwrap_or("–")) }
                        td data-label="Outcome" {
                            @match event.failure() {
                                None => { (badge(Standing::Good, "succeeded")) }
                                Some(case) => { (badge(Standing::Bad, "failed")) " " (case) }
                            }
                        }
                    }
                }
            }
        }
    }
}

async fn check(State(service): State<Service>, Submitted { by, .. }: Submitted) -> Response {
    if !by.user.cluster_admin {
        return forbidden();
    }
    match verify(service.ledger.as_ref(), &service.keys, None).await.map_err(not_read) {
        Ok(report) => page(&by, Place::Journal, "Journal", &verdict(&report)),
        Err(error) => failure(&error),
    }
}

fn verdict(report: &Report) -> Markup {
    html! {
        @if report.is_whole() {
            (notice(Standing::Good, &html! { p { "The journal is as the hosts have written it." } }))
        } @else {
            (notice(Standing::Bad, &html! { p { "The journal is not as the hosts have written it. The operator of this deployment must act." } }))
            ul .plain { @for problem in &report.problems { li { (problem.to_string()) } } }
            @if report.more_problems > 0 { p { "And " (report.more_problems) " more." } }
        }
        section .card {
            table {
                thead { tr { th { "Chain" } th { "Events" } th { "Let go by retention" } } }
                tbody {
                    @for chain in &report.chains {
                        tr { td data-label="Chain" { (chain.host) } td data-label="Events" { (chain.events) } td data-label="Let go" { (chain.pruned) } }
                    }
                }
            }
            @if report.unchained > 0 { p .hint { (report.unchained) " events are from before there were chains; nothing vouches for them." } }
        }
        p { a href=(PATH) { "Back to the journal" } }
    }
}

/// The events, as JSON: one on each line, the oldest first, as `fabric-auth journal export` gives them.
async fn export(user: ConsoleUser, State(service): State<Service>, Query(filter): Query<Filter>) -> Response {
    if !user.user.cluster_admin {
        return forbidden();
    }
    let since = match since(&filter, &service) {
        Ok(since) => since,
        Err(error) => return failure(&error),
    };
    let lines = stream::try_unfold((service, filter, Some(i64::MIN)), move |(service, filter, after)| async move {
        let Some(after) = after else { return Ok(None) };
        let page = service.ledger.entries(Page::After(after), PAGE_LIMIT).await.map_err(std::io::Error::other)?;
        let next = page.last().map(|last| last.sequence);
        let events = page.into_iter().filter(|entry| entry.recorded_at >= since).map(EventView::from);
        let lines: String = events
            .filter(|event| filter.asks_for(event, &service.tenant))
            .filter_map(|event| serde_json::to_string(&event).ok())
            .map(|line| line + "\n")
            .collect();
        Ok::<_, std::io::Error>(Some((Bytes::from(lines), (service, filter, next))))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/jsonl")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"journal.jsonl\"")),
    ];
    (headers, Body::from_stream(lines)).into_response()
}
