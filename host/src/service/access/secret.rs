//! What somebody shows to be let in: 256 random bits, of which only a digest is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::contract::Error;
use crate::keys::hmac_sha_256;
use crate::service::records::name_of;

/// How many random bytes.
const BYTES: usize = 32;

/// What the random part of a secret is as text.
const TEXT: usize = 43;

/// Makes one. `prefix` tells what it is to people and to tools that search for leaked secrets.
pub(super) fn make(prefix: &str) -> Result<SecretString, Error> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    getrandom::fill(&mut *bytes)
        .map_err(|_| Error::Internal("The operating system gives no random bytes.".to_owned()))?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(*bytes)).into())
}

/// The name under which it is stored, if it has the form of one.
pub(super) fn record_name(prefix: &str, shown: &str) -> Option<String> {
    let random = shown.strip_prefix(prefix)?;
    let is_text = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_one = random.len() == TEXT && random.bytes().all(is_text);
    is_one.then(|| name_of(shown))
}

/// A value that only somebody who knows the secret can make, for one purpose: HMAC-SHA-256 under its digest.
pub(super) fn derive(secret: &SecretString, purpose: &str) -> SecretString {
    let mut key: [u8; 32] = Sha256::digest(secret.expose_secret()).into();
    let mut mac = hmac_sha_256(&key);
    key.zeroize();
    mac.update(purpose.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_stored_under_a_digest_in_which_it_does_not_stand() {
        let secret = make("prefix_").unwrap();
        let name = record_name("prefix_", secret.expose_secret()).unwrap();
        assert_eq!(name.len(), 64);
        assert!(!secret.expose_secret().contains(&name) && !name.contains(&secret.expose_secret()[7..]));
    }

    #[test]
    fn what_cannot_be_a_secret_has_no_name() {
        let secret = make("prefix_").unwrap();
        let secret = secret.expose_secret();
        for shown in ["", "prefix_", &secret[1..], &format!("{secret}a"), &secret.replace(&secret[10..11], "/")] {
            assert_eq!(record_name("prefix_", shown), None, "{shown:?}");
        }
    }

    #[test]
    fn what_is_derived_depends_on_secret_and_purpose() {
        let (one, other) = (make("").unwrap(), make("").unwrap());
        let texts =
            [derive(&one, "a"), derive(&one, "b"), derive(&other, "a")].map(|text| text.expose_secret().to_owned());
        assert!(texts[0] != texts[1] && texts[0] != texts[2]);
        assert_eq!(derive(&one, "a").expose_secret(), texts[0]);
    }
}
