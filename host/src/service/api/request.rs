//! What a request carries, read strictly: nothing that the service does not know is passed over.
//!
//! Bodies hold secrets, and what a reader of JSON says of an error quotes what stands there. So a refusal names the
//! member and says the rest in words of its own.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserializer;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, MapAccess, Visitor};
use utoipa::IntoParams;

use crate::service::problem::Problem;
use crate::service::state::Service;
use crate::text::spelled_out;

/// Longest name of a member or parameter that a refusal repeats, in characters.
const LONGEST_NAME: usize = 128;

/// A body of JSON.
pub(super) struct ApiJson<T>(pub(super) T);

/// The fabric in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct FabricPath {
    /// Name of the fabric. A slash in it is written `%2F`.
    #[param(min_length = 1, max_length = 128, example = "dev")]
    pub(super) fabric: String,
}

/// The app connection in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AppConnectionPath {
    /// Name of the app connection: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    #[param(min_length = 1, max_length = 64, example = "main")]
    pub(super) name: String,
}

/// Where to go on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// The `next` of the answer before; without it, the beginning.
    pub(super) after: Option<String>,
}

/// Whom a job names.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunAs {
    /// For a job that is edited: whom its Run As names, a Databricks user name or the application id of a service principal.
    #[param(min_length = 1, max_length = 320)]
    pub(super) run_as: Option<String>,
}

impl<T: DeserializeOwned> FromRequest<Service> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "Send the body as JSON and say so: `Content-Type: application/json`.";
            return Err(Problem::of_request(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let body = Bytes::from_request(request, service).await.map_err(|unread| match unread.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::of_request(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than any that this API takes.")
            }
            _ => Problem::of_member("body", "The body did not arrive whole."),
        })?;
        read(&body).map(Self)
    }
}

impl FromRequestParts<Service> for FabricPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        Ok(Self { fabric: name_in_path(parts, service).await? })
    }
}

impl FromRequestParts<Service> for AppConnectionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        Ok(Self { name: name_in_path(parts, service).await? })
    }
}

impl FromRequestParts<Service> for After {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Problem> {
        Ok(Self { after: only_parameter(parts.uri.query(), "after")? })
    }
}

impl FromRequestParts<Service> for RunAs {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Problem> {
        Ok(Self { run_as: only_parameter(parts.uri.query(), "run_as")? })
    }
}

/// Whether the body is said to be JSON (RFC 8259), whatever is said beside that.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else { return false };
    let essence = media_type.to_str().ok().and_then(|media_type| media_type.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads a body, all of it.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let value = object(tracked).map_err(|error| refusal(&track.path().to_string(), &error))?;
    reader.end().map_err(|_| Problem::of_member("body", "Something stands behind the JSON value."))?;
    Ok(value)
}

/// Reads an object and nothing else. By itself serde also takes an array of the members' values.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Members<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
        type Value = T;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Members(PhantomData))
}

/// What is wrong with a body, without any of its values.
fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        let (line, column) = (error.line(), error.column());
        return Problem::of_member("body", format!("The body is not JSON (line {line}, column {column})."));
    }
    let said = error.to_string();
    let place = if path == "." { "body".to_owned() } else { shown(path) };
    for (words, detail) in
        [("missing field", "This member is missing."), ("duplicate field", "This member is given more than once.")]
    {
        if let Some(member) = quoted_behind(&said, words) {
            let member = if path == "." { member.to_owned() } else { format!("{place}.{member}") };
            return Problem::of_member(member, detail);
        }
    }
    let detail = if said.starts_with("unknown field") {
        "There is no such member. /api/v1/openapi.json lists those there are."
    } else {
        "This is not of the right type, or none of the values that there are. /api/v1/openapi.json lists them."
    };
    Problem::of_member(place, detail)
}

/// The name in backticks that follows these words; here one of our own, never one from the body.
fn quoted_behind<'a>(said: &'a str, words: &str) -> Option<&'a str> {
    said.strip_prefix(words)?.split('`').nth(1)
}

/// The one name in the path, decoded.
async fn name_in_path(parts: &mut Parts, service: &Service) -> Result<String, Problem> {
    if !is_well_encoded(parts.uri.path()) {
        return Err(Problem::of_member("path", BADLY_ENCODED));
    }
    let name = Path::<String>::from_request_parts(parts, service).await;
    name.map(|Path(name)| name).map_err(|_| Problem::of_member("path", BADLY_ENCODED))
}

/// The value of the one parameter that there may be, decoded.
fn only_parameter(query: Option<&str>, name: &str) -> Result<Option<String>, Problem> {
    let query = query.unwrap_or_default();
    if !is_well_encoded(query) {
        return Err(Problem::of_member("query", BADLY_ENCODED));
    }
    let mut value = None;
    for (given, text) in form_urlencoded::parse(query.as_bytes()) {
        if given != name {
            return Err(Problem::of_member(shown(&given), "There is no such parameter here."));
        }
        if value.replace(text.into_owned()).is_some() {
            return Err(Problem::of_member(name, "This parameter is given more than once."));
        }
    }
    Ok(value)
}

const BADLY_ENCODED: &str = "This is not percent-encoded UTF-8 (RFC 3986 section 2.1): `%` stands before two hexadecimal \
                             digits, and is itself `%25`.";

/// Whether every `%` begins an encoded byte, and the bytes are text.
fn is_well_encoded(text: &str) -> bool {
    let is_byte = |digits: &str| digits.len() >= 2 && digits.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    text.split('%').skip(1).all(is_byte) && percent_decode_str(text).decode_utf8().is_ok()
}

/// A name from a request as part of an answer.
fn shown(name: &str) -> String {
    spelled_out(&name.chars().take(LONGEST_NAME).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it can be read matters")]
    struct Outer {
        #[serde(deserialize_with = "object")]
        inner: Inner,
        count: Option<u16>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it can be read matters")]
    struct Inner {
        name: String,
    }

    fn field(body: &str) -> String {
        let problem = serde_json::to_value(read::<Outer>(body.as_bytes()).unwrap_err()).unwrap();
        assert!(!problem.to_string().contains("s3cret"), "{problem}");
        problem["field"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_refusal_names_the_member_and_quotes_no_value() {
        for (body, member) in [
            (r#"{"inner": {"name": "a"}, "count": "s3cret"}"#, "count"),
            (r#"{"inner": {"name": "a"}, "count": 70000}"#, "count"),
            (r#"{"inner": {"name": ["s3cret"]}}"#, "inner.name"),
            (r#"{"inner": {}}"#, "inner.name"),
            (r#"{}"#, "inner"),
            (r#"{"inner": {"name": "a", "nam": "s3cret"}}"#, "inner.nam"),
            (r#"{"inner": {"name": "a"}, "other": "s3cret"}"#, "other"),
            (r#"{"inner": {"name": "a"}, "count": 1, "count": 2}"#, "count"),
            (r#""s3cret""#, "body"),
            (r#"[{"name": "s3cret"}, 1]"#, "body"),
            (r#"{"inner": ["s3cret"]}"#, "inner"),
            (r#"{"inner": {"name": "s3cret"#, "body"),
            (r#"{"inner": {"name": "s3cret"}} {}"#, "body"),
            ("", "body"),
        ] {
            assert_eq!(field(body), member, "{body}");
        }
        assert!(read::<Outer>(br#"{"inner": {"name": "a"}, "count": null}"#).is_ok());
    }

    #[test]
    fn a_parameter_is_read_once_and_no_other_is_passed_over() {
        assert_eq!(only_parameter(None, "after").unwrap(), None);
        assert_eq!(only_parameter(Some("after=a%20b%2F+c"), "after").unwrap().as_deref(), Some("a b/ c"));
        for query in ["before=1", "after=1&after=2", "after=1&x=2", "after=%zz", "after=%", "after=%ff", "%61fter%=1"] {
            assert!(only_parameter(Some(query), "after").is_err(), "{query}");
        }
    }

    #[test]
    fn only_json_is_json() {
        let is_json = |media_type: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(media_type));
            super::is_json(&headers)
        };
        assert!(is_json("application/json") && is_json("Application/JSON ; charset=utf-8"));
        assert!(!is_json("text/plain") && !is_json("application/jsonp") && !is_json("text/plain, application/json"));
        assert!(!super::is_json(&HeaderMap::new()));
    }
}
