//! Many seeds: each core runs one at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use fabric_auth_guest::policy::Policy;

use crate::faults::Fault;
use crate::invariants::Violation;
use crate::run::{Outcome, run_under};

/// What many runs came to.
#[derive(Default)]
pub struct Total {
    /// How many seeds were run.
    pub runs: u64,
    /// The seeds that failed, in order, with what each broke first.
    pub failed: BTreeMap<u64, Violation>,
    /// How many steps tasks took.
    pub steps: u64,
    /// How many refresh requests were sent.
    pub exchanges: usize,
    /// How often each kind of fault struck.
    pub faults: BTreeMap<Fault, u64>,
}

impl Total {
    fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.steps += outcome.steps;
        self.exchanges += outcome.exchanges;
        for (fault, count) in outcome.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.failed.extend(outcome.violation.map(|violation| (outcome.seed, violation)));
    }

    /// The kinds of faults that struck in no run.
    pub fn never_struck(&self) -> Vec<Fault> {
        Fault::ALL.iter().copied().filter(|fault| !self.faults.contains_key(fault)).collect()
    }
}

/// Runs the seeds of a range in order under a policy, and begins no more once the total is `enough`.
pub fn sweep(seeds: Range<u64>, policy: &Policy, enough: impl Fn(&Total) -> bool + Sync) -> Total {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::<Total>::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || enough(&total.lock().unwrap_or_else(PoisonError::into_inner)) {
                return;
            }
            let outcome = run_under(seed, false, policy.clone());
            total.lock().unwrap_or_else(PoisonError::into_inner).add(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}
