//! Recognises the answer to one authorization request among whatever is sent to a port of this machine.
//!
//! Anybody on the machine can send a callback. The component checks the one that is handed over and uses the sign-in up;
//! what cannot be the answer (RFC 6749 sections 4.1.2 and 4.1.2.1) is therefore kept from it.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::failure::Failure;

/// As long as the component takes a callback to be.
const LONGEST: usize = 16 * 1024;

/// What an answer says, each at most once (RFC 6749 section 3.1).
const STATE: &str = "state";
const CODE: &str = "code";
const ERROR: &str = "error";
const OTHERS: [&str; 2] = ["error_description", "iss"];

/// The answer that is waited for.
pub(super) struct ExpectedAnswer {
    state: SecretString,
}

impl ExpectedAnswer {
    /// The answer to the request of this authorization URL.
    pub(super) fn to(authorization_url: &SecretString) -> Result<Self, Failure> {
        let query = authorization_url.expose_secret().split_once('?').map_or("", |(_, query)| query);
        let state = parameters(query).find_map(|(name, value)| (name == STATE).then_some(value));
        match state {
            Some(state) if !state.is_empty() => Ok(Self { state: SecretString::from(state.as_str()) }),
            _ => Err(Failure::internal("The component gave an authorization URL without `state`.")),
        }
    }

    /// Whether the query of a callback can be the answer: it has our `state`, and either a code or an error.
    pub(super) fn may_be(&self, query: &SecretString) -> bool {
        let query = query.expose_secret();
        if query.len() > LONGEST || is_repeated(query) {
            return false;
        }
        let given = |wanted: &str| {
            parameters(query).find_map(|(name, value)| (name == wanted).then_some(value)).filter(|it| !it.is_empty())
        };
        let ours =
            given(STATE).is_some_and(|state| bool::from(state.as_bytes().ct_eq(self.state.expose_secret().as_bytes())));
        ours && given(CODE).is_some() != given(ERROR).is_some()
    }
}

/// Whether one of the parameters that count stands there more than once.
fn is_repeated(query: &str) -> bool {
    let times = |wanted: &str| parameters(query).filter(|(name, _)| name == wanted).count();
    [STATE, CODE, ERROR].iter().chain(&OTHERS).any(|name| times(name) > 1)
}

/// The parameters of a query, decoded; a value may be a code.
fn parameters(query: &str) -> impl Iterator<Item = (String, Zeroizing<String>)> {
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> ExpectedAnswer {
        let url = "https://x/oidc/v1/authorize?response_type=code&client_id=a&state=s%2D1&code_challenge=c";
        ExpectedAnswer::to(&SecretString::from(url)).unwrap()
    }

    fn may_be(query: &str) -> bool {
        expected().may_be(&SecretString::from(query))
    }

    #[test]
    fn a_code_or_an_error_with_our_state_may_be_the_answer() {
        for query in [
            "code=abc&state=s-1",
            "state=s%2d1&code=a%2Bb&iss=https%3A%2F%2Fx%2Foidc&session_state=x&session_state=y",
            "error=access_denied&error_description=no&state=s-1",
            "code=&error=access_denied&state=s-1",
        ] {
            assert!(may_be(query), "{query}");
        }
    }

    #[test]
    fn anything_else_is_not_the_answer() {
        for query in [
            "",
            "state",
            "code=abc",
            "code=abc&state=",
            "code=abc&state=s-2",
            "code=abc&state=s-1x",
            "state=s-1",
            "state=s-1&code=",
            "code=abc&error=x&state=s-1",
            "code=abc&state=s-1&state=s-1",
            "code=abc&state=s-1&state=made-up",
            "code=abc&code=def&state=s-1",
            "code=abc&state=s-1&iss=x&iss=y",
        ] {
            assert!(!may_be(query), "{query}");
        }
        assert!(!may_be(&format!("code={}&state=s-1", "x".repeat(LONGEST))));
    }

    #[test]
    fn an_authorization_url_without_state_is_a_defect() {
        for url in ["https://x/authorize", "https://x/authorize?state=", "https://x/authorize?client_id=a"] {
            assert!(ExpectedAnswer::to(&SecretString::from(url)).is_err(), "{url}");
        }
    }
}
