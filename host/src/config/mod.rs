//! The configuration: one file, `fabric-auth.toml`, and the environment above it.
//!
//! [`Config::load`] reads both, refuses what it does not know, and answers with values that are checked and ready to
//! use: URLs that are URLs, paths that are resolved, durations. It holds no secret; where one is needed, a file is
//! named. All keys, their defaults and their descriptions stand in one table, from which the names of the environment
//! variables and the commented file of `fabric-auth init` ([`template()`]) are made too.

mod component;
mod deployment;
mod egress;
mod environment;
mod error;
mod file;
mod gateway;
mod journal;
mod keys;
mod secret_file;
mod service;
mod settings;
mod storage;
mod template;
mod web_url;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use component::{Component, PinnedComponent};
pub use deployment::{Deployment, Mode};
pub use error::{ConfigError, Place};
pub use gateway::GatewayPaths;
pub use journal::Journal;
pub use storage::Storage;
pub use template::{template, template_for};

use self::settings::Settings;
use crate::egress::EgressSettings;
use crate::service::ServiceSettings;

/// The name that the configuration file has where nobody says otherwise.
pub const FILE_NAME: &str = "fabric-auth.toml";

/// Everything an operator can set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Table `[deployment]`: the Prophecy deployment that is served.
    pub deployment: Deployment,
    /// Table `[storage]`: where records are kept.
    pub storage: Storage,
    /// Table `[journal]`: how long the audit journal is kept, and as whom this host writes it.
    pub journal: Journal,
    /// Table `[keys]`: the file of the key ring.
    pub key_ring: PathBuf,
    /// Table `[component]`: which component runs, and where its compiled form is kept.
    pub component: Component,
    /// Table `[egress]`: the way out to the network.
    pub egress: EgressSettings,
    /// Table `[service]`: where the service listens, and whom it believes.
    pub service: ServiceSettings,
    /// Table `[gateway]`: which paths requests may have. The rest of it is [`ServiceSettings::gateway`].
    pub gateway_paths: GatewayPaths,
}

impl Config {
    /// Reads the file at `path`, and over it the variables of `environment` whose names begin with `FABRIC_AUTH_`.
    ///
    /// Without a path it reads [`FILE_NAME`] in the working directory if there is such a file, and else takes the
    /// defaults. Paths in the file and in the variables are relative to the file's folder.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`], which names the key or the variable, where it stands, and what would be right: for a file that
    /// cannot be read or is not TOML, for a key that does not exist, and for a value that does not fit.
    pub fn load(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let default = Path::new(FILE_NAME);
        let path = path.or_else(|| default.exists().then_some(default));
        let mut settings = match path {
            Some(path) => file::read(path)?,
            None => Settings::new(PathBuf::new()),
        };
        environment::read(&mut settings, environment)?;
        Ok(Self {
            deployment: Deployment::read(&settings)?,
            storage: Storage::read(&settings)?,
            journal: Journal::read(&settings)?,
            key_ring: settings.path(&keys::KEYS_FILE)?.value,
            component: Component::read(&settings)?,
            egress: egress::read(&settings)?,
            service: service::read(&settings)?,
            gateway_paths: GatewayPaths::read(&settings)?,
        })
    }
}
