//! The protected header of a sealed value (RFC 7516 section 4), which is also what authenticates its binding.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::SealedError;

/// The one content encryption that is used (RFC 7518 section 5.3).
const CONTENT_ENCRYPTION: &str = "A256GCM";

/// Values of `alg` that wrap no key: "no protection", "the master key seals directly", and "a key agreed upon seals
/// directly" (RFC 7518 section 4.1). With these the sealed value itself would choose its data key.
const NOT_WRAPPING: [&str; 3] = ["none", "dir", "ECDH-ES"];

/// Longest name of a wrapping algorithm, in bytes, as the contract has it.
const MAX_ALGORITHM_BYTES: usize = 32;

/// Longest key id, in bytes, as the contract has it.
const MAX_KEY_ID_BYTES: usize = 64;

/// The members of the header. There are exactly these: an unknown one (`zip`, `crit` …) or a repeated one is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// How the data key is wrapped, as the host's key store names it.
    #[serde(rename = "alg")]
    pub(super) algorithm: String,
    /// How the content is encrypted: always [`CONTENT_ENCRYPTION`].
    #[serde(rename = "enc")]
    content_encryption: String,
    /// The master key that wraps the data key.
    #[serde(rename = "kid")]
    pub(super) key_id: String,
    /// The digest of the binding. A private member (RFC 7516 section 4.3): other JOSE libraries pass over it, and it
    /// is authenticated like all the header.
    pub(super) record: String,
}

impl Header {
    /// The header for a value sealed with a data key that is wrapped like this. The two names must have been checked
    /// by [`is_wrapping_algorithm`] and [`is_key_id`].
    pub(super) fn new(algorithm: String, key_id: String, record: String) -> Self {
        Self { algorithm, content_encryption: String::from(CONTENT_ENCRYPTION), key_id, record }
    }

    /// The first part of the compact serialization: base64url of the JSON.
    pub(super) fn encode(&self) -> Result<String, SealedError> {
        serde_json::to_vec(self).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| SealedError::Header)
    }

    /// Reads the first part of the compact serialization, and checks every member but the binding.
    pub(super) fn decode(encoded: &str) -> Result<Self, SealedError> {
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| SealedError::Encoding)?;
        // Deserializing takes an array of the four values for this struct too; a header is an object.
        if json.first() != Some(&b'{') {
            return Err(SealedError::Header);
        }
        let header: Self = serde_json::from_slice(&json).map_err(|_| SealedError::Header)?;
        let acceptable = header.content_encryption == CONTENT_ENCRYPTION
            && is_wrapping_algorithm(&header.algorithm)
            && is_key_id(&header.key_id);
        if acceptable { Ok(header) } else { Err(SealedError::Header) }
    }
}

/// Whether the name is within the contract, and not of an algorithm that wraps no key.
pub(super) fn is_wrapping_algorithm(name: &str) -> bool {
    (1..=MAX_ALGORITHM_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+._-".contains(&byte))
        && !NOT_WRAPPING.iter().any(|refused| refused.eq_ignore_ascii_case(name))
}

/// Whether the name is within the contract.
pub(super) fn is_key_id(name: &str) -> bool {
    (1..=MAX_KEY_ID_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> Result<Header, SealedError> {
        Header::decode(&URL_SAFE_NO_PAD.encode(json))
    }

    #[test]
    fn a_header_is_a_json_object_of_four_members() {
        let header = Header::new(String::from("A256KW"), String::from("k1"), String::from("digest"));
        let json = URL_SAFE_NO_PAD.decode(header.encode().unwrap()).unwrap();
        assert_eq!(json, br#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","record":"digest"}"#);
        assert_eq!(decode(str::from_utf8(&json).unwrap()).unwrap().key_id, "k1");
    }

    #[test]
    fn unknown_repeated_and_missing_members_are_refused() {
        for json in [
            r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","record":"d","zip":"DEF"}"#,
            r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","record":"d","crit":["record"]}"#,
            r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","record":"d","typ":"JWE"}"#,
            r#"{"alg":"A256KW","alg":"A256KW","enc":"A256GCM","kid":"k1","record":"d"}"#,
            r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","record":"d","record":"e"}"#,
            r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1"}"#,
            r#"{"enc":"A256GCM","kid":"k1","record":"d"}"#,
        ] {
            assert_eq!(decode(json).err(), Some(SealedError::Header), "{json}");
        }
    }

    #[test]
    fn only_an_object_is_a_header() {
        for json in [r#"["A256KW","A256GCM","k1","d"]"#, "null", "", "{", r#" {"alg":"A256KW"}"#] {
            assert_eq!(decode(json).err(), Some(SealedError::Header), "{json}");
        }
        let trailing = r#"{"alg":"A256KW","enc":"A256GCM","kid":"k1","record":"d"} {}"#;
        assert_eq!(decode(trailing).err(), Some(SealedError::Header));
    }

    #[test]
    fn other_content_encryptions_are_refused() {
        for name in ["A128GCM", "A192GCM", "A256CBC-HS512", "a256gcm", "none", ""] {
            let json = format!(r#"{{"alg":"A256KW","enc":"{name}","kid":"k1","record":"d"}}"#);
            assert_eq!(decode(&json).err(), Some(SealedError::Header), "{name}");
        }
    }

    #[test]
    fn algorithms_that_wrap_no_key_are_refused_in_any_case() {
        for name in ["dir", "Dir", "none", "NONE", "ECDH-ES", "", "A256 KW", "A256KW\u{e9}"] {
            assert!(!is_wrapping_algorithm(name), "{name:?}");
        }
        assert!(!is_wrapping_algorithm(&"a".repeat(33)));
        for name in ["A256KW", "RSA-OAEP-256", "ECDH-ES+A256KW", "acme.kms_v1"] {
            assert!(is_wrapping_algorithm(name), "{name}");
        }
    }

    #[test]
    fn key_ids_outside_the_contract_are_refused() {
        for name in ["", "a/b", "a b", "ü"] {
            assert!(!is_key_id(name), "{name:?}");
        }
        assert!(!is_key_id(&"k".repeat(65)));
        assert!(is_key_id("2026-11.primary_1"));
    }
}
