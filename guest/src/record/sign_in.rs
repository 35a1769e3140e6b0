//! A sign-in that has begun, as it is stored.

use serde::{Deserialize, Serialize};

use super::{Record, Unknown};

/// A pending sign-in. Its key holds the digest of `state`; neither `state` nor the binding secret is stored. The sealed
/// code verifier opens only while every member is what it was when it was sealed, but for `version`, `used_up` and
/// `unknown`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignInRecord {
    /// Record version.
    pub version: u32,
    /// The fabric it was begun for.
    pub fabric: String,
    /// Root URL of the workspace at that time. The tokens are for this workspace, whatever the fabric says meanwhile.
    pub workspace: String,
    /// The workspace id, for unified hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// The issuer that was chosen (RFC 9700 section 4.4.2).
    pub issuer: String,
    /// Where the code will be exchanged.
    pub token_endpoint: String,
    /// Whether the answer must carry `iss`.
    pub issuer_required: bool,
    /// Name of the app connection.
    pub app_connection: String,
    /// Its client id at that time.
    pub client_id: String,
    /// The redirect URL, byte for byte.
    pub redirect_url: String,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// Digest of the binding secret.
    pub binding: String,
    /// Random, and part of what the sealed code verifier is bound to.
    pub lineage: String,
    /// The code verifier (RFC 7636), sealed. Empty once it is used up.
    pub code_verifier: String,
    /// Whether it is being completed: used up, and here until its grant is stored, so that whoever ends the person's
    /// grants meanwhile finds where that will be.
    #[serde(default, skip_serializing_if = "is_false")]
    pub used_up: bool,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Record for SignInRecord {
    const NAME: &'static str = "pending sign-in";

    fn version(&self) -> u32 {
        self.version
    }
}

impl SignInRecord {
    /// What stays of it while it is being completed: nothing to complete it with again. A host of a version that does not
    /// know `used_up` finds that no browser began it.
    pub fn taken(&self) -> Self {
        Self { code_verifier: String::new(), binding: String::new(), used_up: true, ..self.clone() }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}
