//! The audit journal: what happened, who did it and how it ended, never a secret.
//!
//! This is the host's side of the `journal` interface of the contract. That an event could not be written never stops
//! a token from being stored or served: the host counts such losses
//! ([`FabricAuth::journal_losses`](crate::FabricAuth::journal_losses)) and logs each.

mod event;
mod memory;
mod postgres;
mod recorder;
mod row;
mod sqlite;

use std::time::SystemTime;

use futures::future::BoxFuture;

pub(crate) use self::recorder::Recorder;
pub use self::{
    event::{Action, Event, MAX_TEXT_BYTES, Outcome, TokenReference},
    memory::MemoryJournal,
    postgres::PostgresJournal,
    sqlite::{KEPT_EVENTS, SqliteJournal},
};

/// How many events one reading back gives at most.
pub const TAIL_LIMIT: u32 = 1000;

/// Keeps events in the order in which they were recorded.
pub trait Journal: Send + Sync + 'static {
    /// Writes an event down, with the time by the system clock. Texts longer than [`MAX_TEXT_BYTES`] are cut. The host
    /// asks for a few at a time only, and drops the future of one that takes longer than
    /// [`WRITE_BUDGET`](crate::storage::WRITE_BUDGET).
    ///
    /// # Errors
    /// A sentence for the operator, when the event was not or perhaps not written.
    fn record(&self, event: Event) -> BoxFuture<'_, Result<(), String>>;

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

#[cfg(test)]
mod tests;
