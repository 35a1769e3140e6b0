//! Things that will stand in the way later. They inform; they never block.

use crate::app_connections::{AppConnection, may_not_be_known_yet};
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
            let error = service_principal_missing(&fabric.record.name);
            problems.push((AdvisoryKind::MissingServicePrincipal, text_of(error)));
        }
        // Nobody signs in where people enter tokens.
        if fabric.record.takes_personal_access_tokens() {
            return Ok(advisories_of(&fabric.record.name, problems));
        }
        let app = self.app_connection(&deployment, &caller.tenant, fabric.record.app_connection.as_deref()).await;
        match app.map_err(Error::from) {
            Err(error @ (Error::AppConnectionMissing(_) | Error::Misconfigured(_))) => {
                problems.push((AdvisoryKind::MissingAppConnection, text_of(error)));
            }
            Err(error) => return Err(error),
            Ok(app) if app.is_secret_refused() => problems.push((AdvisoryKind::RefusedClientSecret, refused(&app))),
            Ok(_) => {}
        }
        Ok(advisories_of(&fabric.record.name, problems))
    }
}

fn advisories_of(fabric: &str, problems: Vec<(AdvisoryKind, String)>) -> Vec<Advisory> {
    let told = |(kind, message)| Advisory { kind, fabric: fabric.to_owned(), message };
    problems.into_iter().map(told).collect()
}

fn text_of(error: Error) -> String {
    match error {
        Error::ServicePrincipalMissing(text) | Error::AppConnectionMissing(text) | Error::Misconfigured(text) => text,
        other => other.case().to_owned(),
    }
}

/// People still sign in, so nobody would notice before the former secret ends at Databricks.
fn refused(app: &AppConnection) -> String {
    format!(
        "Databricks refuses the client secret that was entered last for the app connection `{}`; the one before it still works and stands in. Once that one ends at Databricks, nobody can sign in. {} A Prophecy cluster admin can enter it again under Admin Settings > Security.",
        app.name,
        may_not_be_known_yet(app.set_for)
    )
}
