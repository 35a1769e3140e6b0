//! The words of the contract (`wit/*.wit`), under the names of its interfaces.
//!
//! [`Error`] also is a [`std::error::Error`]: its text is for people, its case for programs, and [`Error::actor`] tells
//! who must act.

mod words;

use std::fmt;

pub use self::words::Word;
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

/// Interface `callers`.
pub use crate::bindings::prophecy::fabric_auth::callers;

/// Interface `deployment`.
pub use crate::bindings::prophecy::fabric_auth::deployment;

/// Who must act on an error: the table in `wit/types.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor {
    /// Whoever made the call.
    Caller,
    /// The person whose token it is.
    Person,
    /// A Prophecy cluster admin.
    ClusterAdmin,
    /// An admin of the fabric's team in Prophecy.
    TeamAdmin,
    /// A Databricks account admin.
    AccountAdmin,
    /// A Databricks workspace admin.
    WorkspaceAdmin,
    /// Whoever runs the network.
    NetworkAdministrator,
    /// Nobody: try again later.
    Nobody,
    /// The operator of this deployment.
    Operator,
    /// The makers of fabric-auth.
    Us,
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Caller => "whoever made the call",
            Self::Person => "the person",
            Self::ClusterAdmin => "a Prophecy cluster admin",
            Self::TeamAdmin => "an admin of the fabric's team",
            Self::AccountAdmin => "a Databricks account admin",
            Self::WorkspaceAdmin => "a Databricks workspace admin",
            Self::NetworkAdministrator => "the network administrator",
            Self::Nobody => "nobody; try again",
            Self::Operator => "the operator of this deployment",
            Self::Us => "the makers of fabric-auth; please report it",
        })
    }
}

impl FabricSettings {
    /// A Spark fabric on which people sign in, with nothing else set.
    pub fn oauth(name: &str, workspace: &str, team: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: FabricKind::Spark,
            workspace: workspace.to_owned(),
            team: team.to_owned(),
            authentication: Authentication::Oauth,
            app_connection: None,
            service_principal_client_id: None,
            service_principal_secret_expires_in: None,
            scopes: Vec::new(),
            service_principal_scopes: Vec::new(),
            compute: None,
            metadata_crawl_identity: IdentityKind::Person,
        }
    }
}

impl Error {
    /// The name of the case, as the contract spells it.
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

    /// Who must act.
    pub fn actor(&self) -> Actor {
        match self {
            Self::InvalidInput(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::Unsupported(_) => Actor::Caller,
            Self::SignInRequired(_) | Self::IdentityMismatch(_) | Self::ConsentDenied(_) => Actor::Person,
            Self::AppConnectionMissing(_) | Self::AppRejected(_) => Actor::ClusterAdmin,
            Self::ServicePrincipalMissing(_) | Self::ServicePrincipalRejected(_) | Self::WrongWorkspace(_) => {
                Actor::TeamAdmin
            }
            Self::ScopeNotGranted(_) | Self::PolicyDenied(_) => Actor::AccountAdmin,
            Self::PermissionDenied(_) => Actor::WorkspaceAdmin,
            Self::BlockedByIpList(_) | Self::PrivateLinkOnly(_) | Self::Unreachable(_) => Actor::NetworkAdministrator,
            Self::Throttled(_) | Self::Unavailable(_) => Actor::Nobody,
            Self::Misconfigured(_) => Actor::Operator,
            Self::Internal(_) => Actor::Us,
        }
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

    /// For an unacceptable parameter: its name in the contract.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidInput(input) => Some(&input.field),
            _ => None,
        }
    }

    /// A parameter is not acceptable.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidInput(InvalidInput { field: field.into(), message: message.into() })
    }

    /// Something the host needs does not answer.
    pub(crate) fn unavailable(message: &str) -> Self {
        Self::Unavailable(Retry { retry_after: None, message: message.to_owned() })
    }
}
