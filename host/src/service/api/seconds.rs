//! Durations as JSON: whole seconds.

use std::time::Duration;

/// A duration of the contract as whole seconds, none of them begun.
pub(super) fn seconds(nanoseconds: u64) -> u64 {
    Duration::from_nanos(nanoseconds).as_secs()
}

/// Seconds as the contract counts. What it cannot count is longer than anything it takes.
pub(super) fn nanoseconds(seconds: u64) -> u64 {
    u64::try_from(Duration::from_secs(seconds).as_nanos()).unwrap_or(u64::MAX)
}
