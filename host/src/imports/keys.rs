//! Import `keys`, over [`crate::keys`].

use wasmtime::Result;
use wasmtime::component::Accessor;
use zeroize::Zeroizing;

use super::{Imports, parts};
use crate::bindings::prophecy::fabric_auth::keys::{Host, HostWithStore, KeysError, WrappedKey};
use crate::keys as backend;
use crate::runtime::State;

impl Host for &mut State {}

impl<T: Send> HostWithStore<T> for Imports {
    async fn wrap(accessor: &Accessor<T, Self>, data_key: Vec<u8>) -> Result<Result<WrappedKey, KeysError>> {
        let parts = parts(accessor);
        let data_key = Zeroizing::new(data_key);
        Ok(parts.keys.wrap(&data_key).await.map(Into::into).map_err(Into::into))
    }

    async fn unwrap(accessor: &Accessor<T, Self>, wrapped: WrappedKey) -> Result<Result<Vec<u8>, KeysError>> {
        let parts = parts(accessor);
        let unwrapped = parts.keys.unwrap(&wrapped.into()).await;
        Ok(unwrapped.map(|mut key| std::mem::take(&mut *key)).map_err(Into::into))
    }
}

impl From<backend::WrappedKey> for WrappedKey {
    fn from(wrapped: backend::WrappedKey) -> Self {
        Self { algorithm: wrapped.algorithm, key_id: wrapped.key_id, encrypted_key: wrapped.encrypted_key }
    }
}

impl From<WrappedKey> for backend::WrappedKey {
    fn from(wrapped: WrappedKey) -> Self {
        Self { algorithm: wrapped.algorithm, key_id: wrapped.key_id, encrypted_key: wrapped.encrypted_key }
    }
}

impl From<backend::KeysError> for KeysError {
    fn from(error: backend::KeysError) -> Self {
        match error {
            backend::KeysError::UnknownKey(key_id) => Self::UnknownKey(key_id),
            backend::KeysError::Unavailable(reason) => Self::Unavailable(reason),
            backend::KeysError::Refused => Self::Refused,
        }
    }
}
