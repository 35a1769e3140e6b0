//! The success reply of a token endpoint (RFC 6749 section 5.1).

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::secret::{AccessToken, RefreshToken};
use crate::text;

/// The longest token that is accepted, in bytes. The largest seen is a JWT of 2 KiB; what is stored is bounded too.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest reply that is read, in bytes: two tokens, an id token, and the rest.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long an access token is used whose reply does not say for how long (RFC 6749 only recommends `expires_in`).
/// Databricks gives an hour unless an app says less. Five minutes is below anything an app may be expected to have,
/// and still leaves a person with single-use refresh tokens no more than a renewal every few minutes.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The longest lifetime that is believed. What claims more is renewed after a day; that harms nobody.
pub const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The tokens that a token endpoint gave.
#[derive(Debug)]
pub struct TokenReply {
    /// The access token: 1 to [`MAX_TOKEN_BYTES`] visible ASCII characters.
    pub access_token: AccessToken,
    /// The refresh token, likewise. None where none came; for a refresh this means that the old one stays.
    pub refresh_token: Option<RefreshToken>,
    /// How long the access token lives from when it was asked for, more than zero, at most [`MAX_LIFETIME`].
    pub lifetime: Duration,
    /// The granted scopes. None where the reply does not name any, which means: those that were asked for.
    pub scopes: Option<BTreeSet<String>>,
}

/// The members that matter. Others, `id_token` among them, are passed over without being copied; a repeated one of
/// these is an error.
#[derive(Deserialize)]
struct Members {
    access_token: Option<Token>,
    refresh_token: Option<Token>,
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    scope: Value,
}

impl TokenReply {
    /// Reads the body of a reply with status 200. The caller keeps the body in memory that is wiped.
    ///
    /// # Errors
    /// [`TokenReplyError`] when the reply gives no token that may be used. Whatever was presented for it may be spent.
    pub fn parse(body: &[u8]) -> Result<Self, TokenReplyError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(TokenReplyError::TooLong);
        }
        // Deserializing takes an array for the members too; a reply is an object.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(TokenReplyError::Malformed);
        }
        let members: Members = serde_json::from_slice(body).map_err(|_| TokenReplyError::Malformed)?;
        let access_token = members.access_token.ok_or(TokenReplyError::NoAccessToken)?;
        if access_token.0.is_empty() {
            return Err(TokenReplyError::NoAccessToken);
        }
        check_token_type(members.token_type.as_deref())?;
        let refresh_token = members.refresh_token.filter(|token| !token.0.is_empty());
        Ok(Self {
            access_token: AccessToken::from(access_token.accepted()?),
            refresh_token: refresh_token.map(Token::accepted).transpose()?.map(RefreshToken::from),
            lifetime: lifetime(&members.expires_in),
            scopes: scopes(&members.scope),
        })
    }
}

/// A token of an unknown type must not be used (RFC 6749 section 7.1). Case does not matter.
fn check_token_type(token_type: Option<&str>) -> Result<(), TokenReplyError> {
    match token_type {
        Some(token_type) if token_type.eq_ignore_ascii_case("bearer") => Ok(()),
        other => Err(TokenReplyError::UnknownTokenType(text::clean(other.unwrap_or_default(), 32))),
    }
}

/// Reads `expires_in`, a number or a text of digits. What is missing, zero, negative or garbage tells nothing about
/// how long the token lives, so each is [`DEFAULT_LIFETIME`].
fn lifetime(expires_in: &Value) -> Duration {
    let seconds = match expires_in {
        // As a float where it is not a whole number; this conversion drops the fraction and saturates.
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds
        .filter(|seconds| *seconds > 0)
        .map_or(DEFAULT_LIFETIME, |seconds| Duration::from_secs(seconds).min(MAX_LIFETIME))
}

/// Reads `scope`: names separated by spaces, or, as some servers have it, a list of names.
fn scopes(scope: &Value) -> Option<BTreeSet<String>> {
    let lists: Vec<&str> = match scope {
        Value::String(names) => vec![names],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let names: BTreeSet<String> = lists
        .into_iter()
        .flat_map(str::split_ascii_whitespace)
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(String::from)
        .collect();
    (!names.is_empty()).then_some(names)
}

/// A token on its way from the body into its secret type; wiped if it does not get there.
struct Token(Zeroizing<String>);

impl Token {
    /// The text, if it may be a token (RFC 6749 appendix A.12: visible ASCII).
    fn accepted(mut self) -> Result<String, TokenReplyError> {
        let acceptable = self.0.len() <= MAX_TOKEN_BYTES && self.0.bytes().all(|byte| byte.is_ascii_graphic());
        if acceptable { Ok(core::mem::take(&mut *self.0)) } else { Err(TokenReplyError::UnusableToken) }
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TokenVisitor)
    }
}

/// Takes a text without its ever being in an unwiped `String`. (One with escapes passes through a buffer of the JSON
/// reader; the tokens of Databricks have nothing to escape.)
struct TokenVisitor;

impl Visitor<'_> for TokenVisitor {
    type Value = Token;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a token")
    }

    fn visit_str<E>(self, text: &str) -> Result<Token, E> {
        Ok(Token(Zeroizing::new(String::from(text))))
    }
}

/// Why a reply gives no token that may be used.
#[derive(Debug, PartialEq, Eq)]
pub enum TokenReplyError {
    /// Longer than anything a token endpoint has to say.
    TooLong,
    /// Not a JSON object with members of the right kinds.
    Malformed,
    /// No `access_token`, or an empty one.
    NoAccessToken,
    /// A token is too long, or has characters that no token has.
    UnusableToken,
    /// `token_type` is not `Bearer`; it is given here, cleaned.
    UnknownTokenType(String),
}

impl fmt::Display for TokenReplyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => formatter.write_str("the reply of the token endpoint is too long"),
            Self::Malformed => formatter.write_str("the reply of the token endpoint is not the JSON it should be"),
            Self::NoAccessToken => formatter.write_str("the reply of the token endpoint has no access token"),
            Self::UnusableToken => {
                formatter.write_str("the reply of the token endpoint has a token that cannot be one")
            }
            Self::UnknownTokenType(name) => {
                write!(formatter, "the token endpoint gave a token of type `{name}`; only `Bearer` is known")
            }
        }
    }
}

impl core::error::Error for TokenReplyError {}

#[cfg(test)]
mod tests;
