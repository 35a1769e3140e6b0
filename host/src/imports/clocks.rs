//! Imports `wasi:clocks/monotonic-clock` and `system-clock`, over [`crate::clock`], so that waits of the component
//! follow the injected clock too.

use std::time::{Duration, UNIX_EPOCH};

use wasmtime::Result;
use wasmtime::component::Accessor;

use super::{Imports, parts};
use crate::bindings::wasi::clocks::{monotonic_clock, system_clock};
use crate::runtime::State;

impl monotonic_clock::Host for &mut State {
    fn now(&mut self) -> Result<u64> {
        nanoseconds(self.instances.parts.clock.monotonic())
    }

    fn get_resolution(&mut self) -> Result<u64> {
        Ok(1)
    }
}

impl<T: Send> monotonic_clock::HostWithStore<T> for Imports {
    async fn wait_until(accessor: &Accessor<T, Self>, when: u64) -> Result<()> {
        let clock = parts(accessor).clock.clone();
        clock.sleep_until(Duration::from_nanos(when)).await;
        Ok(())
    }

    async fn wait_for(accessor: &Accessor<T, Self>, how_long: u64) -> Result<()> {
        let clock = parts(accessor).clock.clone();
        let until = clock.monotonic().saturating_add(Duration::from_nanos(how_long));
        clock.sleep_until(until).await;
        Ok(())
    }
}

impl system_clock::Host for &mut State {
    fn now(&mut self) -> Result<system_clock::Instant> {
        let since = self.instances.parts.clock.system().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(system_clock::Instant {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: since.subsec_nanos(),
        })
    }

    fn get_resolution(&mut self) -> Result<u64> {
        Ok(1)
    }
}

fn nanoseconds(reading: Duration) -> Result<u64> {
    Ok(u64::try_from(reading.as_nanos())?)
}
