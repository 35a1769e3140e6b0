//! Export `maintenance`.

use std::time::Duration;

use super::{Component, core};
use crate::contract::Error;
use crate::contract::maintenance::{DuePage, ExpiredPage, ForecastPage, Guest, RenewalOutcome};

impl Guest for Component {
    async fn renew(grant: String) -> Result<RenewalOutcome, Error> {
        core().renew(&grant).await
    }

    async fn renewals_due(horizon: u64, after: Option<String>) -> Result<DuePage, Error> {
        core().renewals_due(Duration::from_nanos(horizon), after.as_deref()).await
    }

    fn invalidate(keys: Vec<String>) {
        core().invalidate(&keys);
    }

    async fn expire(after: Option<String>) -> Result<ExpiredPage, Error> {
        core().expire(after.as_deref()).await
    }

    async fn forecast(after: Option<String>) -> Result<ForecastPage, Error> {
        core().forecast(after.as_deref()).await
    }
}
