//! Things that will stand in the way later. They inform; they never block.

use std::time::Duration;

use crate::app_connections::{AppConnection, may_not_be_known_yet};
use crate::contract::databricks_oauth::{Advisory, AdvisoryKind, Job};
use crate::contract::deployment::Description;
use crate::contract::{Activity, Caller, Error};
use crate::core::Core;
use crate::discovery::Workspace;
use crate::error::{Failure, Result, nanoseconds};
use crate::fabrics::service_principal_missing;
use crate::forecast::{in_words, secret_ending, session_ending};
use crate::permissions;
use crate::ports::Ports;
use crate::record::{FabricRecord, GrantRecord};
use crate::storage_key;
use crate::text;

impl<P: Ports> Core<P> {
    /// `databricks-oauth.advisories`: computed from what is stored at this moment, so that it follows every change of
    /// the fabric.
    pub async fn advisories(&self, caller: &Caller, fabric: &str, job: Option<&Job>) -> Result<Vec<Advisory>> {
        let run_as = job.and_then(|job| job.run_as.as_deref());
        if let Some(run_as) = run_as {
            permissions::bounded("job.run-as", run_as, 320)?;
        }
        let deployment = self.deployment()?;
        let fabric = self.fabric(caller, fabric).await?;
        permissions::see_fabric(caller, &fabric.record)?;
        let name = &fabric.record.name;
        let mut found = Vec::new();
        if fabric.record.service_principal_secret.is_none() {
            let message = text_of(service_principal_missing(name));
            found.push(about(name, AdvisoryKind::MissingServicePrincipal, None, message));
        }
        found.extend(secret_ending(&fabric).map(|left| secret_advisory(name, left)));
        found.extend(run_as.and_then(|run_as| run_as_replaced(&fabric.record, run_as)));
        // Nobody signs in where people enter tokens.
        if !fabric.record.takes_personal_access_tokens() {
            found.extend(self.advisories_of_sign_in(caller, &deployment, &fabric.record).await?);
        }
        // What is so already comes first.
        found.sort_by_key(|advisory| advisory.ends_in);
        Ok(found)
    }

    /// What stands in the way of signing in, or soon will.
    async fn advisories_of_sign_in(
        &self,
        caller: &Caller,
        deployment: &Description,
        fabric: &FabricRecord,
    ) -> Result<Vec<Advisory>> {
        let name = &fabric.name;
        let app = match self.app_connection(deployment, &caller.tenant, fabric.app_connection.as_deref()).await {
            Ok(app) => app,
            Err(failure) => {
                return match Error::from(failure) {
                    error @ (Error::AppConnectionMissing(_) | Error::Misconfigured(_)) => {
                        Ok(vec![about(name, AdvisoryKind::MissingAppConnection, None, text_of(error))])
                    }
                    error => Err(error),
                };
            }
        };
        let refused = app.is_secret_refused();
        let refused = refused.then(|| about(name, AdvisoryKind::RefusedClientSecret, None, refused_secret(&app)));
        let ending = self.own_session_ending(caller, fabric, &app).await?;
        Ok(refused.into_iter().chain(ending.map(|left| session_advisory(name, left, &app))).collect())
    }

    /// What is left of the caller's own session, if it ends soon.
    async fn own_session_ending(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
        app: &AppConnection,
    ) -> Result<Option<Duration>> {
        if permissions::identity_for(caller, fabric, Activity::PipelineDevelopment).is_err() {
            return Ok(None);
        }
        let Some(server) = self.known_server(&Workspace::from(fabric)).await? else { return Ok(None) };
        let key = storage_key::person_grant(&caller.tenant, &server.issuer, &app.client_id, &caller.user);
        match self.read::<GrantRecord>(&key).await {
            Ok(grant) => Ok(grant.and_then(|grant| session_ending(&grant, app))),
            Err(Failure::NoAnswer(error)) => Err(error),
            // One that cannot be read is told of by the sign-in status, and hides nothing else here.
            Err(Failure::Told(_)) => Ok(None),
        }
    }
}

fn about(fabric: &str, kind: AdvisoryKind, ends_in: Option<Duration>, message: String) -> Advisory {
    Advisory { kind, fabric: fabric.to_owned(), ends_in: ends_in.map(nanoseconds), message }
}

fn secret_advisory(fabric: &str, left: Duration) -> Advisory {
    let ends = if left.is_zero() {
        "has ended, as was recorded for it: scheduled jobs, releases and deployments there fail".to_owned()
    } else {
        format!("ends in {}: scheduled jobs, releases and deployments there fail from then on", in_words(left))
    };
    let message = format!(
        "The secret of the service principal of the fabric `{fabric}` {ends}. A new one is made in Databricks, by the account's admin or the service principal's manager, and entered in the fabric by an admin of its team."
    );
    about(fabric, AdvisoryKind::ServicePrincipalSecretEnding, Some(left), message)
}

fn session_advisory(fabric: &str, left: Duration, app: &AppConnection) -> Advisory {
    let ends = if left.is_zero() {
        "may have ended already".to_owned()
    } else {
        format!("ends in about {} unless you use it before", in_words(left))
    };
    let basis = if app.session_is_recorded() {
        format!("the lifetime of {} that is recorded for the app connection", in_words(app.session()))
    } else {
        format!(
            "Databricks' default of {}, since no lifetime is recorded for the app connection",
            in_words(app.session())
        )
    };
    let message = format!(
        "Your Databricks session {ends}; this is an estimate by {basis}. Use a fabric of this workspace, or sign in again once it has ended."
    );
    about(fabric, AdvisoryKind::SessionEnding, Some(left), message)
}

/// Told where Run As names somebody else than the service principal that a job really runs as.
fn run_as_replaced(fabric: &FabricRecord, run_as: &str) -> Option<Advisory> {
    fabric.service_principal_secret.as_ref()?;
    let principal = fabric.service_principal_client_id.as_deref()?;
    if run_as.trim().eq_ignore_ascii_case(principal) {
        return None;
    }
    let message = format!(
        "On the fabric `{}` this job runs as the service principal `{}`, not as `{}`, whom its Run As names. What it may do in Databricks is what that service principal may do.",
        fabric.name,
        text::clean(principal, 256),
        text::clean(run_as, 320)
    );
    Some(about(&fabric.name, AdvisoryKind::RunAsReplaced, None, message))
}

fn text_of(error: Error) -> String {
    match error {
        Error::ServicePrincipalMissing(text) | Error::AppConnectionMissing(text) | Error::Misconfigured(text) => text,
        other => other.case().to_owned(),
    }
}

/// People still sign in, so nobody would notice before the former secret ends at Databricks.
fn refused_secret(app: &AppConnection) -> String {
    format!(
        "Databricks refuses the client secret that was entered last for the app connection `{}`; the one before it still works and stands in. Once that one ends at Databricks, nobody can sign in. {} A Prophecy cluster admin can enter it again under Admin Settings > Security.",
        app.name,
        may_not_be_known_yet(app.set_for)
    )
}
