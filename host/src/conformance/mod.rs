//! Conformance: exchanges with a workspace that are kept as data, each played against the component with an exact
//! expectation.
//!
//! The cases are files (`fixtures/exchanges`, whose README documents the format), so that a host in another language can
//! play them too. This program carries them with it. [`Stage::play`] gives a case a workspace on loopback that follows
//! its script, and a host of its own with records in memory and time that stands still unless the case moves it.
//!
//! ```no_run
//! use fabric_auth::Artifact;
//! use fabric_auth::conformance::{Stage, Suite};
//!
//! # async fn example() -> Result<(), fabric_auth::conformance::ConformanceError> {
//! let suite = Suite::embedded()?;
//! let stage = Stage::new(Artifact::embedded(), &suite)?;
//! for case in suite.cases() {
//!     let result = stage.play(case).await;
//!     println!("{} {}", if result.is_ok() { "ok" } else { "FAILED" }, case.name());
//! }
//! # Ok(())
//! # }
//! ```

mod call;
mod callers;
mod case;
mod clear_text;
mod comparison;
mod exchange;
mod known_values;
mod played_host;
mod scripted_body;
mod scripted_workspace;
mod shown;
mod stage;
mod standard;
mod still_clock;
mod suite;

use thiserror::Error;

pub use self::case::Case;
pub use self::comparison::Mismatch;
pub use self::stage::Stage;
pub use self::suite::Suite;
use crate::builder::BuildError;
use crate::keys::KeyRingError;

/// Why cases could not be read, or there is nothing to play them on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// A case file is not as the README has it.
    #[error("the conformance case {name} cannot be read: {reason}")]
    Unreadable {
        /// Name of the case.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// There is no place for what a host needs.
    #[error("a temporary folder could not be made: {0}")]
    Folder(#[from] std::io::Error),
    /// The key ring could not be made.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// The component cannot be run.
    #[error(transparent)]
    Build(#[from] BuildError),
}
