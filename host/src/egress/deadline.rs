//! A moment by which something must have happened, on the clock that runs while the machine sleeps.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::clock::SharedClock;

/// The deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed;

/// A moment of a [`Clock`](crate::clock::Clock) that one can wait for.
pub(super) struct Deadline {
    clock: SharedClock,
    moment: Duration,
    /// Made when somebody first has to wait.
    sleep: Option<BoxFuture<'static, ()>>,
}

impl Deadline {
    /// A deadline at a moment of the monotonic clock.
    pub(super) fn at(clock: SharedClock, moment: Duration) -> Self {
        Self { clock, moment, sleep: None }
    }

    /// A deadline so long after now.
    pub(super) fn after(clock: SharedClock, span: Duration) -> Self {
        let moment = clock.monotonic().saturating_add(span);
        Self::at(clock, moment)
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // The clock first: a sleep may wake up to a second late after the machine was suspended, and one that has ended
        // must not be polled again.
        if self.clock.monotonic() >= self.moment {
            return Poll::Ready(());
        }
        let sleep = self.sleep.get_or_insert_with(|| self.clock.sleep_until(self.moment));
        sleep.as_mut().poll(context)
    }

    /// Runs a future until the deadline, and drops it then.
    ///
    /// # Errors
    ///
    /// [`Passed`] if the future was not ready in time. One that is ready at the very end counts as in time.
    pub(super) async fn bound<F: Future>(&mut self, future: F) -> Result<F::Output, Passed> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_passed(context).map(|()| Err(Passed)),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MovableClock;
    use std::future::{pending, ready};
    use std::sync::Arc;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_clock_that_jumps_while_one_waits_is_noticed() {
        let clock = MovableClock::new();
        let mut deadline = Deadline::after(Arc::new(clock.clone()), HOUR);
        let waiting = tokio::spawn(async move { deadline.bound(pending::<()>()).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        clock.advance(HOUR);
        let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
        assert_eq!(answer, Err(Passed));
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_can_be_asked_again() {
        let mut deadline = Deadline::after(Arc::new(MovableClock::new()), Duration::from_millis(10));
        assert_eq!(deadline.bound(pending::<()>()).await, Err(Passed));
        assert_eq!(deadline.bound(pending::<()>()).await, Err(Passed));
        assert_eq!(deadline.bound(ready("in time")).await, Ok("in time"));
    }
}
