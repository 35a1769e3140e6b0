//! Secrets that an answer is made for.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serializer;

/// Writes a secret out. For the members of an answer that are what was asked for, and nothing else.
pub(super) fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
