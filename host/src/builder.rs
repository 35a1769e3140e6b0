//! Putting a host together.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::clock::{SharedClock, SystemClock};
use crate::database::Backend;
use crate::deployment::Deployment;
use crate::egress::{EgressSettings, HttpClient, TlsSettingsError};
use crate::fabric_auth::FabricAuth;
use crate::figures::Counts;
use crate::imports::Tickets;
use crate::journal::{Chain, Journal, Ledger, Recorder, Retention};
use crate::keys::MasterKeys;
use crate::runtime::{Artifact, ArtifactError, CompileCache, Instances, MOST_INSTANCES, Parts};
use crate::storage::{Observed, Storage};

/// How often a long-lived host clears out what nobody completed, if nothing else is said.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

/// How often a long-lived host looks for what is to be renewed ahead, if nothing else is said.
const RENEW_AHEAD_EVERY: Duration = Duration::from_secs(60);

/// How often a long-lived host looks at what will end, if nothing else is said.
const FORECAST_EVERY: Duration = Duration::from_secs(3_600);

/// Collects the parts of a host. Storage, keys and journal must be given; everything else has a default.
pub struct Builder {
    deployment: Deployment,
    storage: Option<Arc<dyn Storage>>,
    keys: Option<Arc<dyn MasterKeys>>,
    journal: Option<Arc<dyn Journal>>,
    ledger: Option<Arc<dyn Ledger>>,
    host_name: Option<String>,
    retention: Retention,
    clock: SharedClock,
    egress: EgressSettings,
    artifact: Artifact,
    compile_cache: Option<CompileCache>,
    most_instances: u32,
    expire_every: Option<Duration>,
    renew_ahead_every: Option<Duration>,
    forecast_every: Option<Duration>,
}

/// Why a host could not be put together.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A part was not given.
    #[error("a host needs {0}; give it to the builder")]
    Missing(&'static str),
    /// The component cannot be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The additional root certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsSettingsError),
}

impl Builder {
    pub(crate) fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            storage: None,
            keys: None,
            journal: None,
            ledger: None,
            host_name: None,
            retention: Retention::default(),
            clock: Arc::new(SystemClock::new()),
            egress: EgressSettings::default(),
            artifact: Artifact::embedded(),
            compile_cache: None,
            most_instances: MOST_INSTANCES,
            expire_every: Some(EXPIRE_EVERY),
            renew_ahead_every: Some(RENEW_AHEAD_EVERY),
            forecast_every: Some(FORECAST_EVERY),
        }
    }

    /// Keeps records and journal in this database.
    #[must_use]
    pub fn database(mut self, database: &dyn Backend) -> Self {
        self.ledger = Some(database.ledger());
        self.storage(database.storage()).journal(database.journal())
    }

    /// Keeps records here.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Writes the journal here.
    #[must_use]
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Names the chain that this host writes in the journal. Default: the name of the machine. Hosts with the same name
    /// write one chain.
    #[must_use]
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.host_name = Some(name.into());
        self
    }

    /// Keeps events of the journal this long, where it is in a [`database`](Self::database). Default: a year, and the last
    /// million of each host.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Wraps data keys with these master keys, and signs the journal with keys derived from them.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn MasterKeys>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Goes by this clock. Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Lets requests out by these settings. Default: https to Databricks' public zones. What of them the component must
    /// know too (plain http to loopback, further host name endings) goes into the deployment's description by itself.
    #[must_use]
    pub fn egress(mut self, egress: EgressSettings) -> Self {
        self.egress = egress;
        self
    }

    /// Runs this component. Default: the one this library was built with.
    #[must_use]
    pub fn component(mut self, artifact: Artifact) -> Self {
        self.artifact = artifact;
        self
    }

    /// Keeps the compiled component between runs. Default: it is compiled at every start, which takes a second.
    #[must_use]
    pub fn compile_cache(mut self, cache: CompileCache) -> Self {
        self.compile_cache = Some(cache);
        self
    }

    /// Makes room for this many instances at once, renewals included; at least 4. Default: 256. Room costs time at the
    /// start, so a program that makes one call and ends asks for little.
    #[must_use]
    pub fn most_instances(mut self, most_instances: u32) -> Self {
        self.most_instances = most_instances;
        self
    }

    /// Clears out sign-ins that nobody completed ([`FabricAuth::expire`]) and events that are too old
    /// ([`FabricAuth::prune_journal`]) this often, and up to a tenth later, in the background and by the host's clock; at
    /// least a second. It ends with the host. Default: ten minutes. `None` leaves it to other hosts on the same database,
    /// which is right for a program that makes one call and ends.
    #[must_use]
    pub fn expire_every(mut self, interval: Option<Duration>) -> Self {
        self.expire_every = interval;
        self
    }

    /// Renews what callers of this host have used within the last hour when its time has come, though nobody asks for it
    /// then, so that no caller waits for a renewal. Looks this often what is coming, and up to a tenth later, in the
    /// background and by the host's clock; at least a second. It ends with the host. Default: a minute. `None` leaves
    /// renewals to callers, which is right for a program that makes one call and ends.
    #[must_use]
    pub fn renew_ahead_every(mut self, interval: Option<Duration>) -> Self {
        self.renew_ahead_every = interval;
        self
    }

    /// Looks at what will end soon, and tells the journal ([`FabricAuth::forecast`]), this often and up to a tenth later,
    /// in the background and by the host's clock; at least a second. It ends with the host. Default: an hour. `None`
    /// leaves it to another host on the same database.
    #[must_use]
    pub fn forecast_every(mut self, interval: Option<Duration>) -> Self {
        self.forecast_every = interval;
        self
    }

    /// Builds the host. Compiling the component takes the time of a blocking task.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(self) -> Result<FabricAuth, BuildError> {
        let Self {
            mut deployment,
            storage,
            keys,
            journal,
            ledger,
            host_name,
            retention,
            clock,
            egress,
            artifact,
            compile_cache,
            most_instances,
            expire_every,
            renew_ahead_every,
            forecast_every,
        } = self;
        deployment.description.allow_loopback_http = egress.allow_loopback_http;
        deployment.description.workspace_suffixes =
            egress.workspace_suffixes.iter().map(|suffix| suffix.as_str().to_owned()).collect();
        let client = HttpClient::new(&egress, clock.clone())?;
        let storage = storage.ok_or(BuildError::Missing("storage"))?;
        let keys = keys.ok_or(BuildError::Missing("master keys"))?;
        let chain = Chain::new(host_name.as_deref(), keys.clone());
        let parts = Parts {
            storage: Observed::new(storage.clone(), clock.clone()),
            keys,
            journal: Recorder::new(journal.ok_or(BuildError::Missing("a journal"))?, chain),
            ledger,
            retention,
            deployment,
            clock,
            egress: client,
            counts: Counts::default(),
            tickets: Tickets::default(),
        };
        let compiling = tokio::task::spawn_blocking(move || artifact.program(compile_cache.as_ref(), most_instances));
        let program = compiling
            .await
            .unwrap_or_else(|panic| Err(ArtifactError::NotOfTheWorld(format!("compiling it failed: {panic}"))))?;
        let (instances, hold) = Instances::new(program, parts);
        if let Some(announcements) = storage.announcements() {
            instances.follow(announcements);
        }
        if let Some(interval) = expire_every {
            instances.expire_every(interval);
        }
        if let Some(interval) = renew_ahead_every {
            instances.renew_ahead_every(interval);
        }
        if let Some(interval) = forecast_every {
            instances.forecast_every(interval);
        }
        Ok(FabricAuth::new(instances, hold))
    }
}
