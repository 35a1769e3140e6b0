//! The master keys, shared by all hosts: A256KW (RFC 3394), as the reference host's key ring wraps.

use std::cell::RefCell;

use aes_kw::{KeyInit as _, KwAes256};
use fabric_auth_guest::contract::keys::{KeysError, WrappedKey};
use fabric_auth_guest::sealing::{self, Binding};
use zeroize::Zeroizing;

use crate::rng::Rng;

const ALGORITHM: &str = "A256KW";

/// The keys, the primary one last.
pub(crate) struct KeyRing(RefCell<Vec<(String, [u8; 32])>>);

impl KeyRing {
    pub(crate) fn new(rng: &Rng) -> Self {
        let ring = Self(RefCell::default());
        ring.rotate(rng);
        ring
    }

    /// Makes a new key the primary one.
    pub(crate) fn rotate(&self, rng: &Rng) {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        let mut keys = self.0.borrow_mut();
        let id = format!("master-{}", keys.len() + 1);
        keys.push((id, bytes));
    }

    pub(crate) fn wrap(&self, data_key: &[u8; 32]) -> Result<WrappedKey, KeysError> {
        let keys = self.0.borrow();
        let (key_id, bytes) = keys.last().ok_or(KeysError::Refused)?;
        let mut encrypted_key = vec![0; 40];
        KwAes256::new(bytes.into()).wrap_key(data_key, &mut encrypted_key).map_err(|_| KeysError::Refused)?;
        Ok(WrappedKey { algorithm: ALGORITHM.to_owned(), key_id: key_id.clone(), encrypted_key })
    }

    pub(crate) fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let keys = self.0.borrow();
        let Some((_, bytes)) = keys.iter().find(|(id, _)| *id == wrapped.key_id) else {
            return Err(KeysError::UnknownKey(wrapped.key_id.clone()));
        };
        let mut data_key = Zeroizing::new(vec![0; 32]);
        match KwAes256::new(bytes.into()).unwrap_key(&wrapped.encrypted_key, &mut data_key) {
            Ok(_) if wrapped.algorithm == ALGORITHM => Ok(data_key),
            _ => Err(KeysError::Refused),
        }
    }

    /// Opens a sealed value, for the monitor only: it has to know which token a record holds.
    pub(crate) fn open(&self, binding: &Binding<'_>, sealed: &str) -> Option<String> {
        let sealed = sealing::parse(sealed).ok()?;
        let data_key = self.unwrap(sealed.wrapped_key()).ok()?;
        let mut plaintext = sealed.open(&data_key, binding).ok()?;
        String::from_utf8(std::mem::take(&mut *plaintext)).ok()
    }
}
