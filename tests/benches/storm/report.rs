//! What was measured, as lines of a table.

use std::time::Duration;

use fabric_auth_tests::Outcome;

/// One storm as it went.
pub struct Measured {
    /// How many refresh requests the token endpoint has counted.
    pub refreshes: u64,
    /// How long each caller who was served has waited, in ascending order.
    pub waits: Vec<Duration>,
    /// What the first of those who were not served were told.
    pub failures: Vec<Outcome>,
}

/// The names of the columns.
pub fn heading() -> String {
    let [p50, p90, p99, max] = ["p50", "p90", "p99", "max"];
    format!("{:<24}{:>9}{:>9}{p50:>10}{p90:>10}{p99:>10}{max:>10}", "", "requests", "served")
}

/// One line.
pub fn line(what: &str, measured: &Measured) -> String {
    let waited = |percent| format!("{:.0} ms", at(&measured.waits, percent).as_secs_f64() * 1_000.0);
    let (requests, served) = (measured.refreshes, measured.waits.len());
    let [p50, p90, p99, max] = [50, 90, 99, 100].map(waited);
    format!("{what:<24}{requests:>9}{served:>9}{p50:>10}{p90:>10}{p99:>10}{max:>10}")
}

/// What this part of the callers did not wait longer than.
fn at(waits: &[Duration], percent: usize) -> Duration {
    let place = (waits.len() * percent).div_ceil(100).saturating_sub(1);
    waits.get(place).copied().unwrap_or_default()
}
