//! The host of one case: records and journal in memory, time that only the case moves, and what was set up.

use std::sync::Arc;
use std::time::Duration;

use super::ConformanceError;
use super::callers::{TEAM, caller, cluster_admin, team_admin};
use super::case::{AppConnection, CallerName, DeploymentMode, Fabric, Setup};
use super::clear_text;
use super::comparison::Mismatch;
use super::known_values::KnownValues;
use super::stage::Stage;
use super::still_clock::StillClock;
use crate::contract::administration::{AppConnectionSettings, RefreshTokenPolicy};
use crate::contract::deployment::Mode;
use crate::contract::{Authentication, Caller, Error, FabricSettings, IdentityKind};
use crate::deployment::Deployment;
use crate::egress::EgressSettings;
use crate::fabric_auth::FabricAuth;
use crate::journal::{Journal as _, MemoryJournal, Outcome, TAIL_LIMIT};
use crate::storage::{LIST_LIMIT, MemoryStorage, Storage as _};

/// The name of the fabric.
pub(super) const FABRIC: &str = "dev";

/// A case makes one call at a time, which may wait for a renewal.
const MOST_INSTANCES: u32 = 8;

/// A version of Prophecy that the component works with.
const PROPHECY_VERSION: &str = "4.2.1";

/// The host of one case.
pub(super) struct PlayedHost {
    pub(super) host: FabricAuth,
    pub(super) clock: StillClock,
    storage: Arc<MemoryStorage>,
    journal: Arc<MemoryJournal>,
    /// How many entries of the journal have been looked at.
    entries_seen: usize,
}

impl PlayedHost {
    /// A host without anything in its store.
    pub(super) async fn new(stage: &Stage, setup: &Setup, known: &KnownValues) -> Result<Self, Mismatch> {
        let clock = StillClock::new();
        let shared = Arc::new(clock.clone());
        let storage = Arc::new(MemoryStorage::new(shared.clone()));
        let journal = Arc::new(MemoryJournal::new(shared.clone()));
        let deployment = deployment(setup.deployment, known).map_err(Mismatch::of_case)?;
        let host = FabricAuth::builder(deployment)
            .storage(storage.clone())
            .journal(journal.clone())
            .keys(Arc::new(stage.keys()))
            .clock(shared)
            .egress(EgressSettings { allow_loopback_http: true, ..EgressSettings::default() })
            .component(stage.component())
            .compile_cache(stage.compile_cache())
            .most_instances(MOST_INSTANCES)
            .expire_every(None)
            .renew_ahead_every(None)
            .build()
            .await
            .map_err(|error| Mismatch::of_case(ConformanceError::from(error).to_string()))?;
        Ok(Self { host, clock, storage, journal, entries_seen: 0 })
    }

    /// Registers the app connection and creates the fabric.
    pub(super) async fn administer(&self, setup: &Setup, known: &KnownValues) -> Result<(), Mismatch> {
        let secret = known.get("app_client_secret").map_err(Mismatch::of_case)?.into();
        if setup.app_connection != AppConnection::None {
            let settings = app_connection(setup.app_connection, known).map_err(Mismatch::of_case)?;
            let secret = settings.confidential.then_some(&secret);
            let set = self.host.set_app_connection(&cluster_admin(), settings, secret).await;
            set.map_err(|error| not_set_up("an app connection", &error))?;
        }
        let settings = fabric(&setup.fabric, known).map_err(Mismatch::of_case)?;
        let secret = known.get("service_principal_secret").map_err(Mismatch::of_case)?.into();
        let secret = settings.service_principal_client_id.is_some().then_some(&secret);
        let put = self.host.put_fabric(&team_admin(), settings, secret, None).await;
        put.map(|_| ()).map_err(|error| not_set_up("a fabric", &error))
    }

    /// Lets time pass.
    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What the journal says since it was last looked at: each action, and with it the case of its error where it
    /// failed.
    pub(super) async fn new_entries(&mut self) -> Result<Vec<String>, Mismatch> {
        let events = self.journal.tail(TAIL_LIMIT).await.map_err(Mismatch::of_case)?;
        let entries = events.iter().skip(self.entries_seen).map(|recorded| {
            let action = serde_json::to_value(recorded.event.action).unwrap_or_default();
            let action = action.as_str().unwrap_or_default().to_owned();
            match &recorded.event.outcome {
                Outcome::Succeeded => action,
                Outcome::Failed(case) => format!("{action}: {case}"),
            }
        });
        let entries = entries.collect();
        self.entries_seen = events.len();
        Ok(entries)
    }

    /// Holds store and journal to holding no secret in clear.
    pub(super) async fn check_secrecy(&self, secrets: &[String]) -> Result<(), Mismatch> {
        let unreadable = |error: &dyn std::fmt::Display| Mismatch::of_case(error.to_string());
        for recorded in self.journal.tail(TAIL_LIMIT).await.map_err(|error| unreadable(&error))? {
            let entry = serde_json::to_vec(&recorded.event).map_err(|error| unreadable(&error))?;
            clear_text::check_bytes("the journal", &entry, secrets)?;
        }
        let page = self.storage.list("", None, *LIST_LIMIT.end()).await.map_err(|error| unreadable(&error))?;
        for (key, entry) in page.entries {
            clear_text::check_bytes("the key of a record", key.as_bytes(), secrets)?;
            clear_text::check_bytes(&format!("the record {key}"), &entry.value, secrets)?;
        }
        Ok(())
    }

    /// A caller that a case names.
    pub(super) fn caller(&self, name: CallerName, known: &KnownValues) -> Result<Caller, Mismatch> {
        caller(name, known).map_err(Mismatch::of_case)
    }
}

fn not_set_up(what: &str, error: &Error) -> Mismatch {
    Mismatch::new("outcome", what, format!("{}: {}", error.case(), error.message()))
}

fn deployment(mode: DeploymentMode, known: &KnownValues) -> Result<Deployment, String> {
    let mut deployment = Deployment::self_hosted(PROPHECY_VERSION, known.get("prophecy")?);
    if matches!(mode, DeploymentMode::Saas) {
        deployment.description.mode = Mode::Saas;
        deployment.description.default_client_id = Some(known.get("app_client_id")?.to_owned());
        deployment.default_client_secret = Some(known.get("app_client_secret")?.into());
    }
    Ok(deployment)
}

fn app_connection(kind: AppConnection, known: &KnownValues) -> Result<AppConnectionSettings, String> {
    Ok(AppConnectionSettings {
        name: "databricks".to_owned(),
        client_id: known.get("app_client_id")?.to_owned(),
        confidential: kind == AppConnection::Confidential,
        default: true,
        scopes: Vec::new(),
        refresh_token_policy: RefreshTokenPolicy::Unknown,
        refresh_token_lifetime: None,
    })
}

fn fabric(fabric: &Fabric, known: &KnownValues) -> Result<FabricSettings, String> {
    let client_id = known.get("service_principal_client_id")?;
    Ok(FabricSettings {
        name: FABRIC.to_owned(),
        kind: fabric.kind,
        workspace: known.fill(&fabric.workspace)?,
        team: TEAM.to_owned(),
        authentication: Authentication::Oauth,
        app_connection: None,
        service_principal_client_id: fabric.service_principal.then(|| client_id.to_owned()),
        service_principal_secret_expires_in: None,
        scopes: fabric.scopes.clone(),
        service_principal_scopes: fabric.service_principal_scopes.clone(),
        compute: fabric.compute.clone(),
        metadata_crawl_identity: IdentityKind::Person,
    })
}
