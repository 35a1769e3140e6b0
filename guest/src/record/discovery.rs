//! What a workspace's authorization server said about itself, as it is stored.

use serde::{Deserialize, Serialize};

use super::{Record, Unknown};

/// The parts of the server's metadata (RFC 8414 section 2) that are used, after validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoveryRecord {
    /// Record version.
    pub version: u32,
    /// The issuer, byte for byte.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where tokens are had.
    pub token_endpoint: String,
    /// Where tokens are revoked, where the server offers it (RFC 7009).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Whether the server promises `iss` in its redirects (RFC 9207 section 3).
    pub sends_issuer: bool,
    /// The workspace id, where the host told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// Whether the host serves many workspaces, so that calls must name one.
    pub unified: bool,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Record for DiscoveryRecord {
    const NAME: &'static str = "discovery document";

    fn version(&self) -> u32 {
        self.version
    }
}
