//! Clearing out, in the background, what nobody completed, and the events of the journal that are too old.

use std::sync::Arc;
use std::time::Duration;

use super::rounds::LEAST_INTERVAL;
use super::{Instances, Parts};
use crate::contract::Error;
use crate::contract::maintenance::ExpiredPage;

/// How many pieces one round goes over at most: of the list, of a hundred records each, from where the round before
/// ended; and of the journal.
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
            self.prune_round().await;
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

    /// Lets a piece of the events go that are too old. Gives how many went.
    pub(crate) async fn prune_journal(&self) -> Result<u64, String> {
        let Parts { ledger, retention, keys, clock, .. } = &*self.parts;
        match ledger {
            Some(ledger) => retention.let_go(&**ledger, &**keys, &**clock).await,
            None => Ok(0),
        }
    }

    async fn prune_round(&self) {
        let mut pruned: u64 = 0;
        for _ in 0..MOST_PIECES {
            match self.prune_journal().await {
                Ok(0) => break,
                Ok(piece) => pruned = pruned.saturating_add(piece),
                Err(error) => {
                    tracing::warn!(error, "old events could not be let go; it is tried again later");
                    return;
                }
            }
        }
        tracing::debug!(pruned, "events of the journal that were too old were let go");
    }
}
