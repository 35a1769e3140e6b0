//! What a fabric is asked to be, judged before anything is written.

use std::time::Duration;

use zeroize::Zeroizing;

use super::secret;
use crate::contract::{Caller, Error, FabricSettings};
use crate::core::Core;
use crate::error::Result;
use crate::permissions;
use crate::ports::Ports;
use crate::record::{FabricRecord, Stored};
use crate::storage_key;

/// Databricks lets a service principal's secret live two years at most; one of them may be a leap year.
const LONGEST_SECRET_LIFE: Duration = Duration::from_secs(731 * 24 * 3_600);

/// What a caller wants a fabric to be.
pub(super) struct Asked {
    /// Without its credentials.
    pub(super) record: FabricRecord,
    /// The service principal's secret, where it was given.
    pub(super) secret: Option<Zeroizing<String>>,
}

impl<P: Ports> Core<P> {
    /// `administration.check-fabric`.
    pub async fn check_fabric(
        &self,
        caller: &Caller,
        settings: FabricSettings,
        service_principal_secret: Option<Zeroizing<String>>,
        expected_revision: Option<u64>,
    ) -> Result<()> {
        let asked = self.asked_fabric(caller, &settings, service_principal_secret)?;
        let key = storage_key::fabric(&caller.tenant, &asked.record.name);
        self.fabric_to_write(caller, &key, &asked, expected_revision).await?;
        Ok(())
    }

    /// What a caller wants a fabric to be, as far as it can be judged without what is there.
    pub(super) fn asked_fabric(
        &self,
        caller: &Caller,
        settings: &FabricSettings,
        service_principal_secret: Option<Zeroizing<String>>,
    ) -> Result<Asked> {
        permissions::check_caller(caller)?;
        let record = self.checked_fabric(settings)?;
        permissions::administer_fabrics(caller, &record.team)?;
        let secret = match service_principal_secret {
            Some(text) => Some(Zeroizing::new(secret("service-principal-secret", &text)?)),
            None => None,
        };
        Ok(Asked { record, secret })
    }

    /// The record that is to be written, and what is there now.
    pub(super) async fn fabric_to_write(
        &self,
        caller: &Caller,
        key: &str,
        asked: &Asked,
        expected_revision: Option<u64>,
    ) -> Result<(FabricRecord, Option<Stored<FabricRecord>>)> {
        let mut record = asked.record.clone();
        let before = self.fabric_of(&caller.tenant, &record.name).await?;
        if let Some(before) = &before {
            permissions::administer_fabrics(caller, &before.record.team)?;
            record.unknown.clone_from(&before.record.unknown);
        }
        expect_revision(expected_revision, before.as_ref())?;
        self.credentials(&caller.tenant, key, &mut record, asked.secret.as_ref(), before.as_ref()).await?;
        Ok((record, before))
    }
}

/// The life of a service principal's secret, where it is given.
pub(super) fn secret_remaining(settings: &FabricSettings, has_service_principal: bool) -> Result<Option<Duration>> {
    let Some(given) = settings.service_principal_secret_expires_in else { return Ok(None) };
    let refused = |message: &str| Err(Error::invalid("settings.service-principal-secret-expires-in", message));
    let given = Duration::from_nanos(given);
    if !has_service_principal {
        return refused("Without a service principal there is no secret that could end.");
    }
    if given > LONGEST_SECRET_LIFE {
        return refused("Databricks lets no secret live longer than two years.");
    }
    Ok(Some(given))
}

fn changed_meanwhile() -> Error {
    Error::Conflict("Somebody else changed this fabric meanwhile. Read it again.".to_owned())
}

fn expect_revision(expected: Option<u64>, before: Option<&Stored<FabricRecord>>) -> Result<()> {
    match (expected, before) {
        (None, _) | (Some(0), None) => Ok(()),
        (Some(0), Some(_)) => Err(Error::Conflict("There is a fabric of this name already.".to_owned())),
        (Some(expected), Some(before)) if before.revision == expected => Ok(()),
        (Some(_), _) => Err(changed_meanwhile()),
    }
}
