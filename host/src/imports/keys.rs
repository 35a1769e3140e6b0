//! Import `keys`, over [`crate::keys`].
//!
//! Linked by hand, not by what `bindgen!` makes: a function of that gives a data key as a `Vec`, which nobody wipes once
//! it has been copied into the sandbox.

use bytes::Bytes;
use wasmtime::Result;
use wasmtime::component::{Accessor, Linker};
use zeroize::Zeroizing;

use super::CAUSE_IN_LOG;
use crate::bindings::prophecy::fabric_auth::keys::{KeysError, WrappedKey};
use crate::keys as backend;
use crate::runtime::{Parts, State};

/// The name under which the component imports it.
const INTERFACE: &str = "prophecy:fabric-auth/keys@0.1.0";

/// Links the interface.
pub(super) fn link(linker: &mut Linker<State>) -> Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    interface.func_wrap_concurrent("wrap", |accessor, (data_key,): (Vec<u8>,)| {
        Box::pin(async move { Ok((wrap(accessor, Zeroizing::new(data_key)).await,)) })
    })?;
    interface.func_wrap_concurrent("unwrap", |accessor, (wrapped,): (WrappedKey,)| {
        Box::pin(async move { Ok((unwrap(accessor, wrapped.into()).await,)) })
    })
}

async fn wrap(accessor: &Accessor<State>, data_key: Zeroizing<Vec<u8>>) -> Result<WrappedKey, KeysError> {
    let wrapped = parts(accessor).keys.wrap(&data_key).await;
    wrapped.map(Into::into).map_err(Into::into)
}

/// The data key as bytes that are wiped when the last handle to them goes, which is right after they have been copied
/// into the sandbox.
async fn unwrap(accessor: &Accessor<State>, wrapped: backend::WrappedKey) -> Result<Bytes, KeysError> {
    let unwrapped = parts(accessor).keys.unwrap(&wrapped).await;
    unwrapped.map(Bytes::from_owner).map_err(Into::into)
}

fn parts(accessor: &Accessor<State>) -> std::sync::Arc<Parts> {
    accessor.with(|mut access| access.data_mut().instances.parts.clone())
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

/// The whole error goes to the log, and to the component what may be shown to its callers.
impl From<backend::KeysError> for KeysError {
    fn from(error: backend::KeysError) -> Self {
        tracing::warn!(%error, "a master key could not be used");
        match error {
            backend::KeysError::UnknownKey(key_id) => Self::UnknownKey(key_id),
            backend::KeysError::Unavailable(_) => Self::Unavailable(CAUSE_IN_LOG.to_owned()),
            backend::KeysError::Refused => Self::Refused,
        }
    }
}
