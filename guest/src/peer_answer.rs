//! What a peer says when it does not do what it was asked, in whatever shape it says it.
//!
//! Databricks, and the proxies before it, refuse in many shapes: RFC 6749 JSON, API JSON with a text or a number as
//! code, SCIM JSON, `CODE: text`, HTML, nothing. This module finds code and description in all of them; what they mean
//! is for [`crate::token_failure`] and [`crate::api_failure`]. Not for replies that succeeded: those hold tokens.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::text;

/// Longest code that is kept, in bytes, as the contract has it.
const MAX_CODE_BYTES: usize = 64;

/// Longest description that is kept, in bytes: what fits into a message beside our own words.
const MAX_DESCRIPTION_BYTES: usize = 512;

/// No more of a body than this is looked at. The refusals seen are below 4 KiB; login pages are longer, and known by
/// their beginning.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The shape of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyShape {
    /// `{"error": …, "error_description": …}` (RFC 6749 section 5.2), or the older `errorCode` and `errorSummary`.
    OAuth,
    /// `{"error_code": …, "message": …}` as the workspace APIs have it, a sentence under `error` as their version 1.2
    /// has it, or SCIM with `detail`.
    Api,
    /// JSON without any of these members.
    OtherJson,
    /// A page.
    Html,
    /// Some other text.
    Text,
    /// Nothing, or white space.
    Empty,
}

/// An answer that is not a success: its status, and code and description as far as it has them, both cleaned.
#[derive(Debug)]
pub struct PeerAnswer {
    /// HTTP status.
    pub status: u16,
    /// Shape of the body.
    pub shape: BodyShape,
    /// The error code, at most 64 bytes; empty where there is none.
    pub code: String,
    /// The description, at most 512 bytes, fit to be shown; empty where there is none.
    pub description: String,
}

/// The members that carry codes and descriptions. As a repeated member makes the whole unreadable, what was read is
/// what was meant.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members {
    error: Value,
    error_description: Value,
    #[serde(rename = "errorCode")]
    older_code: Value,
    #[serde(rename = "errorSummary")]
    older_description: Value,
    error_code: Value,
    message: Value,
    #[serde(rename = "scimType")]
    scim_type: Value,
    detail: Value,
}

impl PeerAnswer {
    /// Reads an answer. `content_type` is the header of that name; it may be missing or wrong, so the body decides
    /// where it can.
    pub fn read(status: u16, content_type: Option<&str>, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body.get(..MAX_BODY_BYTES).unwrap_or(body));
        let body = body.trim_start_matches('\u{feff}').trim();
        let (shape, code, description) = if body.is_empty() {
            (BodyShape::Empty, String::new(), String::new())
        } else if let Some(json) = read_json(body) {
            json
        } else if is_html(content_type, body) {
            (BodyShape::Html, String::new(), html_text(body))
        } else {
            let (code, description) = split_code(body);
            (BodyShape::Text, String::from(code), String::from(description))
        };
        Self {
            status,
            shape,
            code: text::clean(&code, MAX_CODE_BYTES),
            description: text::clean(without_trace(&description), MAX_DESCRIPTION_BYTES),
        }
    }

    /// Whether the description holds one of the phrases, which must be in lower case.
    pub(crate) fn says(&self, phrases: &[&str]) -> bool {
        let description = self.description.to_lowercase();
        phrases.iter().any(|phrase| description.contains(phrase))
    }

    /// Whether the code is one of these, in any case.
    pub(crate) fn has_code(&self, codes: &[&str]) -> bool {
        codes.iter().any(|code| code.eq_ignore_ascii_case(&self.code))
    }

    /// Whether an IP access list of Databricks keeps the caller out.
    pub(crate) fn tells_of_ip_list(&self) -> bool {
        let names_list = self.says(&["ip acl", "ip access list"]);
        let names_address = self.says(&["source ip"]) && self.says(&["block", "not allowed"]);
        self.is_refusal() && (names_list || names_address)
    }

    /// Whether fewer requests are asked for. The status alone is enough, and so is the text of a refusal:
    /// `invalid_request` with "throttled" in its description has been seen.
    pub(crate) fn tells_of_throttling(&self) -> bool {
        let has_code = self.has_code(&["REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "too_many_requests"]);
        let has_text = self.says(&["throttled", "too many requests", "rate limit"]);
        self.status == 429 || (self.is_refusal() && (has_code || has_text))
    }

    /// Whether the status says that the request was refused. With any other, a gateway's page that talks of limits
    /// does not prove that the request went no further.
    pub(crate) fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status)
    }

    /// The scopes that the description names.
    pub(crate) fn scopes(&self) -> Vec<String> {
        scopes_named_in(&self.description)
    }
}

/// The scopes that a description of scopes names: in single quotes, or listed after `scopes:`.
pub(crate) fn scopes_named_in(description: &str) -> Vec<String> {
    if !description.to_lowercase().contains("scope") {
        return Vec::new();
    }
    // Every second piece between quotes was quoted.
    let quoted = description.split('\'').skip(1).step_by(2).flat_map(|list| list.split([' ', ',']));
    let listed = ["scopes:", "scope:"].iter().find_map(|mark| description.split_once(mark));
    let listed = listed.and_then(|(_, list)| list.split(['[', ';', '\'']).next()).unwrap_or_default();
    // A list in a sentence has commas; what stands behind the first word between two of them is the sentence.
    let listed = listed
        .split(". ")
        .take(1)
        .flat_map(|list| list.split(','))
        .filter_map(|item| item.split(' ').find(|word| !word.is_empty()));
    let scopes: BTreeSet<String> = quoted
        .chain(listed)
        .map(|scope| scope.trim_end_matches('.'))
        .filter(|scope| is_scope(scope))
        .map(String::from)
        .collect();
    scopes.into_iter().collect()
}

/// Whether this may be the name of a scope. RFC 6749 section 3.3 allows more; nobody uses it.
fn is_scope(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
}

/// Code and description of a JSON object; none when the body is not JSON.
fn read_json(body: &str) -> Option<(BodyShape, String, String)> {
    if !body.starts_with('{') {
        return serde_json::from_str::<Value>(body).ok().map(|_| (BodyShape::OtherJson, String::new(), String::new()));
    }
    let mut members: Members = serde_json::from_str(body).ok()?;
    // Version 1.2 of the API says it all under the name that is OAuth's for a code, and so do gateways.
    let sentence = if is_sentence(&members.error) { members.error.take() } else { Value::Null };
    let code = first_text(&[&members.error, &members.older_code, &members.error_code, &members.scim_type]);
    let Members { error_description, older_description, message, detail, .. } = &members;
    let description = first_text(&[error_description, older_description, message, detail, &sentence]);
    let shape = if first_text(&[&members.error, &members.older_code]).is_some() {
        BodyShape::OAuth
    } else if code.is_some() || description.is_some() {
        BodyShape::Api
    } else {
        BodyShape::OtherJson
    };
    Some((shape, code.unwrap_or_default(), description.unwrap_or_default()))
}

/// Whether this is a text of several words, which no code is.
fn is_sentence(member: &Value) -> bool {
    member.as_str().is_some_and(|text| text.trim().contains(char::is_whitespace))
}

/// The first member that is a number or a text that says something. SCIM sends the text "null" for nothing.
fn first_text(members: &[&Value]) -> Option<String> {
    members.iter().find_map(|member| match member {
        Value::String(text) if !text.is_empty() && text != "null" => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn is_html(content_type: Option<&str>, body: &str) -> bool {
    body.starts_with('<')
        || content_type.is_some_and(|value| value.trim().to_ascii_lowercase().starts_with("text/html"))
}

/// What a page says: its first `pre`, else its title, without tags.
fn html_text(page: &str) -> String {
    // Only ASCII letters change, so that positions in both texts are the same.
    let lower_case = page.to_ascii_lowercase();
    let element = ["pre", "title"].iter().find_map(|name| {
        let (_, after_name) = lower_case.split_once(&format!("<{name}"))?;
        let (_, content) = after_name.split_once('>')?;
        let (inner, _) = content.split_once(&format!("</{name}"))?;
        let start = lower_case.len().checked_sub(content.len())?;
        page.get(start..start.checked_add(inner.len())?)
    });
    let mut said = String::new();
    for piece in element.unwrap_or_default().split('<') {
        // Up to the next `>` stands the rest of a tag, except before the first `<`.
        said.push_str(if said.is_empty() { piece } else { piece.split_once('>').map_or("", |(_, after)| after) });
        said.push(' ');
    }
    said
}

/// Splits `CODE: text`.
fn split_code(body: &str) -> (&str, &str) {
    match body.split_once(':') {
        Some((code, description)) if is_code(code) => (code, description),
        _ => ("", body),
    }
}

fn is_code(text: &str) -> bool {
    (3..=MAX_CODE_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Cuts off the trace ids, time stamps and links that Microsoft Entra appends.
fn without_trace(description: &str) -> &str {
    description.split_once("Trace ID").map_or(description, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> PeerAnswer {
        PeerAnswer::read(400, None, body.as_bytes())
    }

    #[test]
    fn every_shape_gives_its_code_and_description() {
        for (body, shape, code, description) in [
            (r#"{"error":"invalid_grant","error_description":"Gone"}"#, BodyShape::OAuth, "invalid_grant", "Gone"),
            (r#"{"errorCode":"invalid_grant","errorSummary":"Gone"}"#, BodyShape::OAuth, "invalid_grant", "Gone"),
            (r#"{"error_code":403,"message":"No"}"#, BodyShape::Api, "403", "No"),
            (r#"{"error_code":"PERMISSION_DENIED","message":"No"}"#, BodyShape::Api, "PERMISSION_DENIED", "No"),
            (r#"{"error":"No such thing"}"#, BodyShape::Api, "", "No such thing"),
            (r#"{"error":"invalid_grant"}"#, BodyShape::OAuth, "invalid_grant", ""),
            (r#"{"schemas":[],"detail":"No","status":"403"}"#, BodyShape::Api, "", "No"),
            (r#"{"schemas":[],"detail":"null","status":"403"}"#, BodyShape::OtherJson, "", ""),
            (r#"{"a":1}"#, BodyShape::OtherJson, "", ""),
            ("[1]", BodyShape::OtherJson, "", ""),
            ("PERMISSION_DENIED: No", BodyShape::Text, "PERMISSION_DENIED", "No"),
            ("Forbidden: Invalid Token", BodyShape::Text, "", "Forbidden: Invalid Token"),
            ("<HTML><head><TITLE>Sorry</TITLE></head></HTML>", BodyShape::Html, "", "Sorry"),
            ("<html><title>x</title><pre class=a>Not <b>you</b></pre>", BodyShape::Html, "", "Not you"),
            (" \r\n", BodyShape::Empty, "", ""),
        ] {
            let answer = read(body);
            assert_eq!((answer.shape, &*answer.code, &*answer.description), (shape, code, description), "{body}");
        }
    }

    #[test]
    fn a_repeated_member_makes_json_unreadable() {
        assert_eq!(read(r#"{"error":"a","error":"invalid_grant"}"#).shape, BodyShape::Text);
    }

    #[test]
    fn a_page_without_markup_is_known_by_its_content_type() {
        assert_eq!(PeerAnswer::read(200, Some("Text/HTML; charset=utf-8"), b"Welcome").shape, BodyShape::Html);
    }

    #[test]
    fn entra_descriptions_lose_their_trace() {
        let answer =
            read(r#"{"error":"x","error_description":"AADSTS7000215: Wrong.\r\nTrace ID: 1\r\nTimestamp: 2"}"#);
        assert_eq!(answer.description, "AADSTS7000215: Wrong.");
    }

    #[test]
    fn scopes_are_found_in_quotes_and_lists() {
        let scopes = |description: &str| PeerAnswer::read(403, None, description.as_bytes()).scopes();
        assert_eq!(scopes("Scopes 'sql all-apis' are not assigned to 'sql'"), ["all-apis", "sql"]);
        assert_eq!(
            scopes("does not have required scopes: sql, iam.groups:read. [ReqId: 1]"),
            ["iam.groups:read", "sql"]
        );
        assert_eq!(scopes("does not have required scopes: sql. Please ask, or not"), ["sql"]);
        assert!(scopes("Cannot find 'x'").is_empty());
    }

    #[test]
    fn tokens_in_a_description_are_not_kept() {
        let answer = read(r#"{"error":"x","error_description":"Bad doau0123456789abcdef"}"#);
        assert_eq!(answer.description, "Bad [removed]");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_without_panic_and_bounded(
            status in any::<u16>(), content_type in any::<Option<String>>(), body in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let answer = PeerAnswer::read(status, content_type.as_deref(), &body);
            prop_assert!(answer.code.len() <= MAX_CODE_BYTES && answer.description.len() <= MAX_DESCRIPTION_BYTES);
            answer.scopes();
        }

        #[test]
        fn arbitrary_pages_are_read_without_panic(page in "(<|>|/|pre|title|<pre>|</pre>|<TITLE|ü|İ| ){0,40}") {
            PeerAnswer::read(200, Some("text/html"), page.as_bytes());
        }
    }
}
