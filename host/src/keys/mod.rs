//! The master keys, which wrap the data keys that seal the component's secrets (RFC 7516 section 2, "key encryption").
//!
//! This is the host's side of the `keys` interface of the contract. A master key never enters the sandbox. The
//! default is a [`KeyRing`] in a file; an HSM or a KMS would be another [`MasterKeys`]. From them come also the keys with
//! which the host signs its journal.

mod key_ring;
mod master_key;

use std::fmt;

use futures::future::BoxFuture;
use zeroize::Zeroizing;

pub(crate) use self::master_key::hmac_sha_256;
pub use self::{
    key_ring::{KeyDescription, KeyRing, KeyRingError, SealedUnder},
    master_key::KeyStatus,
};

/// Length of a data key, in bytes.
pub const DATA_KEY_BYTES: usize = 32;

/// Length of a key that is derived for another purpose, in bytes.
pub const DERIVED_KEY_BYTES: usize = 32;

/// Wraps and unwraps data keys.
pub trait MasterKeys: Send + Sync + 'static {
    /// Wraps a data key of [`DATA_KEY_BYTES`] under the primary master key.
    ///
    /// # Errors
    /// [`KeysError::Refused`] when the data key has another length, [`KeysError::Unavailable`] when the key store
    /// does not answer.
    fn wrap<'a>(&'a self, data_key: &'a [u8]) -> BoxFuture<'a, Result<WrappedKey, KeysError>>;

    /// Gives back the data key.
    ///
    /// # Errors
    /// [`KeysError::UnknownKey`] when there is no master key of this id, [`KeysError::Refused`] when the wrapped key
    /// was not made by it with this algorithm or was changed, [`KeysError::Unavailable`] when the key store does not
    /// answer.
    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, KeysError>>;

    /// A key for a purpose of the host's own, such as signing its journal: HMAC-SHA-256 of the purpose under the primary
    /// master key, or under the one of this id. The same for as long as there is that master key.
    ///
    /// # Errors
    /// [`KeysError::UnknownKey`] when there is no master key of this id, [`KeysError::Unavailable`] when the key store
    /// does not answer.
    fn derived_key<'a>(
        &'a self,
        purpose: &'a str,
        key_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<DerivedKey, KeysError>>;
}

/// A key derived from a master key for one purpose.
pub struct DerivedKey {
    /// Names the master key.
    pub key_id: String,
    /// The key itself; wiped when dropped.
    pub bytes: Zeroizing<[u8; DERIVED_KEY_BYTES]>,
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DerivedKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// A data key, wrapped. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// The JWA name of the wrapping algorithm (RFC 7518 section 4.1), for instance `A256KW`; 1 to 32 characters.
    pub algorithm: String,
    /// Names the master key, 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub key_id: String,
    /// The wrapped key, at most 1,024 bytes.
    pub encrypted_key: Vec<u8>,
}

/// Why a data key was not wrapped or unwrapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is no master key of this id here now.
    #[error("there is no master key {0:?} here; restore it to the key ring")]
    UnknownKey(String),
    /// The key store does not answer; try again. Text for the operator, without secrets.
    #[error("the key store does not answer: {0}")]
    Unavailable(String),
    /// The wrapped key was not made by this master key, or was changed. Nothing more is said.
    #[error("the master key refused the wrapped key")]
    Refused,
}
