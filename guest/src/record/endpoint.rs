//! How a token endpoint has been doing lately, as it is stored. There is a record only while something is amiss.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Record, Stored, Unknown, milliseconds};

/// A token endpoint that failed, or has just come back.
#[derive(Clone, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Record version.
    pub version: u32,
    /// How many requests in a row it did not answer; 0 while it is coming back.
    pub failures: u32,
    /// While it fails: how long after writing nobody asks it. While it is coming back: over how long the grants that
    /// wait for it are spread.
    #[serde(with = "milliseconds")]
    pub remaining: Duration,
    /// How long it had been failing at the time of writing.
    #[serde(with = "milliseconds")]
    pub failing_for: Duration,
    /// Members of newer versions.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Record for EndpointRecord {
    const NAME: &'static str = "token endpoint's state";

    fn version(&self) -> u32 {
        self.version
    }
}

impl Stored<EndpointRecord> {
    /// What is left of its pause or of its coming back.
    pub fn left(&self) -> Duration {
        self.record.remaining.saturating_sub(self.age)
    }
}
