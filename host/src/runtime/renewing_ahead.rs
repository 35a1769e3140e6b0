//! Renewing, in the background, what is in use, before it ends and though nobody asks for it then.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::oneshot;

use super::Instances;
use super::instance::{Instance, Job, in_time};
use super::rounds::{LEAST_INTERVAL, latest_round};
use crate::contract::Error;
use crate::contract::maintenance::DuePage;

/// How many pieces of its list one instance is asked for, of a hundred grants each. It remembers fewer.
const MOST_PIECES: u32 = 1_000;

impl Instances {
    /// Begins to renew ahead what callers of this host use: looks this often what has come due, until the host ends. The
    /// first round comes one interval from now.
    pub(crate) fn renew_ahead_every(self: &Arc<Self>, interval: Duration) {
        let instances = self.clone();
        let interval = interval.max(LEAST_INTERVAL);
        let first = self.next_round(interval);
        self.spawn_until_the_end(async move { instances.keep_renewing_ahead(first, interval).await });
    }

    async fn keep_renewing_ahead(self: &Arc<Self>, first: Duration, interval: Duration) {
        let mut next = first;
        loop {
            self.parts.clock.sleep_until(next).await;
            next = self.next_round(interval);
            for (at, grant) in self.due_within(latest_round(interval)).await {
                self.parts.clock.sleep_until(at).await;
                self.begin_renewal(grant);
            }
        }
    }

    /// The grants in use that may be renewed within this time from now, and when, on the host's monotonic clock; soonest
    /// first.
    pub(super) async fn due_within(&self, horizon: Duration) -> Vec<(Duration, String)> {
        let mut due = BTreeMap::new();
        let mut instances = pin!(self.existing());
        while let Some(instance) = instances.next().await {
            if let Err(error) = self.collect_due(&instance, horizon, &mut due).await {
                tracing::warn!(%error, "what is to be renewed ahead could not be listed; it is tried again later");
            }
        }
        let mut due: Vec<_> = due.into_iter().map(|(grant, at)| (at, grant)).collect();
        due.sort();
        due
    }

    /// Adds what one instance knows to be in use.
    async fn collect_due(
        &self,
        instance: &Instance,
        horizon: Duration,
        due: &mut BTreeMap<String, Duration>,
    ) -> Result<(), Error> {
        let mut after = None;
        for _ in 0..MOST_PIECES {
            // One that was given up has nothing to tell any more.
            let Some(page) = renewals_due(instance, horizon, after).await else { break };
            let page = page?;
            let now = self.parts.clock.monotonic();
            let when = |due_in| now.saturating_add(Duration::from_nanos(due_in));
            due.extend(page.due.into_iter().map(|renewal| (renewal.grant, when(renewal.due_in))));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// `maintenance.renewals-due` of one instance: a piece. No call of anybody, so that it wears no instance out. Nothing
/// when the instance was given up.
async fn renewals_due(instance: &Instance, horizon: Duration, after: Option<String>) -> Option<Result<DuePage, Error>> {
    let horizon = u64::try_from(horizon.as_nanos()).unwrap_or(u64::MAX);
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |accessor, guest| {
        Box::pin(in_time(async move {
            let maintenance = guest.prophecy_fabric_auth_maintenance();
            // Nobody waits for it any more when the host ends.
            let _ = answer.send(maintenance.call_renewals_due(accessor, horizon, after).await?);
            Ok(())
        }))
    });
    instance.tell(job).await.ok()?;
    answered.await.ok()
}
