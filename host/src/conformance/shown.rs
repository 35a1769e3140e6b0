//! Outcomes of calls as JSON: members have the names of the contract with underscores, enumerated values are spelled as
//! there, and durations are in seconds.

use serde_json::{Value, json};

use crate::contract::databricks_oauth::{
    CompletedSignIn, CompletedSignOut, PendingSignIn, RejectionVerdict, SignInState, TestResult,
};
use crate::contract::{Error, PeerError, Retry, TokenDescription, Word as _};

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// An error: its case and what goes with it, and its message.
pub(super) fn error(error: &Error) -> Value {
    let mut shown = match error {
        Error::InvalidInput(input) => json!({ "field": input.field }),
        Error::SignInRequired(required) => {
            json!({ "reason": required.reason.word(), "missing_scopes": required.missing_scopes })
        }
        Error::IdentityMismatch(mismatch) => json!({ "expected": mismatch.expected, "found": mismatch.found }),
        Error::AppRejected(peer)
        | Error::ServicePrincipalRejected(peer)
        | Error::PolicyDenied(peer)
        | Error::PermissionDenied(peer) => peer_error(peer),
        Error::ScopeNotGranted(scope) => json!({ "scopes": scope.scopes }),
        Error::Throttled(retry) | Error::Unavailable(retry) => retry_after(retry),
        _ => json!({}),
    };
    if let Some(members) = shown.as_object_mut() {
        members.insert("case".to_owned(), error.case().into());
        members.insert("message".to_owned(), error.message().into());
    }
    shown
}

fn peer_error(peer: &PeerError) -> Value {
    json!({ "code": peer.code, "status": peer.status })
}

fn retry_after(retry: &Retry) -> Value {
    json!({ "retry_after": retry.retry_after.map(seconds) })
}

/// A sign-in that has begun, with its authorization URL taken apart: parameters in the order of their names.
pub(super) fn pending_sign_in(authorization_url: &str, pending: &PendingSignIn) -> Value {
    let (endpoint, query) = authorization_url.split_once('?').unwrap_or((authorization_url, ""));
    let parameters: Vec<Value> = {
        let mut parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        parameters.sort();
        parameters.into_iter().map(|(name, value)| format!("{name}={value}").into()).collect()
    };
    json!({
        "authorization_endpoint": endpoint,
        "authorization_parameters": parameters,
        "redirect_url": pending.redirect_url,
        "expires_in": seconds(pending.expires_in),
    })
}

/// A sign-in that is complete.
pub(super) fn completed_sign_in(completed: &CompletedSignIn) -> Value {
    json!({
        "fabric": completed.fabric,
        "databricks_user": completed.databricks_user,
        "scopes": completed.scopes,
        "renewable": completed.renewable,
    })
}

/// A token with its description. `lineage` is how the case calls it.
pub(super) fn token(token: &str, description: &TokenDescription, lineage: &str) -> Value {
    json!({
        "token": token,
        "lineage": lineage,
        "generation": description.reference.generation,
        "identity": description.identity.word(),
        "databricks_user": description.databricks_user,
        "workspace_url": description.workspace_url,
        "scopes": description.scopes,
        "expires_in": seconds(description.expires_in),
    })
}

/// What to do about a rejection.
pub(super) fn verdict(verdict: RejectionVerdict) -> Value {
    json!({ "verdict": verdict.word() })
}

/// One step of Test Connection.
pub(super) fn test_result(result: &TestResult) -> Value {
    json!({
        "step": result.step.word(),
        "problem": result.problem.as_ref().map(error),
        "detail": result.detail,
        "next": result.next.map(|step| step.word()),
    })
}

/// Whether a person is signed in.
pub(super) fn sign_in_state(state: &SignInState) -> Value {
    json!({
        "required": state.required.map(|reason| reason.word()),
        "databricks_user": state.databricks_user,
        "scopes": state.scopes,
        "access_token_expires_in": state.access_token_expires_in.map(seconds),
        "renewable": state.renewable,
        "session_expires_in": state.session_expires_in.map(seconds),
    })
}

/// What became of a sign-out.
pub(super) fn completed_sign_out(completed: &CompletedSignOut) -> Value {
    json!({ "grant_ended": completed.grant_ended, "revoked": completed.revoked })
}

#[expect(clippy::cast_precision_loss, reason = "nobody compares parts of a microsecond")]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / SECOND
}
