//! What Databricks sends the browser back with (RFC 6749 section 4.1.2), read from a query string that anybody may
//! have made.

use std::borrow::Cow;
use std::time::Duration;

use zeroize::Zeroize as _;

use crate::app_connections::may_not_be_known_yet;
use crate::contract::{Error, PeerError};
use crate::error::Result;
use crate::peer_answer::scopes_named_in;
use crate::secret::{AuthorizationCode, SignInState};
use crate::text;

/// Longer than any real callback, shorter than any trouble.
const LONGEST: usize = 16 * 1024;

/// A callback.
pub struct Callback {
    /// The `state` that finds the sign-in.
    pub state: SignInState,
    /// `iss` (RFC 9207), decoded.
    pub issuer: Option<String>,
    /// What came of it.
    pub answer: Answer,
}

/// What came of an authorization request.
pub enum Answer {
    /// A code to exchange.
    Code(AuthorizationCode),
    /// An error, as text from the peer, not cleaned yet.
    Refused {
        /// `error`.
        code: String,
        /// `error_description`.
        description: String,
    },
}

/// Reads the query of a callback.
///
/// # Errors
/// `invalid-input` (`callback-query`) when it is too long, repeats a parameter (RFC 6749 section 3.1), or lacks what
/// it must have.
pub fn parse(query: &str) -> Result<Callback> {
    if query.len() > LONGEST {
        return Err(malformed("It is too long."));
    }
    let mut parameters = Parameters::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters.take(&name, value)?;
    }
    let state = given(&mut parameters.state).ok_or_else(|| malformed("The parameter `state` is missing."))?;
    let answer = match (given(&mut parameters.code), given(&mut parameters.error)) {
        (Some(code), None) => Answer::Code(AuthorizationCode::from(code)),
        (None, Some(code)) => {
            Answer::Refused { code, description: given(&mut parameters.description).unwrap_or_default() }
        }
        _ => return Err(malformed("It must have either `code` or `error`.")),
    };
    Ok(Callback { state: SignInState::from(state), issuer: given(&mut parameters.issuer), answer })
}

/// What a refused authorization request means. Where Databricks does not say which scopes it refuses, those that were
/// `asked_for` are named. `set_for`: since when the app connection's client id and secret are the present ones, where
/// that is known.
pub fn refusal(code: &str, description: &str, asked_for: &[String], set_for: Option<Duration>) -> Error {
    let code = text::clean(code, 64);
    let description = text::clean(description, 512);
    if code == "access_denied" && description.to_ascii_lowercase().contains("policy") {
        return Error::PolicyDenied(PeerError {
            code,
            status: 0,
            message: format!(
                "A policy of your Databricks account refuses this sign-in: {description}. A Databricks account admin can change it."
            ),
        });
    }
    let scopes = scopes_named_in(&description);
    match code.as_str() {
        // Databricks says so of scopes that are not assigned to the app connection, too.
        "access_denied" if scopes.is_empty() => {
            Error::ConsentDenied("The sign-in was cancelled, or access was not agreed to.".to_owned())
        }
        "access_denied" | "invalid_scope" => Error::ScopeNotGranted(crate::contract::ScopeNotGranted {
            scopes: if scopes.is_empty() { asked_for.to_vec() } else { scopes },
            message: format!(
                "Databricks does not grant the scopes asked for ({}): {description}. A Databricks account admin can assign them to the app connection.",
                text::clean(&asked_for.join(" "), 256)
            ),
        }),
        "temporarily_unavailable" | "server_error" => Error::unavailable(
            format!("Databricks could not complete the sign-in just now: {description}. Try again."),
            None,
        ),
        _ => Error::AppRejected(PeerError {
            status: 0,
            message: format!(
                "Databricks refused the sign-in ({code}): {description}. {} A Prophecy cluster admin can check the app connection with a Databricks account admin.",
                may_not_be_known_yet(set_for)
            ),
            code,
        }),
    }
}

/// The parameters that are understood, each at most once. Others are ignored.
#[derive(Default)]
struct Parameters {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    description: Option<String>,
    issuer: Option<String>,
}

impl Parameters {
    fn take(&mut self, name: &str, value: Cow<'_, str>) -> Result<()> {
        let slot = match name {
            "state" => &mut self.state,
            "code" => &mut self.code,
            "error" => &mut self.error,
            "error_description" => &mut self.description,
            "iss" => &mut self.issuer,
            _ => return Ok(()),
        };
        if slot.is_some() {
            return Err(malformed("A parameter is repeated."));
        }
        *slot = Some(value.into_owned());
        Ok(())
    }
}

/// What a parameter says; nothing when it is there and empty.
fn given(slot: &mut Option<String>) -> Option<String> {
    slot.take().filter(|value| !value.is_empty())
}

impl Drop for Parameters {
    fn drop(&mut self) {
        self.state.zeroize();
        self.code.zeroize();
    }
}

fn malformed(reason: &str) -> Error {
    Error::invalid("callback-query", format!("This is not an answer from Databricks. {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(query: &str) -> bool {
        matches!(parse(query), Err(Error::InvalidInput(input)) if input.field == "callback-query")
    }

    #[test]
    fn a_code_is_read_with_its_state_and_issuer() {
        let callback = parse("code=a%2Bb&state=s1&iss=https%3A%2F%2Fx%2Foidc&session_state=ignored").unwrap();
        assert_eq!(callback.state.expose(), "s1");
        assert_eq!(callback.issuer.as_deref(), Some("https://x/oidc"));
        assert!(matches!(callback.answer, Answer::Code(code) if code.expose() == "a+b"));
    }

    #[test]
    fn what_is_repeated_missing_or_contradictory_is_refused() {
        for query in [
            "",
            "code=a",
            "state=s",
            "code=a&state=",
            "code=a&code=b&state=s",
            "code=a&state=s&state=t",
            "code=a&error=b&state=s",
            "code=&state=s",
            "state=&state=s&code=a",
        ] {
            assert!(is_refused(query), "{query}");
        }
        assert!(is_refused(&format!("code={}&state=s", "x".repeat(LONGEST))));
    }

    /// PB-041.
    #[test]
    fn a_policy_refusal_is_told_from_a_cancelled_sign_in() {
        let refused = |code, description| refusal(code, description, &["all-apis".to_owned()], None);
        assert!(matches!(
            refused("access_denied", "Policy evaluation failed for this request"),
            Error::PolicyDenied(_)
        ));
        assert!(matches!(refused("access_denied", "The user said no"), Error::ConsentDenied(_)));
        assert!(matches!(refused("invalid_scope", ""), Error::ScopeNotGranted(scope) if scope.scopes == ["all-apis"]));
        assert!(matches!(
            refused("access_denied", "Scopes 'sql' are not assigned to the app"),
            Error::ScopeNotGranted(scope) if scope.scopes == ["sql"]
        ));
        assert!(matches!(refused("temporarily_unavailable", ""), Error::Unavailable(_)));
        assert!(matches!(refused("unauthorized_client", ""), Error::AppRejected(_)));
    }

    /// PB-167.
    #[test]
    fn a_client_that_is_refused_soon_after_it_was_entered_is_a_reason_to_wait() {
        let refused = |set_for| refusal("unauthorized_client", "", &[], Some(set_for));
        let lately = refused(Duration::from_secs(5 * 60));
        assert!(matches!(&lately, Error::AppRejected(peer) if peer.message.contains("wait 25 minutes")), "{lately:?}");
        let long_ago = refused(Duration::from_secs(31 * 60));
        assert!(matches!(&long_ago, Error::AppRejected(peer) if peer.message.contains("within the last 30 minutes")));
    }
}
