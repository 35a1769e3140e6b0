//! What a host has done since it was built, in numbers: for whoever watches over it. Nothing in it names anybody.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::contract::Error;
use crate::contract::maintenance::RenewalOutcome;

/// What a host has done since it was built, and what it is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Requests to Databricks that were answered, by the first digit of the status: 1 to 5.
    pub replies: [u64; 5],
    /// Requests to Databricks that got no answer.
    pub failures: u64,
    /// Renewals that brought a new token.
    pub renewed: u64,
    /// Renewals that found nothing due.
    pub fresh: u64,
    /// Renewals that found another host at it.
    pub claimed_elsewhere: u64,
    /// Renewals that found the grant ended, or ended it.
    pub ended: u64,
    /// Renewals that failed.
    pub failed: u64,
    /// Renewals at work.
    pub renewals_at_work: u64,
    /// Instances of the component there are, those of renewals included.
    pub instances: u64,
    /// Instances that were given up, since a call trapped or did not end in time.
    pub given_up: u64,
    /// Calls that wait for an instance, or are at work in one.
    pub calls_at_work: u64,
}

/// Counts, for [`Figures`].
#[derive(Default)]
pub(crate) struct Counts {
    replies: [AtomicU64; 5],
    failures: AtomicU64,
    renewed: AtomicU64,
    fresh: AtomicU64,
    claimed_elsewhere: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
    /// Instances there are.
    pub(crate) instances: Level,
    /// Calls at work.
    pub(crate) calls: Level,
}

/// How many there are at this moment.
#[derive(Default)]
pub(crate) struct Level(AtomicU64);

/// One of them, until it is dropped.
pub(crate) struct One<'a>(&'a Level);

impl Counts {
    /// A request to Databricks has been answered, or not.
    pub(crate) fn sent(&self, status: Option<http::StatusCode>) {
        let class = status.and_then(|status| self.replies.get(usize::from(status.as_u16() / 100).checked_sub(1)?));
        increase(class.unwrap_or(&self.failures));
    }

    /// A renewal has ended.
    pub(crate) fn renewal(&self, outcome: &Result<RenewalOutcome, Error>) {
        increase(match outcome {
            Ok(RenewalOutcome::Renewed) => &self.renewed,
            Ok(RenewalOutcome::Fresh) => &self.fresh,
            Ok(RenewalOutcome::ClaimedElsewhere) => &self.claimed_elsewhere,
            Ok(RenewalOutcome::Ended) => &self.ended,
            Err(_) => &self.failed,
        });
    }

    /// An instance was given up.
    pub(crate) fn gave_up(&self) {
        increase(&self.given_up);
    }

    /// The figures of this moment. They are read one after the other.
    pub(crate) fn figures(&self, renewals_at_work: usize) -> Figures {
        Figures {
            replies: self.replies.each_ref().map(read),
            failures: read(&self.failures),
            renewed: read(&self.renewed),
            fresh: read(&self.fresh),
            claimed_elsewhere: read(&self.claimed_elsewhere),
            ended: read(&self.ended),
            failed: read(&self.failed),
            renewals_at_work: u64::try_from(renewals_at_work).unwrap_or(u64::MAX),
            instances: read(&self.instances.0),
            given_up: read(&self.given_up),
            calls_at_work: read(&self.calls.0),
        }
    }
}

impl Level {
    /// One more, until what this gives is dropped.
    pub(crate) fn enter(&self) -> One<'_> {
        self.begin();
        One(self)
    }

    /// One more; owes an [`end`](Self::end).
    pub(crate) fn begin(&self) {
        increase(&self.0);
    }

    /// One less.
    pub(crate) fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn increase(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn replies_are_counted_by_the_first_digit_of_their_status() {
        let counts = Counts::default();
        for status in [200, 204, 404, 503, 599, 999] {
            counts.sent(StatusCode::from_u16(status).ok());
        }
        counts.sent(None);
        let figures = counts.figures(3);
        assert_eq!((figures.replies, figures.failures), ([0, 2, 0, 1, 2], 2));
        assert_eq!(figures.renewals_at_work, 3);
    }

    #[test]
    fn what_is_at_work_is_not_any_more_once_it_has_ended() {
        let counts = Counts::default();
        let calls = [counts.calls.enter(), counts.calls.enter()];
        assert_eq!(counts.figures(0).calls_at_work, 2);
        drop(calls);
        assert_eq!(counts.figures(0).calls_at_work, 0);
    }
}
