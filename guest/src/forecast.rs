//! What will end, and when: service principals' secrets whose end somebody has recorded, and sessions nobody uses.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::app_connections::AppConnection;
use crate::contract::Error;
use crate::contract::deployment::Description;
use crate::contract::journal::{Action, Outcome};
use crate::contract::maintenance::ForecastPage;
use crate::contract::storage::Entry;
use crate::core::{Core, event_of_host};
use crate::error::{Failure, Result};
use crate::fabrics::is_in_place;
use crate::ports::Ports;
use crate::record::{FabricRecord, GrantRecord, Stored};
use crate::storage_key::{self, FABRICS, GrantKey, PERSON_GRANTS};

/// How many records one call looks at.
const PIECE: u32 = 100;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A new secret takes an admin in Databricks and one in Prophecy, and perhaps a ticket for each.
const SECRET_HORIZON: Duration = Duration::from_secs(30 * DAY.as_secs());

/// A session is kept by using it, for which a working day must be left, whatever day it is told on. Of a short one, the
/// last quarter: else it would be told all the time.
const SESSION_HORIZON: Duration = Duration::from_secs(2 * DAY.as_secs());
const SESSION_SHARE: u32 = 4;

/// What is left of a service principal's secret that ends soon; zero when it has ended. None for any other.
pub fn secret_ending(fabric: &Stored<FabricRecord>) -> Option<Duration> {
    fabric.record.service_principal_secret.as_ref()?;
    fabric.secret_remaining().filter(|left| *left <= SECRET_HORIZON)
}

/// What is left of a session that ends soon if it is not used; zero when it should have ended. None for any other, and
/// for a grant that cannot be renewed in any case.
pub fn session_ending(grant: &Stored<GrantRecord>, app: &AppConnection) -> Option<Duration> {
    let horizon = SESSION_HORIZON.min(app.session() / SESSION_SHARE);
    session_left(grant).filter(|left| *left <= horizon)
}

fn session_left(grant: &Stored<GrantRecord>) -> Option<Duration> {
    let record = &grant.record;
    (record.ended.is_none() && record.refresh_token.is_some()).then(|| grant.session_remaining())
}

/// A span of time as people say it: in its largest unit, rounded down.
pub fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    for (unit, length) in [("day", DAY.as_secs()), ("hour", 3_600), ("minute", 60)] {
        match seconds / length {
            0 => {}
            1 => return format!("1 {unit}"),
            count => return format!("{count} {unit}s"),
        }
    }
    "less than a minute".to_owned()
}

impl<P: Ports> Core<P> {
    /// `maintenance.forecast`.
    pub async fn forecast(&self, after: Option<&str>) -> Result<ForecastPage> {
        let prefix = after.filter(|after| after.starts_with(PERSON_GRANTS)).map_or(FABRICS, |_| PERSON_GRANTS);
        storage_key::check_cursor(prefix, after)?;
        let deployment = self.deployment()?;
        let page = self.ports.list(prefix, after, PIECE).await?;
        let mut told = 0;
        for (key, entry) in page.entries {
            let is_told = if prefix == FABRICS {
                self.foretell_secret(&key, entry).await
            } else {
                self.foretell_session(&deployment, &key, entry).await?
            };
            told += u32::from(is_told);
        }
        // Grants come after the fabrics; every one of their keys sorts after their prefix.
        let next = page.next.or_else(|| (prefix == FABRICS).then(|| PERSON_GRANTS.to_owned()));
        Ok(ForecastPage { told, next })
    }

    /// Tells the journal of a service principal's secret that ends soon. Gives whether it did.
    async fn foretell_secret(&self, key: &str, entry: Entry) -> bool {
        // What cannot be read is told of where it is asked for.
        let Ok(fabric) = Stored::<FabricRecord>::parse(key, entry) else { return false };
        let Some((tenant, _)) = storage_key::parse_fabric(key) else { return false };
        let Some(left) = secret_ending(&fabric).filter(|_| is_in_place(&tenant, &fabric)) else { return false };
        let when = if left.is_zero() { "ended" } else { "ending" };
        if !self.forecasts.borrow_mut().is_first(&["secret", key, &fabric.record.lineage, when]) {
            return false;
        }
        let mut entry = event_of_host(&tenant, Action::ServicePrincipalSecretEnding, None);
        entry.fabric = Some(fabric.record.name);
        entry.workspace = Some(fabric.record.workspace);
        entry.databricks_user = fabric.record.service_principal_client_id;
        if left.is_zero() {
            entry.outcome = Outcome::Failed("service-principal-rejected".to_owned());
        }
        self.journal(entry).await;
        true
    }

    /// Tells the journal of a session that ends soon. Gives whether it did.
    async fn foretell_session(&self, deployment: &Description, key: &str, entry: Entry) -> Result<bool> {
        let Ok(grant) = Stored::<GrantRecord>::parse(key, entry) else { return Ok(false) };
        let Some(GrantKey::Person { tenant }) = storage_key::parse_grant(key) else { return Ok(false) };
        if session_left(&grant).is_none_or(|left| left > SESSION_HORIZON) {
            return Ok(false);
        }
        let app = match self.app_connection(deployment, &tenant, grant.record.app_connection.as_deref()).await {
            Ok(app) if app.client_id == grant.record.client_id => app,
            Err(Failure::NoAnswer(error)) => return Err(error),
            // Without its app connection it is not renewed any more, used or not.
            Ok(_) | Err(Failure::Told(_)) => return Ok(false),
        };
        let reference = grant.record.reference();
        let generation = reference.generation.to_string();
        let thing = ["session", key, &reference.lineage, &generation];
        if session_ending(&grant, &app).is_none() || !self.forecasts.borrow_mut().is_first(&thing) {
            return Ok(false);
        }
        let mut entry = event_of_host(&tenant, Action::SessionEnding, Some(reference));
        // That it cannot be told whose it is keeps nothing else from being told.
        let identity = self.identity(&tenant, &grant).await.map_err(Error::from);
        entry.databricks_user = identity.ok().map(|identity| identity.databricks_user);
        entry.workspace = Some(grant.record.workspace);
        self.journal(entry).await;
        Ok(true)
    }
}
