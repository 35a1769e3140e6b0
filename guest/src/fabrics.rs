//! Fabrics, as tokens need them: found, allowed, and with their service principal's credentials.

use crate::contract::{Caller, Error};
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::permissions;
use crate::ports::Ports;
use crate::record::{FabricRecord, Stored};
use crate::sealing::Binding;
use crate::secret::ClientSecret;
use crate::storage_key;
use crate::text;

impl<P: Ports> Core<P> {
    /// A fabric of the caller's tenant, whether or not the caller may use it.
    ///
    /// # Errors
    /// `invalid-input` for a name that cannot be one, `not-found`.
    pub(crate) async fn fabric(&self, caller: &Caller, name: &str) -> Result<Stored<FabricRecord>, Failure> {
        permissions::check_caller(caller)?;
        permissions::bounded("fabric", name, 128)?;
        Ok(self.fabric_of(&caller.tenant, name).await?.ok_or_else(permissions::no_such_fabric)?)
    }

    /// A fabric by tenant and name, if it is there.
    ///
    /// # Errors
    /// `internal` when the record under its key is damaged or another fabric's: somebody changed it in the store.
    pub(crate) async fn fabric_of(&self, tenant: &str, name: &str) -> Result<Option<Stored<FabricRecord>>, Failure> {
        let damaged = || {
            Error::Internal(format!(
                "What is stored of the fabric `{}` is damaged; it was not used, and left as it is. A Prophecy cluster admin can remove it; then it can be created anew.",
                text::clean(name, 128)
            ))
        };
        match self.read(&storage_key::fabric(tenant, name)).await {
            Ok(Some(stored)) if !is_in_place(tenant, &stored) => Err(damaged().into()),
            Err(Failure::Told(Error::Internal(_))) => Err(damaged().into()),
            stored => stored,
        }
    }

    /// The secret of a fabric's service principal.
    ///
    /// # Errors
    /// `service-principal-missing`, saying who can enter it.
    pub(crate) async fn service_principal_secret(
        &self,
        tenant: &str,
        fabric: &Stored<FabricRecord>,
    ) -> Result<(String, ClientSecret)> {
        let record = &fabric.record;
        let (Some(client_id), Some(sealed)) = (&record.service_principal_client_id, &record.service_principal_secret)
        else {
            return Err(service_principal_missing(&record.name));
        };
        let place = credentials_place(record);
        let binding = service_principal_secret_binding(tenant, &fabric.key, &record.lineage, &place);
        let mut secret = self.open(&binding, sealed).await?;
        Ok((client_id.clone(), ClientSecret::from(std::mem::take(&mut *secret))))
    }
}

/// Whether a fabric stands under its own name.
pub fn is_in_place(tenant: &str, stored: &Stored<FabricRecord>) -> bool {
    storage_key::fabric(tenant, &stored.record.name) == stored.key
}

/// What a fabric's sealed service principal secret is bound to: beside its record, where it may be sent and who may use
/// it. Changed in the store by somebody without the keys, it does not open.
pub fn service_principal_secret_binding<'a>(
    tenant: &'a str,
    key: &'a str,
    lineage: &'a str,
    place: &'a str,
) -> Binding<'a> {
    Binding { tenant, key, lineage, generation: 0, field: place }
}

/// The place of a fabric's credentials: field, workspace, account, client id and team.
pub fn credentials_place(record: &FabricRecord) -> String {
    let account_id = record.account_id.as_deref().unwrap_or_default();
    let client_id = record.service_principal_client_id.as_deref().unwrap_or_default();
    storage_key::digest(&["service-principal-secret", &record.workspace, account_id, client_id, &record.team])
}

/// The answer for unattended work on a fabric without a service principal.
pub fn service_principal_missing(fabric: &str) -> Error {
    Error::ServicePrincipalMissing(format!(
        "Scheduled jobs, releases and deployments on the fabric `{fabric}` run as a service principal, and it has none. An admin of its team can enter Service Principal Client ID and Service Principal Client Secret in the fabric."
    ))
}
