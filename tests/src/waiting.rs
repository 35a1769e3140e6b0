//! Waiting for what happens by itself, within bounds.

use std::time::Duration;

use crate::World;

/// How long anything may take, in real time. Generous: it only counts when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a condition holds.
///
/// # Panics
/// When it does not within half a minute; `what` says what was waited for.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !condition().await {
        assert!(tokio::time::Instant::now() < until, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a future while simulated time runs fast, twenty times as fast as real time: what must be done within seconds of
/// simulated time has some hundred milliseconds for it. It stands still once a refresh request
/// has arrived at the workspace, which takes real time and must not miss its deadline in simulated time.
///
/// # Panics
/// When it does not end within half a minute of real time.
pub async fn while_time_passes<T>(world: &World, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let refreshes = world.refreshes();
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Ok(output) = tokio::time::timeout(Duration::from_millis(50), &mut future).await {
            return output;
        }
        assert!(tokio::time::Instant::now() < until, "it did not end, however much time passed");
        if world.refreshes() == refreshes {
            world.advance(Duration::from_secs(1));
        }
    }
}
