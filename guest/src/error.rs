//! How the core makes the contract's errors. The cases and who acts on them stand in `wit/types.wit`.

use std::time::Duration;

use crate::contract::keys::KeysError;
use crate::contract::storage::StorageError;
use crate::contract::{Error, InvalidInput, Retry, SignInReason, SignInRequired};

/// Result of the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a record or a secret could not be had, by whether the store said anything at all: memory may stand in for a store
/// that does not answer, and for nothing else.
#[derive(Debug)]
pub enum Failure {
    /// The store or the key store does not answer.
    NoAnswer(Error),
    /// Anything else, such as what a store that does answer leads to.
    Told(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoAnswer(error) | Failure::Told(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Told(error)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) => Self::NoAnswer(error.into()),
            StorageError::OutcomeUnknown(_) | StorageError::OutOfLimits(_) => Self::Told(error.into()),
        }
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Unavailable(_) => Self::NoAnswer(error.into()),
            KeysError::UnknownKey(_) | KeysError::Refused => Self::Told(error.into()),
        }
    }
}

impl Error {
    /// A parameter that is not acceptable, by its name in the contract, and what would be right.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::InvalidInput(InvalidInput { field: field.to_owned(), message: message.into() })
    }

    /// Something that is needed does not answer.
    pub fn unavailable(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self::Unavailable(Retry { retry_after: retry_after.map(nanoseconds), message: message.into() })
    }

    /// A person has to sign in.
    pub fn sign_in(reason: SignInReason) -> Self {
        let message = match reason {
            SignInReason::NeverSignedIn => "Sign in to Databricks to use this fabric.",
            SignInReason::SignedOut => {
                "You have signed out of Databricks, or an administrator has ended your sign-in. Sign in again to use this fabric."
            }
            SignInReason::SessionEnded => {
                "Your Databricks session has ended. Sign in again; your Databricks account admin sets how long it lasts."
            }
            SignInReason::OutcomeUnknown => {
                "Whether your Databricks session can still be renewed is not known: a renewal was interrupted, or a backup of Prophecy's store was put back. Sign in again."
            }
            SignInReason::NoRefreshToken => {
                "Your Databricks sign-in has run out and cannot be renewed, because Databricks gave no refresh token. Sign in again."
            }
            SignInReason::ScopeNotCovered => {
                "This fabric needs more than you agreed to when you signed in. Sign in again."
            }
        };
        Self::SignInRequired(SignInRequired { reason, missing_scopes: Vec::new(), message: message.to_owned() })
    }

    /// A person is signed in, but not with these scopes.
    pub fn scope_not_covered(missing_scopes: Vec<String>) -> Self {
        let message = format!(
            "This fabric also needs: {}. Sign in again to agree to it.",
            crate::text::clean(&missing_scopes.join(", "), 512)
        );
        Self::SignInRequired(SignInRequired { reason: SignInReason::ScopeNotCovered, missing_scopes, message })
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        match self {
            Self::InvalidInput(input) => &input.message,
            Self::SignInRequired(required) => &required.message,
            Self::IdentityMismatch(mismatch) => &mismatch.message,
            Self::AppRejected(peer)
            | Self::ServicePrincipalRejected(peer)
            | Self::PolicyDenied(peer)
            | Self::PermissionDenied(peer) => &peer.message,
            Self::ScopeNotGranted(scope) => &scope.message,
            Self::Throttled(retry) | Self::Unavailable(retry) => &retry.message,
            Self::Forbidden(message)
            | Self::NotFound(message)
            | Self::Conflict(message)
            | Self::Unsupported(message)
            | Self::ConsentDenied(message)
            | Self::AppConnectionMissing(message)
            | Self::ServicePrincipalMissing(message)
            | Self::WrongWorkspace(message)
            | Self::BlockedByIpList(message)
            | Self::PrivateLinkOnly(message)
            | Self::Unreachable(message)
            | Self::Misconfigured(message)
            | Self::Internal(message) => message,
        }
    }

    /// The name of the case, as the contract spells it. Journals and metrics use it.
    pub fn case(&self) -> &'static str {
        match self {
            Self::InvalidInput(_) => "invalid-input",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::Conflict(_) => "conflict",
            Self::Unsupported(_) => "unsupported",
            Self::SignInRequired(_) => "sign-in-required",
            Self::IdentityMismatch(_) => "identity-mismatch",
            Self::ConsentDenied(_) => "consent-denied",
            Self::AppConnectionMissing(_) => "app-connection-missing",
            Self::AppRejected(_) => "app-rejected",
            Self::ServicePrincipalMissing(_) => "service-principal-missing",
            Self::ServicePrincipalRejected(_) => "service-principal-rejected",
            Self::WrongWorkspace(_) => "wrong-workspace",
            Self::ScopeNotGranted(_) => "scope-not-granted",
            Self::PolicyDenied(_) => "policy-denied",
            Self::PermissionDenied(_) => "permission-denied",
            Self::BlockedByIpList(_) => "blocked-by-ip-list",
            Self::PrivateLinkOnly(_) => "private-link-only",
            Self::Unreachable(_) => "unreachable",
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) => "unavailable",
            Self::Misconfigured(_) => "misconfigured",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(reason) => {
                Self::unavailable(format!("The store does not answer: {reason}"), None)
            }
            StorageError::OutcomeUnknown(reason) => Self::unavailable(
                format!("The store did not confirm a write, which may yet have happened: {reason}"),
                None,
            ),
            StorageError::OutOfLimits(reason) => {
                Self::Internal(format!("A record is not within the store's limits: {reason}"))
            }
        }
    }
}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::UnknownKey(key_id) => Self::Misconfigured(format!(
                "The master key {key_id} is not in this host's key ring. Whoever operates this deployment must give it back or add it to this host's ring; nothing is lost."
            )),
            KeysError::Unavailable(reason) => {
                Self::unavailable(format!("The key store does not answer: {reason}"), None)
            }
            KeysError::Refused => Self::Internal(
                "A sealed record does not open: it was changed, moved, or sealed by another key.".to_owned(),
            ),
        }
    }
}

/// Nanoseconds as the contract counts durations; more than 584 years are cut there.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
