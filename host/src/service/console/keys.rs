//! Admin Settings > Keys: the key ring that guards the stored secrets. Never a key itself.
//!
//! The component seals and does not manage keys; that cluster admins alone may do so is decided here.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use futures::stream::{self, Stream};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::elements::{Confirmed, Standing, ago, badge, notice, problem};
use super::layout::{Place, form_token, growing_page, page};
use super::local_path::with_query;
use super::query::Query;
use super::refusal;
use crate::contract::Caller;
use crate::contract::administration::ResealProgress;
use crate::keys::{KeyDescription, KeyRingError, KeyStatus};
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

const PATH: &str = "/admin/keys";

/// The routes.
pub(super) fn router() -> Router<Service> {
    Router::new()
        .route(PATH, get(show))
        .route("/admin/keys/rotate", post(rotate))
        .route("/admin/keys/add", post(add))
        .route("/admin/keys/promote", post(promote))
        .route("/admin/keys/reseal", post(reseal))
}

/// What was just done.
#[derive(Deserialize)]
struct Seen {
    done: Option<Done>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Done {
    Added,
    Promoted,
}

async fn show(user: ConsoleUser, State(service): State<Service>, Query(seen): Query<Seen>) -> Response {
    if !user.user.cluster_admin {
        return forbidden();
    }
    page(&user, Place::Keys, "Keys", &content(&user, &service.keys.list(), seen.done))
}

fn forbidden() -> Response {
    refusal(StatusCode::FORBIDDEN, "The keys are for Prophecy cluster admins.")
}

fn content(user: &ConsoleUser, keys: &[KeyDescription], done: Option<Done>) -> Markup {
    html! {
        @match done {
            Some(Done::Added) => (notice(Standing::Good, &html! { p { "There is a new standby key. Back up the key ring, and give it to every host; then promote the key." } })),
            Some(Done::Promoted) => (notice(Standing::Good, &html! { p { "There is a new primary key. Give the key ring to every host again; then seal everything anew." } })),
            None => {}
        }
        section .card {
            p .hint { "Everything secret is stored sealed under a key of this ring. The ring is a file of this host; back it up after \
                       every change, apart from the database." }
            (table(user, keys))
        }
        div .columns {
            section .card aria-labelledby="one" {
                h2 #one { "One host" }
                p { "Makes a new primary key, and seals everything under it." }
                (Confirmed {
                    action: "/admin/keys/rotate",
                    label: "Rotate",
                    consequence: "Only where no other host has a copy of the ring: another one could not open what is sealed from now on.",
                    fields: &[],
                }.shown(&user.session))
            }
            section .card aria-labelledby="several" {
                h2 #several { "Several hosts with a copy of the ring" }
                ol .steps {
                    li { (button(user, "/admin/keys/add", "Add a standby key")) }
                    li { "Give the key ring to every host." }
                    li { "Promote the standby key, in the table above; give the key ring to every host again." }
                    li { (button(user, "/admin/keys/reseal", "Seal everything under the primary key")) }
                }
            }
        }
        p .hint { "A retired key under which nothing is sealed any more is taken out on the machine: "
            code { "fabric-auth keys remove KEY_ID" } "." }
    }
}

fn button(user: &ConsoleUser, action: &str, words: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            (form_token(&user.session))
            button type="submit" { (words) }
        }
    }
}

fn table(user: &ConsoleUser, keys: &[KeyDescription]) -> Markup {
    html! {
        table {
            thead { tr { th { "Key" } th { "Status" } th { "Made" } th { "" } } }
            tbody {
                @for key in keys {
                    tr {
                        td { code { (key.key_id) } }
                        td data-label="Status" { (status(key.status)) }
                        td data-label="Made" { (ago(key.age)) }
                        td {
                            @if key.status == KeyStatus::Standby {
                                (Confirmed {
                                    action: "/admin/keys/promote",
                                    label: "Promote",
                                    consequence: "Every host must have the ring with this key by now.",
                                    fields: &[("key_id", &key.key_id)],
                                }.shown(&user.session))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn status(status: KeyStatus) -> Markup {
    match status {
        KeyStatus::Primary => badge(Standing::Good, "primary: seals and opens"),
        KeyStatus::Standby => badge(Standing::Plain, "standby: opens"),
        KeyStatus::Retired => badge(Standing::Plain, "retired: opens"),
    }
}

async fn add(State(service): State<Service>, Submitted { by, .. }: Submitted) -> Response {
    change(&by, "added", || service.keys.add_standby().map(drop))
}

async fn promote(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    change(&by, "promoted", || service.keys.promote(form.text("key_id")))
}

fn change(by: &ConsoleUser, done: &str, work: impl FnOnce() -> Result<(), KeyRingError>) -> Response {
    if !by.user.cluster_admin {
        return forbidden();
    }
    match work() {
        Ok(()) => {
            tracing::info!(user = by.user.name, done, "the key ring was changed from the console");
            Redirect::to(&with_query(PATH, &[("done", done)])).into_response()
        }
        Err(error) => not_changed(&error),
    }
}

/// The key ring is the operator's; what the error says names files, and is for the log.
fn not_changed(error: &KeyRingError) -> Response {
    tracing::warn!(%error, "the key ring could not be changed from the console");
    refusal(StatusCode::CONFLICT, "The key ring could not be changed. The log of this service says why.")
}

async fn rotate(State(service): State<Service>, Submitted { by, .. }: Submitted) -> Response {
    if !by.user.cluster_admin {
        return forbidden();
    }
    match service.keys.rotate() {
        Ok(key_id) => {
            tracing::info!(user = by.user.name, done = "rotated", "the key ring was changed from the console");
            let before = html! { p { "The key " code { (key_id) } " is the primary key now. Back up the key ring." } };
            resealing(&service, &by, &before)
        }
        Err(error) => not_changed(&error),
    }
}

async fn reseal(State(service): State<Service>, Submitted { by, .. }: Submitted) -> Response {
    if !by.user.cluster_admin {
        return forbidden();
    }
    resealing(&service, &by, &html! {})
}

fn resealing(service: &Service, by: &ConsoleUser, before: &Markup) -> Response {
    let before = html! { (before) p { "Everything is being sealed under the primary key. Keep this page open: it tells how far it is, and going on is its doing." } };
    growing_page(by, Place::Keys, "Seal everything anew", &before, progress(service.clone(), by.caller.clone()))
}

/// What has been done to the records so far.
#[derive(Clone, Copy, Default)]
struct Counts {
    resealed: u64,
    current: u64,
    skipped: u64,
    unreadable: u64,
}

/// Where the pass over all records is.
enum Stage {
    Piece(Option<String>, Counts),
    Over,
}

/// A pass over all records: a line for each piece, and what it came to.
fn progress(service: Service, caller: Caller) -> impl Stream<Item = Markup> + Send + 'static {
    stream::unfold((service, caller, Stage::Piece(None, Counts::default())), |(service, caller, stage)| async move {
        let Stage::Piece(after, counts) = stage else { return None };
        let (shown, stage) = match service.host.reseal(&caller, after.as_deref()).await {
            Err(error) => (problem(&error), Stage::Over),
            Ok(progress) => {
                let before = counts.sum();
                let counts = counts.with(&progress);
                match progress.next {
                    Some(next) => (counts.since(before), Stage::Piece(Some(next), counts)),
                    None => (sign_anew(&service, counts).await, Stage::Over),
                }
            }
        };
        Some((shown, (service, caller, stage)))
    })
}

/// The records of the service are signed and not sealed.
async fn sign_anew(service: &Service, counts: Counts) -> Markup {
    match service.records.sign_anew().await {
        Ok(_) => counts.verdict(),
        Err(error) => problem(&error),
    }
}

impl Counts {
    fn with(self, progress: &ResealProgress) -> Self {
        Self {
            resealed: self.resealed.saturating_add(progress.resealed.into()),
            current: self.current.saturating_add(progress.current.into()),
            skipped: self.skipped.saturating_add(progress.skipped.into()),
            unreadable: self.unreadable.saturating_add(progress.unreadable.into()),
        }
    }

    /// How far it is, where that is further than before.
    fn since(self, before: u64) -> Markup {
        html! { @if self.sum() > before { p .quiet { "Records looked at: " (self.sum()) } } }
    }

    fn sum(self) -> u64 {
        self.resealed.saturating_add(self.current).saturating_add(self.skipped).saturating_add(self.unreadable)
    }

    fn verdict(self) -> Markup {
        let standing = if self.skipped == 0 && self.unreadable == 0 { Standing::Good } else { Standing::Warn };
        notice(
            standing,
            &html! {
                p { (self.resealed) " records sealed under the primary key, " (self.current) " were already." }
                @if self.skipped > 0 { p { (self.skipped) " were being renewed or changed; seal everything once more later." } }
                @if self.unreadable > 0 { p { (self.unreadable) " cannot be read or opened; the journal names them. They stay as they are." } }
                p { a href=(PATH) { "Back to the keys" } }
            },
        )
    }
}
