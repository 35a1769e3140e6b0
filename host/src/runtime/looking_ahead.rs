//! Looking ahead, in the background, at what will end, so that the journal tells it in advance.

use std::sync::Arc;
use std::time::Duration;

use super::Instances;
use super::rounds::LEAST_INTERVAL;
use crate::contract::Error;
use crate::contract::maintenance::ForecastPage;

/// How many pieces of the list one round goes over, of a hundred records each. The next round goes on from there.
const MOST_PIECES: u32 = 1_000;

impl Instances {
    /// `maintenance.forecast`: one piece. Always in the same instance, which remembers what it has told.
    pub(crate) async fn forecast(self: &Arc<Self>, after: Option<String>) -> Result<ForecastPage, Error> {
        self.call(&["maintenance"], move |accessor, guest| {
            Box::pin(async move { guest.prophecy_fabric_auth_maintenance().call_forecast(accessor, after).await })
        })
        .await?
    }

    /// Begins to look ahead this often, until the host ends. The first round comes one interval from now.
    pub(crate) fn forecast_every(self: &Arc<Self>, interval: Duration) {
        let instances = self.clone();
        let interval = interval.max(LEAST_INTERVAL);
        let first = self.next_round(interval);
        self.spawn_until_the_end(async move { instances.keep_forecasting(first, interval).await });
    }

    async fn keep_forecasting(self: &Arc<Self>, first: Duration, interval: Duration) {
        let (mut next, mut after) = (first, None);
        loop {
            self.parts.clock.sleep_until(next).await;
            after = self.forecast_round(after).await;
            next = self.next_round(interval);
        }
    }

    /// Goes over the list from this place on. Gives the place where the next round begins; none for the start.
    async fn forecast_round(self: &Arc<Self>, mut after: Option<String>) -> Option<String> {
        let mut told: u64 = 0;
        for _ in 0..MOST_PIECES {
            match self.forecast(after.clone()).await {
                Ok(page) => {
                    told = told.saturating_add(page.told.into());
                    after = page.next;
                }
                Err(error) => {
                    tracing::warn!(%error, "what will end could not be looked at; it is tried again later");
                    // Not from the start: what stands before this place has been looked at.
                    return after;
                }
            }
            if after.is_none() {
                break;
            }
        }
        tracing::debug!(told, "the journal was told what will end");
        after
    }
}
