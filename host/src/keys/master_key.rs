//! One master key of a key ring.

use std::{fmt, time::Duration};

use aes_kw::{KeyInit, KwAes256};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{DATA_KEY_BYTES, KeysError, WrappedKey};

/// The JWA name of AES key wrap with a 256-bit key (RFC 7518 section 4.4, RFC 3394).
pub(super) const ALGORITHM: &str = "A256KW";

/// Length of a master key, in bytes.
pub(super) const MASTER_KEY_BYTES: usize = 32;

/// What a wrapped key is longer than the key in it (RFC 3394 section 2.2.1).
const INTEGRITY_BYTES: usize = 8;

/// The bytes of a master key or of a key derived from one; wiped when dropped.
pub(super) type KeyBytes = Zeroizing<[u8; MASTER_KEY_BYTES]>;

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// Unwraps, and waits to become the primary once every host has it.
    Standby,
    /// Wraps and unwraps. There is exactly one.
    Primary,
    /// Unwraps what it wrapped in its time, until everything has been sealed anew.
    Retired,
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Standby => "standby",
            Self::Primary => "primary",
            Self::Retired => "retired",
        })
    }
}

/// A master key, ready for use.
pub(super) struct MasterKey {
    pub(super) key_id: String,
    pub(super) status: KeyStatus,
    /// When it was made, since the Unix epoch.
    pub(super) created: Duration,
    pub(super) bytes: KeyBytes,
}

impl MasterKey {
    /// Wraps a data key (RFC 3394 section 2.2.1).
    pub(super) fn wrap(&self, data_key: &[u8]) -> Result<WrappedKey, KeysError> {
        if data_key.len() != DATA_KEY_BYTES {
            return Err(KeysError::Refused);
        }
        let mut encrypted_key = vec![0; DATA_KEY_BYTES + INTEGRITY_BYTES];
        self.cipher().wrap_key(data_key, &mut encrypted_key).map_err(|_| KeysError::Refused)?;
        Ok(WrappedKey { algorithm: ALGORITHM.into(), key_id: self.key_id.clone(), encrypted_key })
    }

    /// Unwraps a data key (RFC 3394 section 2.2.2).
    pub(super) fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        if wrapped.algorithm != ALGORITHM || wrapped.encrypted_key.len() != DATA_KEY_BYTES + INTEGRITY_BYTES {
            return Err(KeysError::Refused);
        }
        let mut data_key = Zeroizing::new(vec![0; DATA_KEY_BYTES]);
        self.cipher().unwrap_key(&wrapped.encrypted_key, &mut data_key).map_err(|_| KeysError::Refused)?;
        Ok(data_key)
    }

    /// A key for another purpose than wrapping: HMAC-SHA-256 of the purpose's label under this one.
    pub(super) fn derive(&self, label: &str) -> KeyBytes {
        let mut mac = hmac_sha_256(&self.bytes);
        mac.update(label.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    fn cipher(&self) -> KwAes256 {
        KwAes256::new((&*self.bytes).into())
    }
}

/// HMAC-SHA-256 under a key, ready for a message.
pub(crate) fn hmac_sha_256(key: &[u8; MASTER_KEY_BYTES]) -> Hmac<Sha256> {
    // HMAC itself pads a short key with zeros to a block of its hash (RFC 2104 section 2). A whole block is what it takes
    // without the possibility of an error.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Hmac::new((&*block).into())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MasterKey")
            .field("key_id", &self.key_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes from hexadecimal digits, which may be in groups.
    fn bytes<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
        let digits: String = text.split_whitespace().collect();
        assert_eq!(digits.len(), 2 * LENGTH);
        std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
    }

    /// The key of RFC 3394 section 4.6.
    fn key() -> MasterKey {
        MasterKey {
            key_id: "rfc3394".into(),
            status: KeyStatus::Primary,
            created: Duration::ZERO,
            bytes: Zeroizing::new(bytes("0001020304050607 08090A0B0C0D0E0F 1011121314151617 18191A1B1C1D1E1F")),
        }
    }

    /// The data key of RFC 3394 section 4.6.
    fn data_key() -> [u8; 32] {
        bytes("0011223344556677 8899AABBCCDDEEFF 0001020304050607 08090A0B0C0D0E0F")
    }

    #[test]
    fn the_vector_of_rfc_3394_section_4_6_wraps_and_unwraps() {
        let wrapped = key().wrap(&data_key()).unwrap();
        let ciphertext: [u8; 40] =
            bytes("28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21");
        assert_eq!(wrapped.encrypted_key, ciphertext);
        assert_eq!((wrapped.algorithm.as_str(), wrapped.key_id.as_str()), ("A256KW", "rfc3394"));
        assert_eq!(key().unwrap(&wrapped).unwrap().as_slice(), data_key());
    }

    #[test]
    fn a_changed_or_cut_wrapped_key_or_another_algorithm_is_refused() {
        let wrapped = key().wrap(&data_key()).unwrap();
        let refused = |wrapped: WrappedKey| assert_eq!(key().unwrap(&wrapped).unwrap_err(), KeysError::Refused);
        for at in 0..wrapped.encrypted_key.len() {
            let mut changed = wrapped.clone();
            changed.encrypted_key[at] ^= 1;
            refused(changed);
        }
        for length in [0, 7, 8, 16, 32, 39, 41, 48, 1024] {
            let mut cut = wrapped.clone();
            cut.encrypted_key.resize(length, 0);
            refused(cut);
        }
        for algorithm in ["A128KW", "dir", "a256kw", ""] {
            refused(WrappedKey { algorithm: algorithm.into(), ..wrapped.clone() });
        }
    }

    #[test]
    fn only_a_data_key_of_32_bytes_is_wrapped() {
        for length in [0, 16, 31, 33, 64] {
            assert_eq!(key().wrap(&vec![7; length]).unwrap_err(), KeysError::Refused);
        }
    }

    #[test]
    fn each_label_gives_a_key_of_its_own() {
        let (one, other) = (key().derive("one"), key().derive("other"));
        assert_eq!(one, key().derive("one"));
        assert_ne!(one, other);
        assert_ne!(one, key().bytes);
    }

    /// RFC 4231 section 4.3 (test case 2): its key padded to 32 bytes is the same HMAC key.
    #[test]
    fn a_derived_key_is_the_hmac_sha_256_of_the_label() {
        let mut padded = Zeroizing::new([0; 32]);
        padded[..4].copy_from_slice(b"Jefe");
        let key = MasterKey { bytes: padded, ..key() };
        let expected: [u8; 32] = bytes("5bdcc146bf60754e6a042426089575c7 5a003f089d2739839dec58b964ec3843");
        assert_eq!(*key.derive("what do ya want for nothing?"), expected);
    }

    #[test]
    fn a_master_key_prints_its_id_and_not_its_bytes() {
        let key = MasterKey { bytes: Zeroizing::new([171; 32]), ..key() };
        assert_eq!(format!("{key:?}"), r#"MasterKey { key_id: "rfc3394", status: Primary, .. }"#);
    }
}
