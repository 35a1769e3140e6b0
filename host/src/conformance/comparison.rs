//! Holding what came against what was expected.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::exchange::Request;
use super::known_values::KnownValues;

/// Stands in a form for the code verifier, which shows itself only when it arrives: it must be the one of the code
/// challenge that was sent (RFC 7636 section 4.6).
const CODE_VERIFIER: &str = "${code_verifier}";

/// The member of an expected error with pieces that its message must hold.
const SAYS: &str = "says";

/// Where a case did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The step, counted from 1; 0 for what is set up before.
    pub step: usize,
    /// What of the step: `outcome`, `exchange`, `journal`, `secrecy`, `case`.
    pub part: &'static str,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub found: String,
}

impl Mismatch {
    pub(super) fn new(part: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { step: 0, part, expected: expected.into(), found: found.into() }
    }

    /// The case itself cannot be played.
    pub(super) fn of_case(reason: impl Into<String>) -> Self {
        Self::new("case", "a case that can be played", reason)
    }

    /// The same, in this step.
    pub(super) fn in_step(self, step: usize) -> Self {
        Self { step, ..self }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, part, expected, found } = self;
        write!(formatter, "step {step}, {part}: expected {expected}; found {found}")
    }
}

/// A request as it arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) method: String,
    pub(super) path: String,
    /// By name in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl fmt::Display for Arrived {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {:?} {:?}", self.method, self.path, self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// Tells where a request is not the expected one.
pub(super) fn compare_request(expected: &Request, arrived: &Arrived, known: &KnownValues) -> Result<(), String> {
    let path = known.fill(&expected.path)?;
    if (&expected.method, &path) != (&arrived.method, &arrived.path) {
        return Err(format!("{} {path}", expected.method));
    }
    for (name, value) in &expected.headers {
        let value = value.as_deref().map(|value| known.fill(value)).transpose()?;
        if arrived.headers.get(&name.to_ascii_lowercase()) != value.as_ref() {
            return Err(format!(
                "{} {path} with {name}: {}",
                expected.method,
                value.as_deref().unwrap_or("(no such header)")
            ));
        }
    }
    match &expected.form {
        None if arrived.body.is_empty() => Ok(()),
        None => Err(format!("{} {path} with an empty body", expected.method)),
        Some(form) => compare_form(form, &arrived.body, known),
    }
}

fn compare_form(expected: &BTreeMap<String, String>, body: &[u8], known: &KnownValues) -> Result<(), String> {
    let arrived: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let names = |form: &mut dyn Iterator<Item = &String>| {
        let mut names: Vec<String> = form.cloned().collect();
        names.sort();
        names
    };
    // As lists, so that a repeated parameter shows.
    let (wanted, sent) = (names(&mut expected.keys()), names(&mut arrived.iter().map(|(name, _)| name)));
    if wanted != sent {
        return Err(format!("a form with the parameters {wanted:?}"));
    }
    for (name, value) in &arrived {
        let Some(expected) = expected.get(name) else { continue };
        let holds = if expected == CODE_VERIFIER {
            URL_SAFE_NO_PAD.encode(Sha256::digest(value)) == known.get("code_challenge")?
        } else {
            *value == known.fill(expected)?
        };
        if !holds {
            return Err(format!("a form with {name}={expected}"));
        }
    }
    Ok(())
}

/// Tells whether what came is what was expected, member by member. `message` is for people, and so only what an
/// expectation says of it is looked at.
pub(super) fn compare(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Number(number)) => is_between(expected, number.as_f64()),
        (Value::Object(expected), Value::Object(found)) => {
            let is_compared = |name: &String| name != SAYS && name != "message";
            let names = |members: &serde_json::Map<String, Value>| -> Vec<String> {
                let mut names: Vec<String> = members.keys().filter(|name| is_compared(name)).cloned().collect();
                names.sort();
                names
            };
            let same_names = names(expected) == names(found);
            let same_values = expected
                .iter()
                .filter(|(name, _)| is_compared(name))
                .all(|(name, value)| found.get(name).is_some_and(|found| compare(value, found)));
            same_names && same_values && says(expected.get(SAYS), found.get("message"))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| compare(expected, found))
        }
        // Written 600 or 600.0, it is the same number.
        (Value::Number(expected), Value::Number(found)) => expected.as_f64() == found.as_f64(),
        _ => expected == found,
    }
}

/// `{"from": …, "to": …}`: a number within these bounds.
fn is_between(bounds: &serde_json::Map<String, Value>, number: Option<f64>) -> bool {
    let bound = |name: &str| bounds.get(name).and_then(Value::as_f64);
    match (bound("from"), bound("to"), number) {
        (Some(from), Some(to), Some(number)) => bounds.len() == 2 && (from..=to).contains(&number),
        _ => false,
    }
}

fn says(pieces: Option<&Value>, message: Option<&Value>) -> bool {
    let Some(pieces) = pieces else { return true };
    let message = message.and_then(Value::as_str).unwrap_or_default();
    pieces
        .as_array()
        .is_some_and(|pieces| pieces.iter().all(|piece| piece.as_str().is_some_and(|piece| message.contains(piece))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_more_or_less_or_another_value_is_no_match() {
        let found = json!({"case": "throttled", "retry_after": 30.5, "message": "Slower."});
        assert!(compare(&json!({"case": "throttled", "retry_after": {"from": 30, "to": 31}}), &found));
        assert!(compare(&json!({"case": "throttled", "retry_after": 30.5, "says": ["Slow"]}), &found));
        assert!(compare(&json!(600), &json!(600.0)) && !compare(&json!(600), &json!(600.1)));
        for wrong in [
            json!({"case": "throttled"}),
            json!({"case": "unavailable", "retry_after": {"from": 30, "to": 31}}),
            json!({"case": "throttled", "retry_after": {"from": 31, "to": 32}}),
            json!({"case": "throttled", "retry_after": {"from": 30, "til": 31}}),
            json!({"case": "throttled", "retry_after": null}),
            json!({"case": "throttled", "retry_after": {"from": 30, "to": 31}, "status": 429}),
            json!({"case": "throttled", "retry_after": {"from": 30, "to": 31}, "says": ["Faster"]}),
            json!({"case": "throttled", "retry_after": {"from": 30, "to": 31}, "says": "Slower."}),
        ] {
            assert!(!compare(&wrong, &found), "{wrong}");
        }
    }

    #[test]
    fn lists_are_compared_whole() {
        assert!(compare(&json!(["a", "b"]), &json!(["a", "b"])));
        assert!(!compare(&json!(["a"]), &json!(["a", "b"])));
        assert!(!compare(&json!(["b", "a"]), &json!(["a", "b"])));
    }

    fn arrived(body: &str) -> Arrived {
        let headers = [("accept".to_owned(), "application/json".to_owned())].into();
        Arrived { method: "POST".into(), path: "/oidc/v1/token".into(), headers, body: body.as_bytes().to_vec() }
    }

    fn request(form: &[(&str, &str)]) -> Request {
        let form = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let headers = [("Accept".to_owned(), Some("application/json".to_owned())), ("authorization".to_owned(), None)];
        Request { method: "POST".into(), path: "/oidc/v1/token".into(), headers: headers.into(), form: Some(form) }
    }

    #[test]
    fn a_form_must_be_the_whole_form_and_nothing_twice() {
        let known = KnownValues::default();
        let expected = request(&[("a", "1 2"), ("b", "")]);
        assert_eq!(compare_request(&expected, &arrived("b=&a=1+2"), &known), Ok(()));
        for wrong in ["a=1+2", "a=1+2&b=&c=", "a=1+2&b=&b=", "a=1&b=", ""] {
            assert!(compare_request(&expected, &arrived(wrong), &known).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_that_must_or_must_not_be_there_are_looked_at() {
        let known = KnownValues::default();
        let mut with_secret = arrived("a=1");
        with_secret.headers.insert("authorization".into(), "Basic x".into());
        assert!(compare_request(&request(&[("a", "1")]), &with_secret, &known).is_err());
        let mut without = arrived("a=1");
        without.headers.clear();
        assert!(compare_request(&request(&[("a", "1")]), &without, &known).is_err());
    }

    /// RFC 7636 appendix B.
    #[test]
    fn a_code_verifier_must_be_the_one_of_its_challenge() {
        let mut known = KnownValues::default();
        known.set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let expected = request(&[("code_verifier", CODE_VERIFIER)]);
        let right = "code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(compare_request(&expected, &arrived(right), &known), Ok(()));
        assert!(compare_request(&expected, &arrived("code_verifier=another"), &known).is_err());
    }
}
