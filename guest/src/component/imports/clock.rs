//! Import `wasi:clocks`.

use std::time::Duration;

use super::Imports;
use crate::bindings::wasi::clocks::{monotonic_clock, system_clock};
use crate::error::nanoseconds;
use crate::ports::Clock;

impl Clock for Imports {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn unix_seconds(&self) -> u64 {
        u64::try_from(system_clock::now().seconds).unwrap_or(0)
    }

    async fn wait(&self, duration: Duration) {
        monotonic_clock::wait_for(nanoseconds(duration)).await;
    }
}
