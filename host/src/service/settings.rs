//! What an operator sets about the service.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::gateway::GatewaySettings;

/// Where the service listens, and whom it believes.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Address and port. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate to speak TLS with. Without it the service speaks plain http, to this machine and to
    /// [`trusted_proxies`](Self::trusted_proxies) only.
    pub tls: Option<TlsFiles>,
    /// Reverse proxies: who calls from there speaks for others, and its `X-Forwarded-For` and `X-Forwarded-Proto` are
    /// believed. Nobody else's are.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a console session lasts, however much it is used.
    pub session_life: Duration,
    /// The edge gateway; none where there is none.
    pub gateway: Option<GatewaySettings>,
}

/// Files in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8020)),
            tls: None,
            trusted_proxies: Vec::new(),
            session_life: Duration::from_secs(12 * 3_600),
            gateway: None,
        }
    }
}

impl ServiceSettings {
    /// Whether anybody could come to where the service listens over a network that others can read.
    pub(crate) fn is_exposed(&self, listen: SocketAddr) -> bool {
        !listen.ip().is_loopback() && self.tls.is_none() && self.trusted_proxies.is_empty()
    }

    /// Whether requests from this address speak for others.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}
