//! Table `[service]`: the service that `serve` runs.

use std::net::SocketAddr;

use super::error::ConfigError;
use super::keys;
use super::settings::Settings;

/// The service that `serve` runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The address and port that it listens on.
    pub listen: SocketAddr,
}

impl Service {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let listen = settings.text(&keys::SERVICE_LISTEN)?;
        let address = listen.value.parse();
        address
            .map(|listen| Self { listen })
            .map_err(|_| listen.refuse("must be an address and a port, such as \"127.0.0.1:8020\" or \"[::1]:8020\""))
    }
}
