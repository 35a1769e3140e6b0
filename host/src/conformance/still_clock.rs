//! Time that stands still unless a case moves it, so that no case depends on how fast a machine is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::clock::Clock;

/// The date on which every case is played: 2026-01-01.
const DATE: Duration = Duration::from_secs(1_767_225_600);

/// A machine that has been up for a while, so that what lies before now has a time too.
const UPTIME: Duration = Duration::from_secs(1_000_000);

/// A clock by which no time passes. Clones are the same clock.
#[derive(Clone, Debug)]
pub(super) struct StillClock {
    passed: watch::Sender<Duration>,
}

impl StillClock {
    pub(super) fn new() -> Self {
        Self { passed: watch::Sender::new(Duration::ZERO) }
    }

    /// Lets time pass, and wakes whoever has waited for that.
    pub(super) fn advance(&self, by: Duration) {
        self.passed.send_modify(|passed| *passed = passed.saturating_add(by));
    }

    fn passed(&self) -> Duration {
        *self.passed.borrow()
    }
}

impl Clock for StillClock {
    fn system(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(DATE.saturating_add(self.passed())).unwrap_or(UNIX_EPOCH)
    }

    fn monotonic(&self) -> Duration {
        UPTIME.saturating_add(self.passed())
    }

    fn boot_id(&self) -> &'static str {
        "conformance"
    }

    fn sleep_until(&self, monotonic: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            // Cannot fail: `clock` holds the sender.
            let _ = clock.passed.subscribe().wait_for(|passed| UPTIME.saturating_add(*passed) >= monotonic).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_time_is_moved_and_not_before() {
        let clock = StillClock::new();
        let (monotonic, system) = (clock.monotonic(), clock.system());
        let sleeper = tokio::spawn(clock.sleep_until(monotonic + Duration::from_secs(2)));
        clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!sleeper.is_finished());
        clock.clone().advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.monotonic() - monotonic, Duration::from_secs(2));
        assert_eq!(clock.system().duration_since(system).unwrap(), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_sleep_that_is_over_ends_at_once() {
        let clock = StillClock::new();
        clock.sleep_until(clock.monotonic()).await;
    }
}
