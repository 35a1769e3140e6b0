//! A journal in the memory of the process: for tests and for embedding.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};

use super::{Chain, Event, Journal, RecordedEvent, TAIL_LIMIT};
use crate::clock::SharedClock;

/// How many events are kept; the oldest go first.
const KEPT: usize = 10_000;

/// A [`Journal`] that forgets its oldest events and ends with the process. Its events are not chained: whoever could
/// change them could change the program.
pub struct MemoryJournal {
    clock: SharedClock,
    events: Mutex<VecDeque<RecordedEvent>>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, events: Mutex::default() }
    }
}

impl Journal for MemoryJournal {
    fn record<'a>(&'a self, _chain: &'a Chain, event: Event) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let sequence = events.back().map_or(1, |last| last.sequence.saturating_add(1));
            if events.len() >= KEPT {
                events.pop_front();
            }
            events.push_back(RecordedEvent { sequence, recorded_at: self.clock.system(), event: event.bounded() });
            Ok(())
        }
        .boxed()
    }

    fn tail(&self, limit: u32) -> BoxFuture<'_, Result<Vec<RecordedEvent>, String>> {
        async move {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let limit = usize::try_from(limit.min(TAIL_LIMIT)).unwrap_or(usize::MAX);
            Ok(events.iter().skip(events.len().saturating_sub(limit)).cloned().collect())
        }
        .boxed()
    }
}
