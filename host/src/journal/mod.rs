//! The audit journal: what happened, who did it and how it ended, never a secret.
//!
//! This is the host's side of the `journal` interface of the contract. That an event could not be written never stops
//! a token from being stored or served: the host counts such losses
//! ([`FabricAuth::journal_losses`](crate::FabricAuth::journal_losses)) and logs each.
//!
//! In a database the events of each host form a [`Chain`]: each is tied to those before it and signed with a key of the
//! ring, so that [`verify`] finds what was changed, removed, inserted or moved by somebody who can write the database.
//! What was cut off at the end it finds up to the last exported [`Heads`], and no further. [`Retention`] lets old events go
//! and leaves a signed mark in their place.

mod chain;
mod event;
mod event_view;
mod heads;
mod key_removal;
mod ledger;
mod link;
mod memory;
mod moment;
mod postgres;
mod recorder;
mod report;
mod retention;
mod row;
mod sqlite;
mod verification;

use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;

pub(crate) use self::recorder::Recorder;
pub use self::{
    chain::{Chain, Draft, End, MAX_HOST_BYTES},
    event::{Action, Event, MAX_TEXT_BYTES, Outcome, TokenReference},
    event_view::EventView,
    heads::{Head, Heads},
    key_removal::release_key,
    ledger::{Entry, Ledger, PAGE_LIMIT, Page, StoredChain},
    link::{Link, Signed},
    memory::MemoryJournal,
    moment::{Since, moment},
    postgres::PostgresJournal,
    report::{ChainReport, Finding, Problem, Report},
    retention::{KEEP_DAYS, KEEP_EVENTS, Retention},
    sqlite::SqliteJournal,
    verification::verify,
};
use crate::clock::Clock;

/// How many events one reading back gives at most.
pub const TAIL_LIMIT: u32 = 1000;

/// Keeps events in the order in which they were recorded.
pub trait Journal: Send + Sync + 'static {
    /// Writes an event down at the end of the host's chain, with the time by the system clock. Texts longer than
    /// [`MAX_TEXT_BYTES`] are cut. The host asks for a few at a time only, and drops the future of one that takes longer
    /// than [`WRITE_BUDGET`](crate::storage::WRITE_BUDGET).
    ///
    /// # Errors
    /// A sentence for the operator, when the event was not or perhaps not written.
    fn record<'a>(&'a self, chain: &'a Chain, event: Event) -> BoxFuture<'a, Result<(), String>>;

    /// The last events, at most `limit` and at most [`TAIL_LIMIT`] of them, the oldest first.
    ///
    /// # Errors
    /// A sentence for the operator, when the journal cannot be read.
    fn tail(&self, limit: u32) -> BoxFuture<'_, Result<Vec<RecordedEvent>, String>>;
}

/// An event as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Counts the events of this journal from 1. A number is never given twice.
    pub sequence: u64,
    /// When it was recorded, by the system clock of the host that did.
    pub recorded_at: SystemTime,
    /// What happened.
    pub event: Event,
}

/// The event as it is stored.
fn as_text(event: Event) -> Result<String, String> {
    serde_json::to_string(&event.bounded()).map_err(|error| error.to_string())
}

/// The time by the system clock, in nanoseconds since 1970.
fn since_epoch(clock: &dyn Clock) -> i64 {
    let since_epoch = clock.system().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

/// The last events of a ledger, the oldest first.
async fn last_events(ledger: &dyn Ledger, limit: u32) -> Result<Vec<RecordedEvent>, String> {
    let newest = ledger.entries(Page::Before(None), limit).await?;
    newest.into_iter().rev().map(row::recorded_event).collect()
}

#[cfg(test)]
mod tests;
