//! The words of the contract, as Rust types: what `wit/*.wit` defines, under the names of its interfaces.
//!
//! The core works on these types directly, so that a word has one definition. They also build natively, where their
//! import functions are never called: the core reaches the outside through [`crate::ports`] only.

pub use crate::bindings::prophecy::fabric_auth::types::{
    Activity, Authentication, Caller, CallerKind, Error, FabricKind, FabricSettings, IdentityKind, IdentityMismatch,
    InvalidInput, PeerError, Retry, ScopeNotGranted, SignInReason, SignInRequired, TeamMembership, TeamRole,
    TokenDescription, TokenReference,
};

/// Interface `databricks-oauth`.
pub use crate::bindings::exports::prophecy::fabric_auth::databricks_oauth;

/// Interface `administration`.
pub use crate::bindings::exports::prophecy::fabric_auth::administration;

/// Interface `maintenance`.
pub use crate::bindings::exports::prophecy::fabric_auth::maintenance;

/// Interface `storage`.
pub use crate::bindings::prophecy::fabric_auth::storage;

/// Interface `keys`.
pub use crate::bindings::prophecy::fabric_auth::keys;

/// Interface `journal`.
pub use crate::bindings::prophecy::fabric_auth::journal;

/// Interface `callers`.
pub use crate::bindings::prophecy::fabric_auth::callers;

/// Interface `deployment`.
pub use crate::bindings::prophecy::fabric_auth::deployment;
