//! What a sealed value is bound to: the record, and the place in it, where it belongs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Separates these digests from every other use of SHA-256. A change of what is digested takes a new number.
const LABEL: &str = "fabric-auth sealed value 1";

/// The identity of a sealed value. A value sealed with one binding opens with no other: one that is moved to another
/// tenant, record (and so user or fabric), lineage, generation or field does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The record's key in the store.
    pub key: &'a str,
    /// The lineage that the value belongs to; empty where the record has none.
    pub lineage: &'a str,
    /// The generation within the lineage; 0 where the record has none.
    pub generation: u64,
    /// The field of the record, for instance `refresh-token`.
    pub field: &'a str,
}

impl Binding<'_> {
    /// The digest that stands in the protected header: base64url, without padding, of the SHA-256 over all parts.
    ///
    /// Each part is preceded by its length, so that no two different bindings give the same bytes to digest.
    pub fn digest(&self) -> String {
        let generation = self.generation.to_be_bytes();
        let parts: [&[u8]; 6] = [
            LABEL.as_bytes(),
            self.tenant.as_bytes(),
            self.key.as_bytes(),
            self.lineage.as_bytes(),
            &generation,
            self.field.as_bytes(),
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDING: Binding<'_> =
        Binding { tenant: "acme", key: "grant/7", lineage: "l-1", generation: 3, field: "refresh-token" };

    #[test]
    fn a_digest_is_43_characters_of_base64url() {
        let digest = BINDING.digest();
        assert_eq!(digest.len(), 43);
        assert!(digest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn every_part_counts() {
        let others = [
            Binding { tenant: "acme2", ..BINDING },
            Binding { key: "grant/8", ..BINDING },
            Binding { lineage: "l-2", ..BINDING },
            Binding { generation: 4, ..BINDING },
            Binding { field: "access-token", ..BINDING },
        ];
        for other in others {
            assert_ne!(other.digest(), BINDING.digest(), "{other:?}");
        }
    }

    #[test]
    fn a_character_that_moves_to_the_next_part_changes_the_digest() {
        let moved = Binding { tenant: "acm", key: "egrant/7", ..BINDING };
        assert_ne!(moved.digest(), BINDING.digest());
    }

    #[test]
    fn the_digest_of_a_binding_never_changes_between_versions() {
        // What was sealed by an earlier version must open: this value is part of the stored format.
        assert_eq!(BINDING.digest(), "qRfNa70FT0wKvtGg3-zQQxYvlWef4lnvc0NIe4CzkDk");
    }
}
