//! One request as it must arrive, and the reply to it, as case files have them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An exchange.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    pub(super) request: Named<Request>,
    pub(super) reply: Named<Answer>,
}

/// Something that is written out, or the name of a thing in `standard.json`.
#[derive(Clone, Debug)]
pub(super) enum Named<T> {
    Name(String),
    Given(T),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self::Name(name)),
            given => serde_json::from_value(given).map(Self::Given).map_err(D::Error::custom),
        }
    }
}

/// A request as it must arrive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query, as they are sent.
    pub(super) path: String,
    /// Headers and their values; `null` for one that must not be there. Others may be there.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Option<String>>,
    /// The form in the body, all of it; without it the body must be empty.
    pub(super) form: Option<BTreeMap<String, String>>,
}

/// What is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: Body,
    /// Whether the connection breaks before the end of the body that was announced.
    #[serde(default)]
    pub(super) cut_off: bool,
}

/// The bytes of a body.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Body {
    #[default]
    Empty,
    /// This very text.
    Text(String),
    /// This value, written without white space.
    Json(Value),
    /// These bytes.
    Base64(String),
}

impl Body {
    /// The bytes, with placeholders filled in where there is text.
    pub(super) fn bytes(&self, fill: impl Fn(&Value) -> Result<Value, String>) -> Result<Vec<u8>, String> {
        match self {
            Self::Empty => Ok(Vec::new()),
            Self::Text(text) => match fill(&Value::String(text.clone()))? {
                Value::String(text) => Ok(text.into_bytes()),
                other => Err(format!("{other} is no text")),
            },
            Self::Json(value) => Ok(fill(value)?.to_string().into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).map_err(|error| format!("a body is no Base64: {error}")),
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// It is answered.
    Answer(Answer),
    /// It is read, and the connection closed.
    HangUp,
    /// It is read, and never answered.
    NoAnswer,
}
