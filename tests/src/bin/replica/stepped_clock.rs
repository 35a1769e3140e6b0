//! A machine whose wall clock is wrong.

use std::time::{Duration, SystemTime};

use fabric_auth::clock::{Clock, SystemClock};
use futures::future::BoxFuture;

/// The clocks of this machine, with the wall clock set ahead or back. The monotonic clock is the machine's, as is the
/// name of its boot: hosts on one machine share both.
pub struct SteppedClock {
    machine: SystemClock,
    ahead_by: i64,
}

impl SteppedClock {
    /// Clocks whose wall clock is so many seconds ahead.
    pub fn new(ahead_by: i64) -> Self {
        Self { machine: SystemClock::new(), ahead_by }
    }
}

impl Clock for SteppedClock {
    fn system(&self) -> SystemTime {
        let (now, step) = (self.machine.system(), Duration::from_secs(self.ahead_by.unsigned_abs()));
        let stepped = if self.ahead_by < 0 { now.checked_sub(step) } else { now.checked_add(step) };
        stepped.unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn boot_id(&self) -> &str {
        self.machine.boot_id()
    }

    fn sleep_until(&self, monotonic: Duration) -> BoxFuture<'static, ()> {
        self.machine.sleep_until(monotonic)
    }
}
