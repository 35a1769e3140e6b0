//! What the gateway answers itself, as problem details (RFC 9457).

use serde::Serialize;

use crate::contract::Error;
use crate::error::nanoseconds;

/// What the identifier of every kind of problem begins with; the case follows.
const TYPE_PREFIX: &str = "urn:prophecy:fabric-auth:error:";

/// An answer of the gateway's own.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body, JSON.
    pub body: String,
    /// Seconds to wait at least before the request is sent again, where that is known.
    pub retry_after: Option<u64>,
}

/// The body.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    case: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Answer {
    /// Nobody is let through without a ticket that the host knows.
    pub fn unauthorized() -> Self {
        Self::of(401, "unauthenticated", "The gateway does not know who sends this request.", None, None)
    }

    /// The request itself cannot be sent on.
    pub fn refused(status: u16, detail: &str) -> Self {
        Self::of(status, "invalid-input", detail, None, None)
    }

    /// The workspace gave no reply. `may_have_arrived` tells whether it may have acted on the request.
    pub fn no_reply(may_have_arrived: bool) -> Self {
        let detail = if may_have_arrived {
            "Databricks gave no reply. Whether it acted on the request is not known."
        } else {
            "Databricks could not be reached. The request was not sent."
        };
        Self::of(if may_have_arrived { 504 } else { 502 }, "unreachable", detail, None, None)
    }

    /// Databricks did not take the token, which has been renewed, but the body of the request is gone.
    pub fn send_again() -> Self {
        let detail = "Databricks did not accept the token and did not act on the request. The token is renewed: send the \
                      request again.";
        Self::of(503, "unavailable", detail, None, Some(0))
    }

    /// Why there is no token. `sign_in_url` leads a person to where they sign in.
    pub fn of_error(error: &Error, sign_in_url: &str) -> Self {
        let (status, url) = match error {
            Error::SignInRequired(_) => (401, Some(sign_in_url)),
            Error::InvalidInput(_) => (400, None),
            Error::Forbidden(_) => (403, None),
            Error::NotFound(_) => (404, None),
            Error::Conflict(_) => (409, None),
            Error::Unsupported(_) => (501, None),
            Error::Throttled(_) | Error::Unavailable(_) => (503, None),
            Error::Misconfigured(_) | Error::Internal(_) => (500, None),
            _ => (424, None),
        };
        let retry_after = match error {
            Error::Throttled(retry) | Error::Unavailable(retry) => retry.retry_after.map(whole_seconds),
            _ => None,
        };
        Self::of(status, error.case(), error.message(), url, retry_after)
    }

    fn of(status: u16, case: &str, detail: &str, sign_in_url: Option<&str>, retry_after: Option<u64>) -> Self {
        let title = case.replace('-', " ");
        let problem = Problem {
            r#type: format!("{TYPE_PREFIX}{case}"),
            title: &title,
            status,
            detail,
            case,
            sign_in_url,
            retry_after,
        };
        // Texts and numbers can always be written as JSON.
        Self { status, body: serde_json::to_string(&problem).unwrap_or_default(), retry_after }
    }
}

/// Not fewer than it takes.
fn whole_seconds(span: u64) -> u64 {
    span.div_ceil(nanoseconds(std::time::Duration::from_secs(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::SignInReason;

    #[test]
    fn who_has_to_sign_in_is_told_where() {
        let answer = Answer::of_error(&Error::sign_in(SignInReason::SessionEnded), "https://p.example.com/connect");
        assert_eq!(answer.status, 401);
        assert!(answer.body.contains(r#""sign_in_url":"https://p.example.com/connect""#), "{}", answer.body);
        assert!(answer.body.contains(r#""case":"sign-in-required""#));
    }

    #[test]
    fn what_passes_by_itself_tells_when_to_come_again() {
        let error = Error::unavailable("The store does not answer.", Some(std::time::Duration::from_millis(1_500)));
        let answer = Answer::of_error(&error, "");
        assert_eq!((answer.status, answer.retry_after), (503, Some(2)));
        assert!(!answer.body.contains("sign_in_url"));
    }
}
