//! What a token endpoint's failure means.
//!
//! Decided by what the body says, not by the status: Databricks' statuses vary for one and the same cause, and a
//! refresh token that is dead comes as `invalid_request` as well as `invalid_grant`. What matters most is to keep
//! apart: the grant is dead, the client is misconfigured, nothing was processed, nobody knows.

use core::time::Duration;

use crate::peer_answer::{BodyShape, PeerAnswer};

/// The grant that the token request presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// `authorization_code` (RFC 6749 section 4.1.3).
    AuthorizationCode,
    /// `refresh_token` (RFC 6749 section 6).
    RefreshToken,
    /// `client_credentials` (RFC 6749 section 4.4.2).
    ClientCredentials,
}

/// The client was not accepted: the app connection, or the service principal where it asked for itself.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientRejection {
    /// The error code, at most 64 bytes.
    pub code: String,
    /// What was said, at most 512 bytes, fit to be shown.
    pub description: String,
    /// Whether this is a well-formed `invalid_client` (RFC 6749 section 5.2). Only that proves that the grant was not
    /// touched, so that the previous secret of the client may be tried.
    pub invalid_client: bool,
}

/// What a failure means.
#[derive(Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// The refresh token has expired, was revoked, or was used before.
    DeadGrant,
    /// The authorization code has expired, was used before, or does not belong to this sign-in.
    CodeRefused,
    /// The client id or secret is not accepted, or the client may not do this. No grant is affected.
    ClientRejected(ClientRejection),
    /// Scopes that were asked for are not assigned to the client, or do not exist.
    ScopeNotGranted {
        /// The scopes, as far as the answer names them.
        scopes: Vec<String>,
    },
    /// A policy of the Databricks account refuses.
    PolicyDenied {
        /// What was said, fit to be shown.
        description: String,
    },
    /// An IP access list keeps this deployment out.
    BlockedByIpList,
    /// Microsoft Entra answered, or credentials of Entra were given: an `AADSTS` text.
    EntraCredentials {
        /// What was said, fit to be shown.
        description: String,
    },
    /// There is no token endpoint here: 404, a redirect, a login page.
    WrongEndpoint,
    /// Too many requests. Nothing was processed.
    Throttled {
        /// The least time to wait, where the peer named one.
        retry_after: Option<Duration>,
    },
    /// Out of service, and says so in the words of OAuth or the API. Nothing was processed.
    UnavailableUnprocessed {
        /// The least time to wait, where the peer named one.
        retry_after: Option<Duration>,
    },
    /// Whether the request was processed cannot be known: what it presented may be spent.
    OutcomeUnknown,
    /// Refused as malformed: 400 with an empty body.
    MalformedRequest,
    /// Refused for a reason that is not known here.
    Other {
        /// The error code, at most 64 bytes.
        code: String,
        /// What was said, at most 512 bytes, fit to be shown.
        description: String,
    },
}

/// Finds out what a failure means. `retry_after` is the wait that the answer asks for, see [`crate::retry_after`].
///
/// Also for answers of status 200 that hold no usable token.
pub fn classify(grant_type: GrantType, answer: &PeerAnswer, retry_after: Option<Duration>) -> TokenFailure {
    if answer.tells_of_throttling() {
        return TokenFailure::Throttled { retry_after };
    }
    if answer.tells_of_ip_list() {
        return TokenFailure::BlockedByIpList;
    }
    let speaks_for_the_server = match answer.shape {
        BodyShape::OAuth | BodyShape::Api => true,
        // A gateway's words prove nothing, but `CODE: text` with a status of refusal is the server's.
        BodyShape::Text => answer.is_refusal(),
        BodyShape::OtherJson | BodyShape::Html | BodyShape::Empty => false,
    };
    if speaks_for_the_server && let Some(failure) = by_what_is_said(grant_type, answer) {
        return failure;
    }
    by_status(answer, retry_after)
}

/// The meaning of code and description, where they have one.
fn by_what_is_said(grant_type: GrantType, answer: &PeerAnswer) -> Option<TokenFailure> {
    if answer.says(&["aadsts"]) {
        return Some(TokenFailure::EntraCredentials { description: answer.description.clone() });
    }
    if is_client_rejected(grant_type, answer) {
        return Some(TokenFailure::ClientRejected(ClientRejection {
            code: answer.code.clone(),
            description: answer.description.clone(),
            invalid_client: answer.shape == BodyShape::OAuth && answer.code == "invalid_client",
        }));
    }
    if is_scope_refused(answer) {
        return Some(TokenFailure::ScopeNotGranted { scopes: answer.scopes() });
    }
    if answer.has_code(&["access_denied"]) || answer.says(&["policy evaluation failed"]) {
        return Some(TokenFailure::PolicyDenied { description: answer.description.clone() });
    }
    if answer.says(&["unable to load oauth config", "invalid access to org"]) {
        return Some(TokenFailure::WrongEndpoint);
    }
    match grant_type {
        GrantType::RefreshToken if is_refresh_token_dead(answer) => Some(TokenFailure::DeadGrant),
        GrantType::AuthorizationCode if is_code_refused(answer) => Some(TokenFailure::CodeRefused),
        _ => None,
    }
}

/// Databricks says `invalid_grant` with the text "Invalid Client" too, so the text comes before that code's meaning.
/// For client credentials there is no other grant that could be invalid.
fn is_client_rejected(grant_type: GrantType, answer: &PeerAnswer) -> bool {
    answer.has_code(&["invalid_client", "unauthorized_client"])
        || answer.says(&["invalid client", "client authentication failed", "oauth application with client_id"])
        || (answer.says(&["redirect_uri"]) && answer.says(&["not registered"]))
        || (grant_type == GrantType::ClientCredentials && answer.has_code(&["invalid_grant"]))
}

fn is_scope_refused(answer: &PeerAnswer) -> bool {
    answer.has_code(&["invalid_scope", "insufficient_scope"])
        || (answer.has_code(&["access_denied"]) && answer.says(&["scope"]))
        || answer.says(&["does not have required scopes"])
}

/// The description decides where it is the known one, since the code next to it varies.
fn is_refresh_token_dead(answer: &PeerAnswer) -> bool {
    answer.has_code(&["invalid_grant", "invalid_refresh_token"])
        || (answer.says(&["refresh token"]) && answer.says(&["is invalid", "is expired", "has expired", "revoked"]))
}

fn is_code_refused(answer: &PeerAnswer) -> bool {
    answer.has_code(&["invalid_grant"]) || answer.says(&["authorization code", "code verifier", "code_verifier"])
}

/// The meaning of an answer whose words have none.
fn by_status(answer: &PeerAnswer, retry_after: Option<Duration>) -> TokenFailure {
    let is_refusal_in_json = matches!(answer.shape, BodyShape::OAuth | BodyShape::Api);
    // A gateway on the way also writes JSON; only words of OAuth or a code of the API's prove that it was the server.
    let is_the_server = answer.shape == BodyShape::OAuth || !answer.code.is_empty();
    let is_unavailable = answer.has_code(&["temporarily_unavailable"]) || answer.status == 503;
    match (answer.status, answer.shape) {
        _ if is_refusal_in_json && is_the_server && is_unavailable => {
            TokenFailure::UnavailableUnprocessed { retry_after }
        }
        (404 | 405, _) | (300..400, _) | (400..500, BodyShape::Html) => TokenFailure::WrongEndpoint,
        (400, BodyShape::Empty) => TokenFailure::MalformedRequest,
        (408, _) | (_, BodyShape::Empty) => TokenFailure::OutcomeUnknown,
        // A refusal in JSON is a refusal whatever its status, unless that says that the server failed.
        (200..300, BodyShape::OAuth) | (400..500, _) => {
            TokenFailure::Other { code: answer.code.clone(), description: answer.description.clone() }
        }
        _ => TokenFailure::OutcomeUnknown,
    }
}

#[cfg(test)]
mod tests;
