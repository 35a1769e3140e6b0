//! What a command works with: the configuration, the key ring, and a host that ends as it should.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fabric_auth::clock::{SharedClock, SystemClock};
use fabric_auth::config::{Config, ConfigError, FILE_NAME, Mode, PinnedComponent, Place, Storage};
use fabric_auth::contract::administration::FabricDescription;
use fabric_auth::contract::{Caller, Error, deployment};
use fabric_auth::database::{self, Backend};
use fabric_auth::keys::{KeyRing, KeyRingError};
use fabric_auth::{Artifact, ArtifactError, Builder, CompileCache, Deployment, FabricAuth};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::options::Options;
use super::output::Output;

/// The option that names a component, and the variable that stands for the configuration key `component.file`, which it sets.
const COMPONENT_OPTION: &str = "--component";
const COMPONENT_VARIABLE: &str = "FABRIC_AUTH_COMPONENT_FILE";

/// Purpose of the keys that guard the compiled component. Another label would make every machine compile anew.
const COMPILE_CACHE_LABEL: &str = "compile-cache/1";

/// One command makes one call at a time, which may wait for a renewal or two.
const MOST_INSTANCES: u32 = 8;

/// How long a host is to stay.
enum Stay {
    /// For one command.
    Short,
    /// Until it is told to end: it also does what a host does from time to time.
    Long,
}

/// What the options of the command line come to.
pub(super) struct Context {
    pub(super) output: Output,
    options: Options,
    clock: SharedClock,
}

/// A host that is running, and who calls it.
pub(super) struct Session {
    pub(super) host: FabricAuth,
    pub(super) caller: Caller,
    pub(super) config: Config,
    /// The ring that the host works with: what is done to it here is in force there at once.
    pub(super) keys: KeyRing,
    pub(super) database: Box<dyn Backend>,
}

impl Context {
    pub(super) fn new(options: Options, output: Output) -> Self {
        Self { output, options, clock: Arc::new(SystemClock::new()) }
    }

    pub(super) fn clock(&self) -> SharedClock {
        self.clock.clone()
    }

    /// The component that was named in place of the built-in one.
    pub(super) fn component(&self) -> Option<&Path> {
        self.options.component.as_deref()
    }

    /// The configuration file that was named.
    pub(super) fn configuration_file(&self) -> Option<&Path> {
        self.options.config.as_deref()
    }

    /// Refuses a caller who does not operate the deployment; for what the component is not asked about.
    pub(super) fn require_operator(&self, what: &str) -> Result<(), Failure> {
        if self.options.is_operator() {
            return Ok(());
        }
        Err(Error::Forbidden(format!("{what} is for the operator of this deployment (--role operator).")).into())
    }

    /// The configuration. There must be a file: a mistyped folder is not to pass for an empty deployment.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let path = self.options.config.clone().unwrap_or_else(|| PathBuf::from(FILE_NAME));
        if !path.exists() {
            return Err(Failure::operator(format!(
                "There is no configuration file {}. Make one with {}, or name another with --config.",
                path.display(),
                self.init_command()
            )));
        }
        let component = self.component_setting()?;
        let is_option = component.is_some();
        Config::load(Some(&path), environment().chain(component)).map_err(|error| match error {
            // Told by the name that was typed.
            ConfigError::Wrong { key, place: Place::Variable(variable), right }
                if is_option && variable == COMPONENT_VARIABLE =>
            {
                ConfigError::Wrong { key, place: Place::Option(COMPONENT_OPTION), right }.into()
            }
            other => other.into(),
        })
    }

    /// The key ring of a configuration.
    pub(super) fn key_ring(&self, config: &Config) -> Result<KeyRing, Failure> {
        KeyRing::open(&config.key_ring, self.clock()).map_err(|error| match error {
            KeyRingError::Missing(path) => Failure::operator(format!(
                "There is no key ring {}. Restore it from its backup; if nothing is stored yet, make one with {}.",
                path.display(),
                self.init_command()
            )),
            other => other.into(),
        })
    }

    /// The command that makes what a configuration names and is not there.
    fn init_command(&self) -> String {
        match self.configuration_file() {
            Some(file) => format!("`fabric-auth init --config {}`", file.display()),
            None => "`fabric-auth init`".to_owned(),
        }
    }

    /// Does something with a host, and ends it so that no renewal is lost, even when the command is told to end.
    pub(super) async fn with_host<T>(
        &self,
        work: impl AsyncFnOnce(&Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let session = self.open(Stay::Short).await?;
        let result = tokio::select! {
            result = work(&session) => result,
            () = told_to_end() => Err(Failure::Interrupted),
        };
        // No other host may ever run here that would do it. A command leaves no more than it finds.
        if session.host.journal_events() > 0
            && let Err(error) = session.host.prune_journal().await
        {
            tracing::warn!(error, "old events of the journal could not be let go");
        }
        session.close().await;
        result
    }

    /// Does something with a host that stays until the command is told to end, which `work` is given to wait for.
    pub(super) async fn with_staying_host<T>(
        &self,
        work: impl AsyncFnOnce(&Session, BoxFuture<'static, ()>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let session = self.open(Stay::Long).await?;
        let result = work(&session, told_to_end().boxed()).await;
        session.close().await;
        result
    }

    async fn open(&self, stay: Stay) -> Result<Session, Failure> {
        let config = self.config()?;
        let keys = self.key_ring(&config)?;
        let database = self.database(&config.storage).await?;
        let builder = self.builder(&config, keys.clone(), database.as_ref())?;
        let builder = match stay {
            Stay::Long => builder,
            Stay::Short => {
                builder.most_instances(MOST_INSTANCES).expire_every(None).renew_ahead_every(None).forecast_every(None)
            }
        };
        let caller = self.options.caller(&config.deployment.tenant);
        Ok(Session { host: builder.build().await?, caller, config, keys, database })
    }

    /// Does something with the database alone. The component is not asked, so the caller must be the operator.
    pub(super) async fn with_database<T>(
        &self,
        work: impl AsyncFnOnce(&dyn Backend, &KeyRing) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let config = self.config()?;
        let keys = self.key_ring(&config)?;
        let database = self.database(&config.storage).await?;
        let result = tokio::select! {
            result = work(database.as_ref(), &keys) => result,
            () = told_to_end() => Err(Failure::Interrupted),
        };
        database.close().await;
        result
    }

    /// The database of a configuration.
    async fn database(&self, storage: &Storage) -> Result<Box<dyn Backend>, Failure> {
        match storage {
            // The library would make an empty one, and a mistyped path pass for a deployment without anything in it.
            Storage::Sqlite(path) if !path.exists() => Err(Failure::operator(format!(
                "There is no database file {}. Correct storage.url, restore the file from its backup, or make an \
                 empty one with {}.",
                path.display(),
                self.init_command()
            ))),
            storage => Ok(database::open(storage, self.clock()).await?),
        }
    }

    fn builder(&self, config: &Config, keys: KeyRing, database: &dyn Backend) -> Result<Builder, Failure> {
        let cache =
            CompileCache { folder: config.component.cache.clone(), keys: keys.derive_each(COMPILE_CACHE_LABEL) };
        let mut builder = FabricAuth::builder(deployment_of(config)?)
            .database(database)
            .keys(Arc::new(keys))
            .clock(self.clock())
            .egress(config.egress.clone())
            .retention(config.journal.retention)
            .compile_cache(cache);
        if let Some(name) = &config.journal.host {
            builder = builder.host_name(name);
        }
        if let Some(pinned) = &config.component.replacement {
            builder = builder.component(pinned_component(pinned)?);
        }
        Ok(builder)
    }

    /// `--component` as a setting, so that it passes the same checks as one in the file.
    fn component_setting(&self) -> Result<Option<(String, String)>, Failure> {
        let Some(file) = self.component() else { return Ok(None) };
        let absolute = std::path::absolute(file).ok().and_then(|path| path.to_str().map(str::to_owned));
        let path =
            absolute.ok_or_else(|| Failure::caller(COMPONENT_OPTION, "The path of the component is not text."))?;
        Ok(Some((COMPONENT_VARIABLE.to_owned(), path)))
    }
}

impl Session {
    async fn close(self) {
        self.host.finish().await;
        self.database.close().await;
    }

    /// A fabric, by name.
    pub(super) async fn fabric(&self, name: &str) -> Result<FabricDescription, Failure> {
        self.host.get_fabric(&self.caller, name).await.map_err(about_fabric(name))
    }
}

/// Makes a failure of an error of a call about the fabric of this name. One that is not there is told with its name
/// and with the way to those that are.
pub(super) fn about_fabric(name: &str) -> impl Fn(Error) -> Failure + '_ {
    move |error| match error {
        Error::NotFound(_) => Failure::from(Error::NotFound(format!(
            "There is no fabric named {name:?} that you may use. `fabric-auth fabric list` shows those there are."
        ))),
        other => other.into(),
    }
}

/// The environment, as far as it is text.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The component in a file, if it is the one that was pinned.
pub(super) fn pinned_component(pinned: &PinnedComponent) -> Result<Artifact, ArtifactError> {
    let digest: String = pinned.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    Artifact::from_file(&pinned.file, &digest)
}

/// The deployment as the component is told of it. What egress adds to it, the builder puts in.
fn deployment_of(config: &Config) -> Result<Deployment, Failure> {
    let configured = &config.deployment;
    Ok(Deployment {
        description: deployment::Description {
            prophecy_version: configured.prophecy_version.clone(),
            mode: match configured.mode {
                Mode::Saas => deployment::Mode::Saas,
                Mode::DedicatedSaas => deployment::Mode::DedicatedSaas,
                Mode::SelfHosted => deployment::Mode::SelfHosted,
            },
            base_url: configured.base_url.clone(),
            redirect_urls: configured.redirect_urls.clone(),
            default_client_id: configured.default_client_id.clone(),
            workspace_suffixes: Vec::new(),
            allow_loopback_http: false,
            gateway_allowed_paths: config.gateway_paths.allowed.clone(),
            gateway_refused_paths: config.gateway_paths.refused.clone(),
        },
        default_client_secret: configured.default_client_secret()?,
    })
}

/// Completes when the process is told to end, by Ctrl-C or by a service manager. From the first call on, neither ends
/// the process by itself.
pub(crate) async fn told_to_end() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        // Then the system's own handling stays in force.
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
