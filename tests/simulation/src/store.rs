//! The store: one place, linearizable, with a clock of its own that may jump. What lands here is what is so.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use fabric_auth_guest::contract::storage::{Entry, Page, Precondition, WriteOutcome};

use crate::clock::Instant;

#[derive(Default)]
pub(crate) struct Store {
    records: RefCell<BTreeMap<String, Kept>>,
    last_revision: Cell<u64>,
    /// The store's clock, less true time; in nanoseconds.
    ahead: Cell<i64>,
    /// When its clock jumped, and by how many seconds.
    jumps: RefCell<Vec<(Instant, i64)>>,
    away_until: Cell<Instant>,
    cut_off_until: RefCell<BTreeMap<usize, Instant>>,
}

#[derive(Clone)]
struct Kept {
    value: Vec<u8>,
    revision: u64,
    tag: Option<String>,
    /// By the store's clock, when the put was begun.
    begun: i64,
}

impl Store {
    /// The store's own clock.
    pub(crate) fn clock(&self, now: Instant) -> i64 {
        now.as_nanos() as i64 + self.ahead.get()
    }

    pub(crate) fn jump(&self, seconds: i64, now: Instant) {
        self.ahead.set(self.ahead.get() + seconds * 1_000_000_000);
        self.jumps.borrow_mut().push((now, seconds));
    }

    /// How far its clock has jumped back since a moment, what it jumped forward not counted.
    pub(crate) fn jumped_back_since(&self, since: Instant) -> Duration {
        self.jumped(since, |seconds| seconds < 0)
    }

    /// How far its clock has jumped forward since a moment, what it jumped back not counted.
    pub(crate) fn jumped_forward_since(&self, since: Instant) -> Duration {
        self.jumped(since, |seconds| seconds > 0)
    }

    fn jumped(&self, since: Instant, way: impl Fn(i64) -> bool) -> Duration {
        let jumps = self.jumps.borrow();
        let that_way = jumps.iter().filter(|(at, seconds)| *at >= since && way(*seconds));
        Duration::from_secs(that_way.map(|(_, seconds)| seconds.unsigned_abs()).sum())
    }

    /// Makes the store unreachable, for one host or for all.
    pub(crate) fn go_away(&self, host: Option<usize>, until: Instant) {
        match host {
            None => self.away_until.set(until),
            Some(host) => _ = self.cut_off_until.borrow_mut().insert(host, until),
        }
    }

    /// When it will be reachable from a host, if it is not now.
    pub(crate) fn unreachable_until(&self, host: usize, now: Instant) -> Option<Instant> {
        let cut_off = self.cut_off_until.borrow().get(&host).copied().unwrap_or_default();
        let until = self.away_until.get().max(cut_off);
        (until > now).then_some(until)
    }

    /// Whether one host was cut off at some time after a moment.
    pub(crate) fn was_cut_off(&self, host: usize, since: Instant) -> bool {
        self.cut_off_until.borrow().get(&host).is_some_and(|until| *until > since)
    }

    pub(crate) fn mend(&self) {
        self.away_until.set(Instant::ZERO);
        self.cut_off_until.borrow_mut().clear();
    }

    pub(crate) fn get(&self, key: &str, now: Instant) -> Option<Entry> {
        self.records.borrow().get(key).map(|kept| self.entry(kept, now))
    }

    fn entry(&self, kept: &Kept, now: Instant) -> Entry {
        Entry {
            value: kept.value.clone(),
            revision: kept.revision,
            tag: kept.tag.clone(),
            age: u64::try_from(self.clock(now) - kept.begun).unwrap_or_default(),
            unchanged_for: 0,
        }
    }

    pub(crate) fn put(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: &Precondition,
        begun: i64,
        now: Instant,
    ) -> WriteOutcome {
        let current = self.records.borrow().get(key).map(|kept| kept.revision);
        let holds = match precondition {
            Precondition::Absent => current.is_none(),
            Precondition::Revision(revision) => current == Some(*revision),
        };
        if !holds {
            return WriteOutcome::Lost(self.get(key, now));
        }
        let revision = self.last_revision.get() + 1;
        self.last_revision.set(revision);
        self.records.borrow_mut().insert(key.to_owned(), Kept { value, revision, tag, begun });
        WriteOutcome::Written(revision)
    }

    pub(crate) fn delete(&self, key: &str, revision: u64, now: Instant) -> WriteOutcome {
        if self.records.borrow().get(key).map(|kept| kept.revision) != Some(revision) {
            return WriteOutcome::Lost(self.get(key, now));
        }
        self.records.borrow_mut().remove(key);
        WriteOutcome::Written(revision)
    }

    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, limit: u32, now: Instant) -> Page {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after.to_owned()),
            _ => Bound::Included(prefix.to_owned()),
        };
        let records = self.records.borrow();
        let mut found = records.range((start, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        let entries: Vec<_> =
            found.by_ref().take(limit as usize).map(|(key, kept)| (key.clone(), self.entry(kept, now))).collect();
        let next = found.next().and(entries.last()).map(|(key, _)| key.clone());
        Page { entries, next }
    }
}
