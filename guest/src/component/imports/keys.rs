//! Import `keys`.

use zeroize::Zeroizing;

use super::Imports;
use crate::contract::keys::{self, KeysError, WrappedKey};
use crate::ports::Keys;

impl Keys for Imports {
    async fn wrap(&self, data_key: &[u8; 32]) -> Result<WrappedKey, KeysError> {
        // The one copy that crosses, since the binding takes what it sends. It is freed by generated code, which wipes
        // nothing; the key in hand stays with the caller, who does.
        keys::wrap(data_key.to_vec()).await
    }

    async fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        // The very bytes that the host wrote here: wrapping them up moves them, and makes no copy.
        keys::unwrap(wrapped.clone()).await.map(Zeroizing::new)
    }
}
