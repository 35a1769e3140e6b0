//! Errors of the API as problem details (RFC 9457): what happened, who must act, and where programs decide by.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::contract::{Error, Word as _};

/// What the identifier of every kind of problem begins with; the case of the contract's error follows.
const TYPE_PREFIX: &str = "urn:prophecy:fabric-auth:error:";

/// The media type.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem detail.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Problem(Box<Detail>);

/// A problem detail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:prophecy:fabric-auth:error:sign-in-required",
    "title": "Sign in required",
    "status": 409,
    "detail": "Sign in to Databricks to use this fabric.",
    "case": "sign-in-required",
    "actor": "the person",
    "reason": "never-signed-in",
}))]
struct Detail {
    /// Names the kind of problem: `urn:prophecy:fabric-auth:error:` and the case.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What happened this time, for people: who can do what about it.
    detail: String,
    /// The case of the contract's error, for programs.
    case: &'static str,
    /// Who must act, for people.
    actor: String,
    /// For `invalid-input`: the member, parameter or header, such as `settings.workspace`; `body`, `path` or `query` where it
    /// is not one of them alone, and `request` where it is none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// For `sign-in-required`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// For `sign-in-required` and `scope-not-granted`: the scopes in question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    /// For `sign-in-required`, from the gateway: where the person signs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<String>,
    /// For `identity-mismatch`: who was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// For `identity-mismatch`: who signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    /// Seconds to wait at least, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Problem {
    /// The request is not one of this service's.
    pub(crate) fn of_request(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(Detail { status: status.as_u16(), ..Detail::invalid("request", detail) })
    }

    /// A member of the body, a parameter or a header is not acceptable.
    pub(crate) fn of_member(member: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Detail::invalid(member, detail))
    }

    /// Nobody is let in without an API token that is in force.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "Send an API token that is in force: `Authorization: Bearer fabric_auth_…`. An operator makes one with \
                      `fabric-auth user add` or `fabric-auth user token`.";
        Self::new(Detail::of_sender("unauthenticated", StatusCode::UNAUTHORIZED, detail))
    }

    /// Too many attempts to be let in.
    pub(crate) fn too_many_attempts(wait: Duration) -> Self {
        let detail = "Too many requests from this address carried no API token that is in force. Wait, then send the right \
                      one.";
        let refused = Detail::of_sender("too-many-attempts", StatusCode::TOO_MANY_REQUESTS, detail);
        Self::new(Detail { retry_after: Some(seconds(wait)), ..refused })
    }

    /// The same for who can act on it at once: not signed in, and where to.
    pub(super) fn signed_in_at(mut self, url: String) -> Self {
        self.0.status = StatusCode::UNAUTHORIZED.as_u16();
        self.0.sign_in_url = Some(url);
        self
    }

    /// The same for gateways that ask about a request: they refuse it on 401 and 403, and take most others for a failure of
    /// ours. That somebody should come later is told as it is.
    pub(super) fn refusing(mut self) -> Self {
        if (400..500).contains(&self.0.status) && !matches!(self.0.status, 401 | 403 | 429) {
            self.0.status = StatusCode::FORBIDDEN.as_u16();
        }
        self
    }

    fn new(detail: Detail) -> Self {
        Self(Box::new(detail))
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Detail {
    fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Error::invalid("", detail).into() }
    }

    /// A case that is not of the contract: the sender is not let in.
    fn of_sender(case: &'static str, status: StatusCode, detail: &str) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{case}"),
            title: title(case),
            status: status.as_u16(),
            case,
            field: None,
            ..Self::invalid("", detail)
        }
    }
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Detail::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Problem")
    }
}

/// The status of an answer that carries this error. What a person has to mend in Databricks, in the network or in what is
/// registered is 424 and not 5xx: this service and what it stands on are well.
pub(super) fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::InvalidInput(_) => StatusCode::BAD_REQUEST,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict(_) | Error::SignInRequired(_) | Error::IdentityMismatch(_) | Error::ConsentDenied(_) => {
            StatusCode::CONFLICT
        }
        Error::AppConnectionMissing(_)
        | Error::AppRejected(_)
        | Error::ServicePrincipalMissing(_)
        | Error::ServicePrincipalRejected(_)
        | Error::WrongWorkspace(_)
        | Error::ScopeNotGranted(_)
        | Error::PolicyDenied(_)
        | Error::PermissionDenied(_)
        | Error::BlockedByIpList(_)
        | Error::PrivateLinkOnly(_)
        | Error::Unreachable(_) => StatusCode::FAILED_DEPENDENCY,
        Error::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
        Error::Throttled(_) | Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Misconfigured(_) | Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::new(error.into())
    }
}

impl From<Error> for Detail {
    fn from(error: Error) -> Self {
        let case = error.case();
        let (reason, scopes) = match &error {
            Error::SignInRequired(required) => (Some(required.reason.word()), required.missing_scopes.clone()),
            Error::ScopeNotGranted(scope) => (None, scope.scopes.clone()),
            _ => (None, Vec::new()),
        };
        let (expected, found) = match &error {
            Error::IdentityMismatch(mismatch) => (Some(mismatch.expected.clone()), Some(mismatch.found.clone())),
            _ => (None, None),
        };
        let retry_after = match &error {
            Error::Throttled(retry) | Error::Unavailable(retry) => {
                retry.retry_after.map(Duration::from_nanos).map(seconds)
            }
            _ => None,
        };
        Self {
            kind: format!("{TYPE_PREFIX}{case}"),
            title: title(case),
            status: status_of(&error).as_u16(),
            detail: error.message().to_owned(),
            case,
            actor: error.actor().to_string(),
            field: error.field().map(member_of),
            reason,
            scopes,
            sign_in_url: None,
            expected,
            found,
            retry_after,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.0.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fabric-auth\""));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What the API calls a parameter of the contract: members have no hyphens.
fn member_of(field: &str) -> String {
    match field {
        "settings.name" => "name".to_owned(),
        "job.run-as" => "run_as".to_owned(),
        field => field.replace('-', "_"),
    }
}

/// A case as a title: `sign-in-required` is "Sign in required".
fn title(case: &str) -> String {
    let words = case.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Whole seconds, not fewer than it takes.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Retry, SignInReason, SignInRequired};

    #[test]
    fn a_problem_tells_case_actor_and_what_programs_need() {
        let problem = Problem::from(Error::SignInRequired(SignInRequired {
            reason: SignInReason::SessionEnded,
            missing_scopes: Vec::new(),
            message: "Sign in again.".to_owned(),
        }));
        let json = serde_json::to_value(problem).unwrap();
        let expected = serde_json::json!({
            "type": "urn:prophecy:fabric-auth:error:sign-in-required",
            "title": "Sign in required",
            "status": 409,
            "detail": "Sign in again.",
            "case": "sign-in-required",
            "actor": "the person",
            "reason": "session-ended",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn what_passes_by_itself_tells_when_to_try_again() {
        let retry = Retry { retry_after: Some(1_500_000_000), message: "Too many requests.".to_owned() };
        let response = Problem::from(Error::Throttled(retry)).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
