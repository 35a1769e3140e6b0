//! What the failure of a workspace API call means, above all: whether the token is to blame.
//!
//! Databricks answers 403 for an expired token and for a missing permission alike, and has changed the status of one
//! and the same refusal over time. Renewing on every 403 would spend refresh tokens on permission errors, renewing on
//! 401 only would never renew; so the words decide.

use crate::peer_answer::{BodyShape, PeerAnswer};

/// What a failure means.
#[derive(Debug, PartialEq, Eq)]
pub enum ApiFailure {
    /// The token has expired, was revoked, or is unknown. The only case in which another token helps.
    TokenRejected,
    /// An IP access list keeps this deployment out.
    BlockedByIpList,
    /// The token or its owner does not belong to this workspace, or the host needs to be told which workspace.
    WrongWorkspace,
    /// The workspace can be reached only through a private link.
    PrivateLinkOnly,
    /// The owner of the token is not a member of the workspace.
    NotAMember,
    /// The token lacks scopes.
    MissingScope {
        /// The scopes, as far as the answer names them.
        scopes: Vec<String>,
    },
    /// The owner of the token lacks a permission.
    PermissionDenied {
        /// The error code, at most 64 bytes.
        code: String,
        /// What was said, at most 512 bytes, fit to be shown.
        message: String,
    },
    /// There is no such cluster, warehouse or path.
    NotFound,
    /// Too many requests.
    Throttled,
    /// Out of service.
    Unavailable,
    /// A login page instead of an answer: the wrong host, or a host that needs to be told which workspace.
    LoginPage,
    /// Anything else.
    Other {
        /// The error code, at most 64 bytes.
        code: String,
        /// What was said, at most 512 bytes, fit to be shown.
        message: String,
    },
}

/// How refused tokens are spoken of, in lower case.
const TOKEN_REFUSALS: [&str; 7] = [
    "invalid access token",
    "invalid token",
    "jwt has expired",
    "token is expired",
    "token is expiring",
    "token expired",
    "expiredjwtexception",
];

/// Finds out what a failure means. `location` is the header of that name, which redirects carry.
pub fn classify(answer: &PeerAnswer, location: Option<&str>) -> ApiFailure {
    if let Some(location) = location
        && location.contains("private-link-validation-error")
    {
        return ApiFailure::PrivateLinkOnly;
    }
    if (300..400).contains(&answer.status) {
        return ApiFailure::LoginPage;
    }
    if answer.tells_of_throttling() {
        return ApiFailure::Throttled;
    }
    if answer.tells_of_ip_list() {
        return ApiFailure::BlockedByIpList;
    }
    if answer.is_refusal()
        && let Some(failure) = by_what_is_said(answer)
    {
        return failure;
    }
    by_status(answer)
}

/// The meaning of code and description of a refusal, where they have one.
fn by_what_is_said(answer: &PeerAnswer) -> Option<ApiFailure> {
    if answer.says(&["does not have required scopes"]) || answer.has_code(&["insufficient_scope"]) {
        return Some(ApiFailure::MissingScope { scopes: answer.scopes() });
    }
    if answer.has_code(&["PERMISSION_DENIED"]) {
        // Before the words about tokens: this message may quote names that anybody can give to their objects.
        return Some(permission_denied(answer));
    }
    if answer.says(&TOKEN_REFUSALS) {
        return Some(ApiFailure::TokenRejected);
    }
    if answer.says(&["invalid access to org", "unable to load oauth config", "incorrectclaimexception"]) {
        return Some(ApiFailure::WrongWorkspace);
    }
    if answer.says(&["user not authorized"]) {
        return Some(ApiFailure::NotAMember);
    }
    let is_missing = answer.has_code(&["RESOURCE_DOES_NOT_EXIST"])
        || (answer.has_code(&["INVALID_PARAMETER_VALUE"]) && answer.says(&["does not exist"]));
    is_missing.then_some(ApiFailure::NotFound)
}

/// The meaning of an answer whose words have none.
fn by_status(answer: &PeerAnswer) -> ApiFailure {
    let in_json = matches!(answer.shape, BodyShape::OAuth | BodyShape::Api | BodyShape::OtherJson);
    match (answer.status, answer.shape) {
        (200..300, BodyShape::Html) => ApiFailure::LoginPage,
        // A page with 401 is a proxy's, which knows nothing of our token.
        (401, shape) if shape != BodyShape::Html => ApiFailure::TokenRejected,
        (403, _) if in_json => permission_denied(answer),
        (404, _) => ApiFailure::NotFound,
        (500.., _) => ApiFailure::Unavailable,
        _ => ApiFailure::Other { code: answer.code.clone(), message: answer.description.clone() },
    }
}

fn permission_denied(answer: &PeerAnswer) -> ApiFailure {
    ApiFailure::PermissionDenied { code: answer.code.clone(), message: answer.description.clone() }
}

#[cfg(test)]
mod tests;
