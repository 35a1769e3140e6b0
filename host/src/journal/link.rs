//! What ties an event to all that came before it in its chain: a digest over them, and a MAC over the digest.
//!
//! The digest needs no key, so that whoever kept one can compare it. The MAC needs one, so that nobody who can merely
//! write the database makes events that pass. The MAC of an event vouches for that event alone: a host does not check what is
//! before it when it writes. Only a MAC that was made after a check of the whole chain, when a key is taken out of the ring,
//! also vouches for what came before it.

use std::collections::HashMap;

use hmac::Mac as _;
use sha2::{Digest as _, Sha256};

use crate::keys::{DerivedKey, KeysError, MasterKeys, hmac_sha_256};

/// What the keys are derived for. Another text would make everything unverifiable that is signed.
const PURPOSE: &str = "journal/1";

/// What a digest begins with.
const DIGEST_LABEL: &str = "fabric-auth/journal/digest/1";

/// How many keys are remembered. A ring holds a few; ids that a stranger wrote into the database could be many.
const MOST_KEYS: usize = 64;

/// What a MAC is for. One for an event is none for a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// An event stands there.
    Event,
    /// An event stands there, and all that is before it in its chain was checked when this was signed.
    Vouch,
    /// Retention has let everything go up to there.
    Mark,
}

impl Signed {
    fn label(self) -> &'static str {
        match self {
            Self::Event => "fabric-auth/journal/event/1",
            Self::Vouch => "fabric-auth/journal/vouch/1",
            Self::Mark => "fabric-auth/journal/mark/1",
        }
    }
}

/// A place in the chain of a host, signed. As a database holds it: until it is checked, everything in it is hearsay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The chain, by the name of the host that writes it.
    pub host: String,
    /// Counts the events of the chain from 1, without gaps.
    pub position: i64,
    /// SHA-256 over the event at this position and the digest before it.
    pub digest: Vec<u8>,
    /// The master key from which the MAC's key is derived.
    pub key_id: String,
    /// HMAC-SHA-256 over host, position and digest.
    pub mac: Vec<u8>,
}

impl Link {
    /// Signs a place.
    pub(super) fn sign(signed: Signed, host: &str, position: i64, digest: Vec<u8>, key: &DerivedKey) -> Self {
        let unsigned = Self { host: host.to_owned(), position, digest, key_id: key.key_id.clone(), mac: Vec::new() };
        let mac = unsigned.mac_under(signed, key).finalize().into_bytes().to_vec();
        Self { mac, ..unsigned }
    }

    /// Whether this MAC was made with this key, for this. Compares in constant time.
    pub(super) fn is_signed(&self, signed: Signed, key: &DerivedKey) -> bool {
        self.key_id == key.key_id && self.mac_under(signed, key).verify_slice(&self.mac).is_ok()
    }

    fn mac_under(&self, signed: Signed, key: &DerivedKey) -> hmac::Hmac<Sha256> {
        let mut mac = hmac_sha_256(&key.bytes);
        let parts = [signed.label().as_bytes(), self.host.as_bytes(), &self.position.to_be_bytes(), &self.digest];
        each_with_its_length(&parts, |bytes| mac.update(bytes));
        mac
    }
}

/// The digest of an event, exactly as it is stored, after the one with the digest `previous` (empty for the first).
pub(super) fn digest(previous: &[u8], host: &str, position: i64, recorded_at: i64, event: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    let (position, recorded_at) = (position.to_be_bytes(), recorded_at.to_be_bytes());
    let parts = [DIGEST_LABEL.as_bytes(), previous, host.as_bytes(), &position, &recorded_at, event.as_bytes()];
    each_with_its_length(&parts, |bytes| hash.update(bytes));
    hash.finalize().to_vec()
}

/// Each part behind its length, so that no two lists of parts give the same bytes.
fn each_with_its_length(parts: &[&[u8]], mut take: impl FnMut(&[u8])) {
    for part in parts {
        take(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        take(part);
    }
}

/// The key to sign with.
pub(super) async fn signing_key(keys: &dyn MasterKeys) -> Result<DerivedKey, String> {
    keys.derived_key(PURPOSE, None).await.map_err(|error| error.to_string())
}

/// What a check of a MAC comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A host with this key made it.
    Authentic,
    /// It was made with this key after a check of all that is before it: see [`Signed::Vouch`].
    Vouching,
    /// It was not made by this key, or for something else.
    Forged,
    /// The key is not in the ring.
    UnknownKey,
}

impl Verdict {
    /// Whether it was made with a key of the ring.
    pub(super) fn is_authentic(self) -> bool {
        matches!(self, Self::Authentic | Self::Vouching)
    }
}

/// Checks MACs with the keys that there are.
pub(super) struct Signatures<'a> {
    keys: &'a dyn MasterKeys,
    /// By id; none for one that is not in the ring.
    known: HashMap<String, Option<DerivedKey>>,
}

impl<'a> Signatures<'a> {
    pub(super) fn new(keys: &'a dyn MasterKeys) -> Self {
        Self { keys, known: HashMap::new() }
    }

    /// Whether a link is what it says. An event may be signed as [`Signed::Vouch`] too.
    ///
    /// # Errors
    /// A sentence for the operator, when the key store does not answer.
    pub(super) async fn check(&mut self, signed: Signed, link: &Link) -> Result<Verdict, String> {
        if !self.known.contains_key(&link.key_id) {
            if self.known.len() >= MOST_KEYS {
                self.known.clear();
            }
            let key = match self.keys.derived_key(PURPOSE, Some(&link.key_id)).await {
                Ok(key) => Some(key),
                Err(KeysError::UnknownKey(_)) => None,
                Err(error) => return Err(error.to_string()),
            };
            self.known.insert(link.key_id.clone(), key);
        }
        let Some(Some(key)) = self.known.get(&link.key_id) else { return Ok(Verdict::UnknownKey) };
        Ok(if link.is_signed(signed, key) {
            Verdict::Authentic
        } else if signed == Signed::Event && link.is_signed(Signed::Vouch, key) {
            Verdict::Vouching
        } else {
            Verdict::Forged
        })
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn key() -> DerivedKey {
        DerivedKey { key_id: "k1".into(), bytes: Zeroizing::new([7; 32]) }
    }

    #[test]
    fn every_field_changes_the_digest_and_none_flows_into_the_next() {
        let digests = [
            digest(b"", "h", 1, 2, "e"),
            digest(b"x", "h", 1, 2, "e"),
            digest(b"", "hh", 1, 2, "e"),
            digest(b"h", "", 1, 2, "e"),
            digest(b"", "h", 2, 2, "e"),
            digest(b"", "h", 1, 1, "e"),
            digest(b"", "h", 1, 2, "ee"),
            digest(b"", "h", 1, 2, ""),
        ];
        let different: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len());
        assert_eq!(digests[0], digest(b"", "h", 1, 2, "e"));
    }

    #[test]
    fn the_mac_of_an_event_is_none_for_a_mark_nor_for_another_place() {
        let link = Link::sign(Signed::Event, "h", 5, vec![1; 32], &key());
        let holds = |signed, link: &Link| link.is_signed(signed, &key());
        assert!(holds(Signed::Event, &link));
        assert!(!holds(Signed::Mark, &link) && !holds(Signed::Vouch, &link));
        for changed in [
            Link { host: "i".into(), ..link.clone() },
            Link { position: 6, ..link.clone() },
            Link { digest: vec![2; 32], ..link.clone() },
            Link { mac: Vec::new(), ..link.clone() },
        ] {
            assert!(!holds(Signed::Event, &changed), "{changed:?}");
        }
    }

    /// What is signed once must be verified by every later version.
    #[test]
    fn the_digest_of_a_known_event_is_what_it_has_always_been() {
        let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let first = digest(b"", "web-1", 1, 1_700_000_000_000_000_000, r#"{"actor":"ada"}"#);
        let link = Link::sign(Signed::Event, "web-1", 1, first.clone(), &key());
        assert_eq!(hexadecimal(&first), "00b79b3d7251ee70ebb34d2604e092c9d0da61fc83f062bcd4ea94bf3247d994");
        assert_eq!(hexadecimal(&link.mac), "3fc8cd1231d6876cf38b7140e3000816270c5ed9e1d16e65629d38f0ddb0b8fd");
    }
}
