//! What a host does again and again in the background, and when.

use std::sync::Arc;
use std::time::Duration;

use super::Instances;

/// The least time between two rounds, whatever is asked for.
pub(super) const LEAST_INTERVAL: Duration = Duration::from_secs(1);

impl Instances {
    /// Runs something until the host is to end. It is then dropped where it stands.
    pub(super) fn spawn_until_the_end(self: &Arc<Self>, rounds: impl Future<Output = ()> + Send + 'static) {
        let instances = self.clone();
        self.spawn(async move {
            tokio::select! {
                biased;
                () = instances.end() => {}
                () = rounds => {}
            }
        });
    }

    /// When the round after this moment is due, on the host's monotonic clock.
    pub(super) fn next_round(&self, interval: Duration) -> Duration {
        self.parts.clock.monotonic().saturating_add(with_jitter(interval))
    }
}

/// How long after this moment the next round comes at the latest.
pub(super) fn latest_round(interval: Duration) -> Duration {
    interval.saturating_add(interval / 10)
}

/// The interval and up to a tenth of it, so that hosts on one database do not all do it at the same moment.
fn with_jitter(interval: Duration) -> Duration {
    // Without random bytes there is no jitter, which costs nothing but that.
    let share = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
    interval.saturating_add((interval / 10).mul_f64(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_grows_by_up_to_a_tenth_and_not_always_by_the_same() {
        let interval = Duration::from_secs(600);
        let drawn: std::collections::BTreeSet<_> = (0..100).map(|_| with_jitter(interval)).collect();
        assert!(drawn.len() > 50, "{drawn:?}");
        assert!(drawn.iter().all(|drawn| (interval..=latest_round(interval)).contains(drawn)), "{drawn:?}");
        assert_eq!(with_jitter(Duration::MAX), Duration::MAX);
    }
}
