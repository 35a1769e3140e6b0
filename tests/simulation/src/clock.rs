//! True time, which nobody in the simulation can see, and the clocks that hosts go by.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::rng::Rng;

/// True time since the run began.
pub(crate) type Instant = Duration;

/// Most that a machine's clock runs too fast or too slow: ten times what quartz does.
pub(crate) const MOST_DRIFT: f64 = 0.001;

#[derive(Default)]
pub(crate) struct Timers {
    now: Cell<Instant>,
    waiting: RefCell<BTreeMap<(Instant, u64), Waker>>,
    last: Cell<u64>,
}

impl Timers {
    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    pub(crate) fn sleep_until(self: &Rc<Self>, until: Instant) -> Sleep {
        Sleep { timers: self.clone(), until, key: None }
    }

    pub(crate) fn sleep(self: &Rc<Self>, span: Duration) -> Sleep {
        self.sleep_until(self.now() + span)
    }

    /// Moves time to the next moment somebody waits for. False when nobody waits.
    pub(crate) fn advance(&self) -> bool {
        let Some((&(moment, _), _)) = self.waiting.borrow().first_key_value() else { return false };
        self.now.set(moment.max(self.now()));
        loop {
            let mut waiting = self.waiting.borrow_mut();
            match waiting.first_entry() {
                Some(entry) if entry.key().0 <= moment => {
                    let waker = entry.remove();
                    drop(waiting);
                    waker.wake();
                }
                _ => return true,
            }
        }
    }
}

/// Waits for a moment.
pub(crate) struct Sleep {
    timers: Rc<Timers>,
    until: Instant,
    key: Option<(Instant, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.timers.now() >= self.until {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            self.timers.last.set(self.timers.last.get() + 1);
            (self.until, self.timers.last.get())
        });
        self.timers.waiting.borrow_mut().insert(key, context.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.timers.waiting.borrow_mut().remove(&key);
        }
    }
}

/// A host's clocks. The monotonic one begins anywhere, runs a little too fast or too slow, and counts while the host is
/// frozen; the wall clock may say anything.
pub(crate) struct HostClock {
    start: Duration,
    rate: f64,
    wall: Cell<i64>,
}

/// What the wall clocks are around: some day in 2026.
const DATE: i64 = 1_795_000_000;

impl HostClock {
    pub(crate) fn new(rng: &Rng) -> Self {
        let drift = (rng.below(2_001) as f64 / 1_000.0 - 1.0) * MOST_DRIFT;
        let off = *rng.pick(&[0, 0, -240, 300, -31_536_000, 31_536_000]);
        Self { start: rng.seconds(1, 1_000_000), rate: 1.0 + drift, wall: Cell::new(DATE + off) }
    }

    pub(crate) fn monotonic(&self, now: Instant) -> Duration {
        self.start + now.mul_f64(self.rate)
    }

    /// The true moment at which so much time will have passed by this clock.
    pub(crate) fn after(&self, now: Instant, span: Duration) -> Instant {
        now + span.div_f64(self.rate) + Duration::from_nanos(1)
    }

    pub(crate) fn unix_seconds(&self, now: Instant) -> u64 {
        u64::try_from(self.wall.get() + now.as_secs() as i64).unwrap_or_default()
    }

    pub(crate) fn jump_wall(&self, seconds: i64) {
        self.wall.set(self.wall.get() + seconds);
    }
}

/// What an HTTP date is made from: Databricks' own clock is right.
pub(crate) fn true_unix_seconds(now: Instant) -> u64 {
    DATE as u64 + now.as_secs()
}
