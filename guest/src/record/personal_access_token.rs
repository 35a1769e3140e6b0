//! A person's personal access token for a fabric, as it is stored.

use serde::{Deserialize, Serialize};

use super::{FabricRecord, Record, Unknown};

/// A personal access token. It is for the workspace that the fabric had when it was entered, and for no other.
#[derive(Clone, Serialize, Deserialize)]
pub struct PersonalAccessTokenRecord {
    /// Record version.
    pub version: u32,
    /// Root URL of the workspace.
    pub workspace: String,
    /// The workspace id, where the fabric's URL told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// The Databricks account id, where the fabric's URL told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Names this very token: another one that is entered has another.
    pub lineage: String,
    /// Digest of the Databricks subject.
    pub subject: String,
    /// [`Identity`](super::Identity) as JSON, sealed.
    pub identity: String,
    /// The token, sealed. None once Databricks has refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Record for PersonalAccessTokenRecord {
    const NAME: &'static str = "personal access token";

    fn version(&self) -> u32 {
        self.version
    }
}

impl PersonalAccessTokenRecord {
    /// Whether it is for the workspace of a fabric, as that is now.
    pub fn is_for(&self, fabric: &FabricRecord) -> bool {
        fabric.takes_personal_access_tokens()
            && self.workspace == fabric.workspace
            && self.workspace_id == fabric.workspace_id
            && self.account_id == fabric.account_id
    }
}
