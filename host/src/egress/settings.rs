//! What an operator can set about the way out.

use std::path::PathBuf;
use std::time::Duration;

use super::host_rule::HostRule;
use super::policy::EgressPolicy;
use super::resolver::Resolver;

/// The settings of the way out, as the table `[egress]` of the configuration has them.
#[derive(Clone, Debug)]
pub struct EgressSettings {
    /// When not empty, the only hosts that requests go to, among the known zones and the suffixes.
    pub allow: Vec<HostRule>,
    /// Further endings of host names that are accepted as workspaces, besides the known zones.
    pub workspace_suffixes: Vec<HostRule>,
    /// Whether plain http to loopback is let through, as tests and the demonstration need it.
    pub allow_loopback_http: bool,
    /// Whether a workspace may have a private address, as with Databricks' front-end private link. Loopback, link-local
    /// and metadata addresses stay refused.
    pub allow_private_addresses: bool,
    /// PEM file with root certificates that are trusted besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long resolving, connecting and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// How long an exchange may take, from `send` to the last byte of the reply.
    pub total_timeout: Duration,
    /// How many bytes the body of a reply may have.
    pub max_response_body: u64,
}

impl Default for EgressSettings {
    /// https to Databricks' public zones, and nothing else.
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            workspace_suffixes: Vec::new(),
            allow_loopback_http: false,
            allow_private_addresses: false,
            ca_file: None,
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(60),
            max_response_body: Self::MAX_RESPONSE_BODY,
        }
    }
}

impl EgressSettings {
    /// The default of [`max_response_body`](Self::max_response_body): the largest answer that a workspace API documents
    /// is 25 MiB (inline results of the statement API), and the gateway must be able to pass that on.
    pub const MAX_RESPONSE_BODY: u64 = 32 * 1024 * 1024;

    /// The policy that these settings amount to.
    pub fn policy(&self) -> EgressPolicy {
        EgressPolicy::new(self.allow.clone(), self.workspace_suffixes.clone(), self.allow_loopback_http)
    }

    /// The resolver that these settings amount to.
    pub(super) fn resolver(&self) -> Resolver {
        Resolver::new(self.allow_private_addresses, self.allow_loopback_http)
    }
}
