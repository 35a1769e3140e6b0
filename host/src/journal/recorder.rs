//! The journal as the component writes to it: bounded in time and number, its losses counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Chain, Event, Journal};
use crate::storage::WRITE_BUDGET;

/// How many events are being written at once. The journal may share a queue with the records, as in the SQLite file:
/// no more than this many events ever stand in it before a token that is to be stored.
const AT_ONCE: usize = 4;

/// How long an event may take, its turn included. A store that takes longer would also refuse a record.
const PATIENCE: Duration = WRITE_BUDGET;

/// Writes events down for callers who do not care whether that worked, but must not wait for long.
pub(crate) struct Recorder {
    journal: Arc<dyn Journal>,
    chain: Chain,
    turns: Semaphore,
    written: AtomicU64,
    losses: AtomicU64,
}

impl Recorder {
    /// Writes to this journal, into this chain. Nothing is lost yet.
    pub(crate) fn new(journal: Arc<dyn Journal>, chain: Chain) -> Self {
        let (written, losses) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { journal, chain, turns: Semaphore::new(AT_ONCE), written, losses }
    }

    /// Writes an event down within [`PATIENCE`]; counts and logs it if that does not work.
    ///
    /// # Errors
    /// A sentence for the operator, when the event was not or perhaps not written.
    pub(crate) async fn record(&self, event: Event) -> Result<(), String> {
        let writing = async {
            // Never closed, so there is always a turn in the end.
            let _turn = self.turns.acquire().await;
            self.journal.record(&self.chain, event).await
        };
        let written = match timeout(PATIENCE, writing).await {
            Ok(written) => written,
            Err(_) => Err(format!("the journal did not write it within {} seconds", PATIENCE.as_secs())),
        };
        match &written {
            Ok(()) => {
                self.written.fetch_add(1, Ordering::Relaxed);
            }
            Err(reason) => {
                let lost = self.losses.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                tracing::error!(reason, lost, "an event could not be written into the journal");
            }
        }
        written
    }

    /// How many events were written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How many events were not, or perhaps not, written.
    pub(crate) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    use futures::FutureExt as _;
    use futures::future::{BoxFuture, join_all};

    use super::*;
    use crate::journal::{
        RecordedEvent,
        tests::{chain, event},
    };

    /// A journal whose disk takes a while for each event, or for ever.
    struct SlowJournal {
        takes: Duration,
        writing: AtomicUsize,
        most_at_once: AtomicUsize,
    }

    impl SlowJournal {
        fn new(takes: Duration) -> Arc<Self> {
            Arc::new(Self { takes, writing: AtomicUsize::new(0), most_at_once: AtomicUsize::new(0) })
        }
    }

    impl Journal for SlowJournal {
        fn record<'a>(&'a self, _chain: &'a Chain, _event: Event) -> BoxFuture<'a, Result<(), String>> {
            async {
                let writing = self.writing.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_at_once.fetch_max(writing, Ordering::SeqCst);
                tokio::time::sleep(self.takes).await;
                self.writing.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
            .boxed()
        }

        fn tail(&self, _limit: u32) -> BoxFuture<'_, Result<Vec<RecordedEvent>, String>> {
            async { Ok(Vec::new()) }.boxed()
        }
    }

    #[tokio::test]
    async fn events_that_come_all_at_once_are_written_a_few_at_a_time_and_none_is_lost() {
        let journal = SlowJournal::new(Duration::from_millis(5));
        let recorder = Recorder::new(journal.clone(), chain("web-1"));
        for written in join_all((0..40).map(|_| recorder.record(event("ada")))).await {
            written.unwrap();
        }
        assert_eq!((journal.most_at_once.load(Ordering::SeqCst), recorder.losses()), (AT_ONCE, 0));
    }

    #[tokio::test]
    async fn a_journal_that_hangs_delays_nobody_for_longer_than_a_write_may_take_and_what_it_loses_is_counted() {
        let recorder = Recorder::new(SlowJournal::new(Duration::from_secs(600)), chain("web-1"));
        let began = Instant::now();
        for written in join_all((0..10).map(|_| recorder.record(event("ada")))).await {
            written.unwrap_err();
        }
        assert!(began.elapsed() < PATIENCE + Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(recorder.losses(), 10);
    }
}
