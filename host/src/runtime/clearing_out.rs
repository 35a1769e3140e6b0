//! Clearing out, in the background, what nobody completed.

use std::sync::Arc;
use std::time::Duration;

use super::Instances;
use super::rounds::LEAST_INTERVAL;
use crate::contract::Error;
use crate::contract::maintenance::ExpiredPage;

/// How many pieces of the list one round goes over, of a hundred records each. The next round goes on from there.
const MOST_PIECES: u32 = 1_000;

impl Instances {
    /// `maintenance.expire`: one piece.
    pub(crate) async fn expire(self: &Arc<Self>, after: Option<String>) -> Result<ExpiredPage, Error> {
        self.call(&["maintenance"], move |accessor, guest| {
            Box::pin(async move { guest.prophecy_fabric_auth_maintenance().call_expire(accessor, after).await })
        })
        .await?
    }

    /// Begins to clear out this often, until the host ends. The first round comes one interval from now.
    pub(crate) fn expire_every(self: &Arc<Self>, interval: Duration) {
        let instances = self.clone();
        let interval = interval.max(LEAST_INTERVAL);
        let first = self.next_round(interval);
        self.spawn_until_the_end(async move { instances.keep_expiring(first, interval).await });
    }

    async fn keep_expiring(self: &Arc<Self>, first: Duration, interval: Duration) {
        let (mut next, mut after) = (first, None);
        loop {
            self.parts.clock.sleep_until(next).await;
            after = self.expire_round(after).await;
            next = self.next_round(interval);
        }
    }

    /// Goes over the list from this place on. Gives the place where the next round begins; none for the start.
    async fn expire_round(self: &Arc<Self>, mut after: Option<String>) -> Option<String> {
        let mut removed: u64 = 0;
        for _ in 0..MOST_PIECES {
            match self.expire(after).await {
                Ok(page) => {
                    removed = removed.saturating_add(page.removed.into());
                    after = page.next;
                }
                Err(error) => {
                    tracing::warn!(%error, "what nobody completed could not be cleared out; it is tried again later");
                    return None;
                }
            }
            if after.is_none() {
                break;
            }
        }
        tracing::debug!(removed, "sign-ins that nobody completed were cleared out");
        after
    }
}
