//! Things that will stand in the way later. They inform; they never block.

use crate::contract::databricks_oauth::{Advisory, AdvisoryKind};
use crate::contract::{Caller, Error};
use crate::core::Core;
use crate::error::Result;
use crate::fabrics::service_principal_missing;
use crate::permissions;
use crate::ports::Ports;

impl<P: Ports> Core<P> {
    /// `databricks-oauth.advisories`: computed from what is stored at this moment, so that it follows every change of
    /// the fabric.
    pub async fn advisories(&self, caller: &Caller, fabric: &str) -> Result<Vec<Advisory>> {
        let deployment = self.deployment()?;
        let fabric = self.fabric(caller, fabric).await?;
        permissions::see_fabric(caller, &fabric.record)?;
        let mut problems = Vec::new();
        if fabric.record.service_principal_secret.is_none() {
            problems.push((AdvisoryKind::MissingServicePrincipal, service_principal_missing(&fabric.record.name)));
        }
        // Nobody signs in where people enter tokens.
        if fabric.record.takes_personal_access_tokens() {
            return Ok(advisories_of(&fabric.record.name, problems));
        }
        let app = self.app_connection(&deployment, &caller.tenant, fabric.record.app_connection.as_deref()).await;
        match app.map_err(Error::from) {
            Err(error @ Error::AppConnectionMissing(_)) => problems.push((AdvisoryKind::MissingAppConnection, error)),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        Ok(advisories_of(&fabric.record.name, problems))
    }
}

fn advisories_of(fabric: &str, problems: Vec<(AdvisoryKind, Error)>) -> Vec<Advisory> {
    let told = |(kind, error)| Advisory { kind, fabric: fabric.to_owned(), message: text_of(error) };
    problems.into_iter().map(told).collect()
}

fn text_of(error: Error) -> String {
    match error {
        Error::ServicePrincipalMissing(text) | Error::AppConnectionMissing(text) => text,
        other => other.case().to_owned(),
    }
}
