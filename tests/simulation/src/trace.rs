//! What happened, in order, for whoever has to find out why a run failed. Only the last part is kept.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::clock::Instant;

/// How many events are kept.
const KEPT: usize = 2_000;

/// The trace. Off unless asked for, since writing it costs more than the simulation itself.
pub(crate) struct Trace {
    on: bool,
    events: RefCell<VecDeque<String>>,
    digest: Cell<u64>,
}

impl Trace {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, events: RefCell::default(), digest: Cell::new(0xCBF2_9CE4_8422_2325) }
    }

    /// Notes an event of a host, or of the world.
    pub(crate) fn note(&self, now: Instant, host: Option<usize>, event: impl FnOnce() -> String) {
        if !self.on {
            return;
        }
        let place = host.map_or_else(|| "world ".to_owned(), |host| format!("host {host}"));
        let mut events = self.events.borrow_mut();
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(format!("{:>14.6} s  {place}  {}", now.as_secs_f64(), event()));
    }

    /// Takes a step into the digest, by which two runs are seen to be the same.
    pub(crate) fn step(&self, number: u64) {
        self.digest.set((self.digest.get() ^ number).wrapping_mul(0x0100_0000_01B3));
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.get()
    }

    pub(crate) fn text(&self) -> String {
        self.events.borrow().iter().map(|event| format!("{event}\n")).collect()
    }
}
