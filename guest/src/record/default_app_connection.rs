//! Which app connection is the default one, as it is stored.
//!
//! A record of its own and not a mark on an app connection: two administrators who choose at once then leave one choice
//! and not two.

use serde::{Deserialize, Serialize};

use super::{Record, Unknown};

/// The choice of a tenant.
#[derive(Clone, Serialize, Deserialize)]
pub struct DefaultAppConnectionRecord {
    /// Record version.
    pub version: u32,
    /// Name of the app connection.
    pub name: String,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Record for DefaultAppConnectionRecord {
    const NAME: &'static str = "choice of the default app connection";

    fn version(&self) -> u32 {
        self.version
    }
}
