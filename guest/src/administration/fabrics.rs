//! Creating, changing, describing and removing fabrics.

use std::time::Duration;

use zeroize::Zeroizing;

use super::fabric_check::secret_remaining;
use super::{client_id, plain_name, scopes};
use crate::contract::administration::{FabricDescription, FabricPage};
use crate::contract::journal::Action;
use crate::contract::{Caller, Error, FabricKind, FabricSettings, IdentityKind};
use crate::core::{Core, event, outcome};
use crate::error::Result;
use crate::fabrics::{credentials_place, is_in_place, service_principal_secret_binding};
use crate::permissions;
use crate::ports::Ports;
use crate::record::{FabricRecord, Listed, Record as _, Stored, WRITE_ATTEMPTS, Written, over};
use crate::storage_key;
use crate::workspace_url::{Acceptance, WorkspaceUrl};

/// How many fabrics one call looks at.
const PIECE: u32 = 100;

impl<P: Ports> Core<P> {
    /// `administration.put-fabric`.
    pub async fn put_fabric(
        &self,
        caller: &Caller,
        settings: FabricSettings,
        service_principal_secret: Option<Zeroizing<String>>,
        expected_revision: Option<u64>,
    ) -> Result<FabricDescription> {
        let asked = self.asked_fabric(caller, &settings, service_principal_secret)?;
        let key = storage_key::fabric(&caller.tenant, &asked.record.name);
        for _ in 0..WRITE_ATTEMPTS {
            let (record, before) = self.fabric_to_write(caller, &key, &asked, expected_revision).await?;
            let result = match self.write(&key, &record, None, over(before.as_ref())).await {
                // Somebody else was first. What they wrote is looked at anew: it may be of another revision than was
                // expected, or of another team.
                Ok(Written::Lost(_)) => continue,
                Ok(Written::Done(revision)) => Ok(just_written(record.clone(), &key, revision)),
                Err(error) => Err(error),
            };
            self.tokens.borrow_mut().invalidate(std::slice::from_ref(&key));
            let result = match result {
                Ok(now) => {
                    let before = before.as_ref().map(|before| &before.record);
                    self.after_change(&caller.tenant, before, &now.record).await.map(|()| description(&now))
                }
                Err(error) => Err(error),
            };
            let action = if before.is_some() { Action::FabricChanged } else { Action::FabricCreated };
            let mut entry = event(caller, action);
            entry.fabric = Some(record.name);
            entry.workspace = Some(record.workspace);
            entry.outcome = outcome(&result);
            self.journal(entry).await;
            return result;
        }
        Err(Error::unavailable("The fabric keeps being changed from elsewhere. Try again.", None))
    }

    /// Removes what people have entered and is of no use any more. Also where there was no fabric before: it may have been
    /// removed without that coming to its end.
    async fn after_change(&self, tenant: &str, before: Option<&FabricRecord>, now: &FabricRecord) -> Result<()> {
        if before.is_some_and(|before| same_tokens(before, now)) {
            return Ok(());
        }
        self.remove_personal_access_tokens_on(tenant, &now.name).await
    }

    /// A fabric as it stands in a form. A stored secret comes with it only while workspace and client id are those it
    /// was stored with: otherwise a form could send somebody's secret to a host of its choosing.
    pub(crate) async fn unsaved_fabric(
        &self,
        caller: &Caller,
        settings: &FabricSettings,
        secret_given: bool,
    ) -> Result<Stored<FabricRecord>> {
        permissions::check_caller(caller)?;
        let mut record = self.checked_fabric(settings)?;
        permissions::administer_fabrics(caller, &record.team)?;
        let key = storage_key::fabric(&caller.tenant, &record.name);
        let before = self.fabric_of(&caller.tenant, &record.name).await?;
        if let Some(before) = &before {
            permissions::administer_fabrics(caller, &before.record.team)?;
        }
        if record.service_principal_client_id.is_some() && !secret_given {
            let kept = before.filter(|before| same_credentials(&before.record, &record)).ok_or_else(secret_needed)?;
            record.service_principal_secret = kept.record.service_principal_secret;
            record.lineage = kept.record.lineage;
            record.team = kept.record.team;
        }
        Ok(just_written(record, &key, 0))
    }

    /// Seals a secret that was given, keeps one that may be kept.
    pub(super) async fn credentials(
        &self,
        tenant: &str,
        key: &str,
        record: &mut FabricRecord,
        given: Option<&Zeroizing<String>>,
        before: Option<&Stored<FabricRecord>>,
    ) -> Result<()> {
        record.lineage = self.random_name();
        match (&record.service_principal_client_id, given) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Error::invalid(
                "settings.service-principal-client-id",
                "Enter the client id that belongs to the secret, or leave both empty.",
            )),
            (Some(_), Some(secret)) => self.seal_credentials(tenant, key, record, secret.as_bytes()).await,
            (Some(_), None) => {
                let kept =
                    before.filter(|before| same_credentials(&before.record, record)).ok_or_else(secret_needed)?;
                let (_, secret) = self.service_principal_secret(tenant, kept).await?;
                if same_use(&kept.record, record) {
                    record.lineage.clone_from(&kept.record.lineage);
                }
                // Otherwise it is a new lineage: tokens with the former scopes must not be served.
                self.seal_credentials(tenant, key, record, secret.expose().as_bytes()).await
            }
        }
    }

    /// Seals a secret for the place that the record gives it.
    async fn seal_credentials(&self, tenant: &str, key: &str, record: &mut FabricRecord, secret: &[u8]) -> Result<()> {
        let place = credentials_place(record);
        let binding = service_principal_secret_binding(tenant, key, &record.lineage, &place);
        record.service_principal_secret = Some(self.seal(&binding, secret).await?);
        Ok(())
    }

    /// Settings, checked field by field and put in order. Credentials are not in it yet.
    pub(super) fn checked_fabric(&self, settings: &FabricSettings) -> Result<FabricRecord> {
        let deployment = self.deployment()?;
        permissions::bounded("settings.name", &settings.name, 128)?;
        permissions::bounded("settings.team", &settings.team, 128)?;
        if let Some(app) = &settings.app_connection {
            plain_name("settings.app-connection", app)?;
        }
        let acceptance = Acceptance {
            extra_suffixes: &deployment.workspace_suffixes,
            loopback_http: deployment.allow_loopback_http,
        };
        let workspace = WorkspaceUrl::parse_any(&settings.workspace, &acceptance)
            .map_err(|error| Error::invalid("settings.workspace", error.to_string()))?;
        let service_principal_client_id = match &settings.service_principal_client_id {
            Some(id) => Some(client_id("settings.service-principal-client-id", id)?),
            None => None,
        };
        let crawler = settings.metadata_crawl_identity;
        if service_principal_client_id.is_none() && crawler == IdentityKind::ServicePrincipal {
            return Err(Error::invalid(
                "settings.metadata-crawl-identity",
                "Without a service principal, metadata can only be crawled as the person.",
            ));
        }
        Ok(FabricRecord {
            version: FabricRecord::VERSION,
            name: settings.name.clone(),
            kind: settings.kind.into(),
            workspace: workspace.root().to_owned(),
            workspace_id: workspace.workspace_id().map(str::to_owned),
            account_id: workspace.account_id().map(str::to_owned),
            team: settings.team.clone(),
            authentication: settings.authentication.into(),
            app_connection: settings.app_connection.clone(),
            scopes: scopes("settings.scopes", &settings.scopes)?,
            service_principal_scopes: scopes("settings.service-principal-scopes", &settings.service_principal_scopes)?,
            compute: compute(settings.kind, settings.compute.as_deref().or(workspace.compute()))?,
            metadata_crawl_identity: crawler.into(),
            service_principal_secret_remaining: secret_remaining(settings, service_principal_client_id.is_some())?,
            service_principal_client_id,
            service_principal_secret: None,
            lineage: String::new(),
            unknown: serde_json::Map::new(),
        })
    }

    /// `administration.get-fabric`.
    pub async fn get_fabric(&self, caller: &Caller, name: &str) -> Result<FabricDescription> {
        let stored = self.fabric(caller, name).await?;
        permissions::see_fabric(caller, &stored.record)?;
        Ok(description(&stored))
    }

    /// `administration.list-fabrics`.
    pub async fn list_fabrics(&self, caller: &Caller, after: Option<&str>) -> Result<FabricPage> {
        permissions::check_caller(caller)?;
        let prefix = storage_key::fabrics(&caller.tenant);
        storage_key::check_cursor(&prefix, after)?;
        let page = self.ports.list(&prefix, after, PIECE).await?;
        let Listed { records, unreadable } = Listed::<FabricRecord>::parse(page.entries);
        let (records, displaced): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|stored| is_in_place(&caller.tenant, stored));
        let fabrics = records
            .iter()
            .filter(|stored| permissions::see_fabric(caller, &stored.record).is_ok())
            .map(description)
            .collect();
        // Whose team they are of cannot be told either.
        let unreadable = match permissions::administer_deployment(caller) {
            Ok(()) => unreadable
                .into_iter()
                .map(|unreadable| unreadable.key)
                .chain(displaced.into_iter().map(|stored| stored.key))
                .filter_map(|key| storage_key::fabric_name(&caller.tenant, &key))
                .collect(),
            Err(_) => Vec::new(),
        };
        Ok(FabricPage { fabrics, unreadable, next: page.next })
    }

    /// `administration.remove-fabric`.
    pub async fn remove_fabric(&self, caller: &Caller, name: &str) -> Result<()> {
        let workspace = match self.fabric(caller, name).await.map_err(Error::from) {
            Ok(stored) => {
                permissions::see_fabric(caller, &stored.record)?;
                permissions::administer_fabrics(caller, &stored.record.team)?;
                Some(stored.record.workspace)
            }
            // It is damaged, so that nobody can tell whose team it is of.
            Err(Error::Internal(_)) if permissions::administer_deployment(caller).is_ok() => None,
            Err(error) => return Err(error),
        };
        let result = self.remove_with_token(caller, name).await;
        let mut entry = event(caller, Action::FabricRemoved);
        entry.fabric = Some(name.to_owned());
        entry.workspace = workspace;
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }

    /// The fabric goes first: without it, nobody is served the token that may remain for a moment.
    async fn remove_with_token(&self, caller: &Caller, name: &str) -> Result<()> {
        let key = storage_key::fabric(&caller.tenant, name);
        self.remove(&key).await?;
        self.tokens.borrow_mut().invalidate(&[key]);
        self.remove(&storage_key::service_principal_grant(&caller.tenant, name)).await?;
        self.remove_personal_access_tokens_on(&caller.tenant, name).await
    }
}

/// Whether a stored secret may be used with these settings.
fn same_credentials(before: &FabricRecord, now: &FabricRecord) -> bool {
    before.service_principal_secret.is_some()
        && before.workspace == now.workspace
        && before.account_id == now.account_id
        && before.service_principal_client_id == now.service_principal_client_id
}

/// Whether the personal access tokens that people have entered are of use after a change, or are for another workspace.
fn same_tokens(before: &FabricRecord, now: &FabricRecord) -> bool {
    let place = |record: &FabricRecord| {
        (record.workspace.clone(), record.workspace_id.clone(), record.account_id.clone(), record.authentication)
    };
    now.takes_personal_access_tokens() && place(before) == place(now)
}

/// Whether tokens that were obtained before the change may still be served.
fn same_use(before: &FabricRecord, now: &FabricRecord) -> bool {
    before.service_principal_scopes == now.service_principal_scopes && before.workspace_id == now.workspace_id
}

fn secret_needed() -> Error {
    Error::invalid(
        "service-principal-secret",
        "Enter the service principal's secret. It must be given again when the workspace or the client id changes.",
    )
}

/// A cluster or warehouse id.
fn compute(kind: FabricKind, compute: Option<&str>) -> Result<Option<String>> {
    let Some(id) = compute.map(str::trim).filter(|id| !id.is_empty()) else { return Ok(None) };
    if id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        let noun = if kind == FabricKind::Spark { "cluster" } else { "warehouse" };
        return Err(Error::invalid(
            "settings.compute",
            format!("A {noun} id is made of letters, digits, `-` and `_`."),
        ));
    }
    Ok(Some(id.to_owned()))
}

/// A record as of this moment.
fn just_written(record: FabricRecord, key: &str, revision: u64) -> Stored<FabricRecord> {
    Stored { record, key: key.to_owned(), revision, age: Duration::ZERO, unchanged_for: Duration::ZERO }
}

fn description(stored: &Stored<FabricRecord>) -> FabricDescription {
    FabricDescription {
        settings: stored.settings(),
        workspace_id: stored.record.workspace_id.clone(),
        has_service_principal_secret: stored.record.service_principal_secret.is_some(),
        revision: stored.revision,
    }
}
