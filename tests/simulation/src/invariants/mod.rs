//! What must always hold, watched from outside: by somebody who sees true time, every record as it lands, every request
//! as it is written, and what Databricks knows.

pub(crate) mod exchange;
pub(crate) mod records;
pub(crate) mod sending;
pub(crate) mod serving;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Instant;
use crate::world::World;
use exchange::{Exchange, LastSuccess};
use records::{Claimed, Grant, Standing};

/// What was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// What happened, in words.
    pub what: String,
    /// When, in true time.
    pub at: Instant,
}

/// Watches.
#[derive(Default)]
pub(crate) struct Monitor {
    violation: RefCell<Option<Violation>>,
    exchanges: RefCell<Vec<Exchange>>,
    last_success: RefCell<BTreeMap<usize, LastSuccess>>,
    /// Renewals whose store calls fail, and since when.
    store_trouble: RefCell<BTreeMap<u64, Instant>>,
    /// Renewals that ended in the middle of their work, or to which the store did not say for all of their patience
    /// what it had written.
    interrupted: RefCell<BTreeSet<u64>>,
    /// Renewals whose host stood still under a claim, so that another may have taken it over.
    overtaken: RefCell<BTreeSet<u64>>,
    claims: RefCell<BTreeMap<String, Claimed>>,
    grants: RefCell<BTreeMap<String, Grant>>,
    standings: RefCell<BTreeMap<String, Standing>>,
    retired_lineages: RefCell<BTreeMap<String, Instant>>,
    /// The lineage that each session became.
    lineages: RefCell<BTreeMap<usize, String>>,
    /// Sealed values and what is in them.
    opened: RefCell<BTreeMap<String, String>>,
}

impl Monitor {
    /// Notes the first thing that is broken; the run ends there.
    pub(crate) fn broken(&self, world: &World, invariant: &'static str, what: String) {
        world.trace.note(world.now(), None, || format!("BROKEN: {invariant}: {what}"));
        self.violation.borrow_mut().get_or_insert(Violation { invariant, what, at: world.now() });
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation.borrow().clone()
    }

    pub(crate) fn store_failed(&self, renewal: Option<u64>, now: Instant) {
        if let Some(renewal) = renewal {
            self.store_trouble.borrow_mut().entry(renewal).or_insert(now);
        }
    }

    pub(crate) fn store_answered(&self, renewal: Option<u64>) {
        if let Some(renewal) = renewal {
            self.store_trouble.borrow_mut().remove(&renewal);
        }
    }
}
