//! Import `keys`.

use zeroize::Zeroizing;

use super::Imports;
use crate::contract::keys::{self, KeysError, WrappedKey};
use crate::ports::Keys;

impl Keys for Imports {
    async fn wrap(&self, data_key: &[u8; 32]) -> Result<WrappedKey, KeysError> {
        keys::wrap(data_key.to_vec()).await
    }

    async fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        keys::unwrap(wrapped.clone()).await.map(Zeroizing::new)
    }
}
