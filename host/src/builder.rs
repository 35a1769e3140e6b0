//! Putting a host together.

use std::sync::Arc;

use thiserror::Error;

use crate::clock::{SharedClock, SystemClock};
use crate::database::Database;
use crate::deployment::Deployment;
use crate::egress::{EgressSettings, HttpClient, TlsSettingsError};
use crate::fabric_auth::FabricAuth;
use crate::journal::Journal;
use crate::keys::MasterKeys;
use crate::runtime::{Artifact, ArtifactError, CompileCache, Instances, MOST_INSTANCES, Parts};
use crate::storage::{Observed, Storage};

/// Collects the parts of a host. Storage, keys and journal must be given; everything else has a default.
pub struct Builder {
    deployment: Deployment,
    storage: Option<Arc<dyn Storage>>,
    keys: Option<Arc<dyn MasterKeys>>,
    journal: Option<Arc<dyn Journal>>,
    clock: SharedClock,
    egress: EgressSettings,
    artifact: Artifact,
    compile_cache: Option<CompileCache>,
    most_instances: u32,
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
            clock: Arc::new(SystemClock::new()),
            egress: EgressSettings::default(),
            artifact: Artifact::embedded(),
            compile_cache: None,
            most_instances: MOST_INSTANCES,
        }
    }

    /// Keeps records and journal in this database.
    #[must_use]
    pub fn database(self, database: &Database) -> Self {
        self.storage(Arc::new(database.storage())).journal(Arc::new(database.journal()))
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

    /// Wraps data keys with these master keys.
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

    /// Builds the host. Compiling the component takes the time of a blocking task.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(self) -> Result<FabricAuth, BuildError> {
        let Self { mut deployment, storage, keys, journal, clock, egress, artifact, compile_cache, most_instances } =
            self;
        deployment.description.allow_loopback_http = egress.allow_loopback_http;
        deployment.description.workspace_suffixes =
            egress.workspace_suffixes.iter().map(|suffix| suffix.as_str().to_owned()).collect();
        let client = HttpClient::new(&egress, clock.clone())?;
        let parts = Parts {
            storage: Observed::new(storage.ok_or(BuildError::Missing("storage"))?, clock.clone()),
            keys: keys.ok_or(BuildError::Missing("master keys"))?,
            journal: journal.ok_or(BuildError::Missing("a journal"))?,
            deployment,
            clock,
            egress: client,
        };
        let compiling = tokio::task::spawn_blocking(move || artifact.program(compile_cache.as_ref(), most_instances));
        let program = compiling
            .await
            .unwrap_or_else(|panic| Err(ArtifactError::NotOfTheWorld(format!("compiling it failed: {panic}"))))?;
        Ok(FabricAuth::new(Instances::new(program, parts)))
    }
}
