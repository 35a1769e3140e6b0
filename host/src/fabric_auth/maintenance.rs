//! `wit/maintenance.wit`: what a host does by itself, for who would rather say when.

use super::FabricAuth;
use crate::contract::Error;
use crate::contract::maintenance::{ExpiredPage, ForecastPage};

impl FabricAuth {
    /// `expire`: a piece; go on with its `next`. A host does this by itself unless
    /// [`Builder::expire_every`](crate::Builder::expire_every) says otherwise.
    ///
    /// # Errors
    /// As in `wit/maintenance.wit`.
    pub async fn expire(&self, after: Option<&str>) -> Result<ExpiredPage, Error> {
        self.instances.expire(after.map(str::to_owned)).await
    }

    /// `forecast`: a piece; go on with its `next`. A host does this by itself unless
    /// [`Builder::forecast_every`](crate::Builder::forecast_every) says otherwise.
    ///
    /// # Errors
    /// As in `wit/maintenance.wit`.
    pub async fn forecast(&self, after: Option<&str>) -> Result<ForecastPage, Error> {
        self.instances.forecast(after.map(str::to_owned)).await
    }
}
