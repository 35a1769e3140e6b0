//! Secrets in records: sealing and opening one field, with the host wrapping the data keys.

use zeroize::Zeroizing;

use crate::contract::Error;
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::ports::Ports;
use crate::sealing::{self, Binding, PreparedSeal};

/// Everything that sealing will need, obtained ahead: between a reply with new tokens and their storage there must be
/// no call that can fail.
pub struct Preparation(PreparedSeal);

impl Preparation {
    /// The master key it was wrapped under: the primary one.
    pub fn key_id(&self) -> &str {
        self.0.key_id()
    }

    /// Seals. Used up by it: a data key seals once.
    pub fn seal(self, binding: &Binding<'_>, plaintext: &[u8]) -> Result<String> {
        sealing::seal(self.0, binding, plaintext)
            .map_err(|_| Error::Internal("A value could not be sealed; it is too long.".to_owned()))
    }
}

impl<P: Ports> Core<P> {
    /// Makes a data key and has the host wrap it.
    ///
    /// # Errors
    /// `unavailable` when the key store does not answer. Without a key nothing is stored, least of all in clear.
    pub(crate) async fn prepare_seal(&self) -> Result<Preparation> {
        let data_key = Zeroizing::new(self.random::<32>());
        let wrapped = self.ports.wrap(&data_key).await?;
        PreparedSeal::new(data_key, self.random(), wrapped).map(Preparation).map_err(|_| {
            Error::Misconfigured("The host's key store gave a wrapped key that is not within the contract.".to_owned())
        })
    }

    /// Seals at once, where nothing can be lost in between.
    pub(crate) async fn seal(&self, binding: &Binding<'_>, plaintext: &[u8]) -> Result<String> {
        self.prepare_seal().await?.seal(binding, plaintext)
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// `unavailable` when its master key is not here or the key store does not answer; `internal` when it was changed,
    /// moved from another record, or is not what it should be. Nothing tells which.
    pub(crate) async fn open(&self, binding: &Binding<'_>, sealed: &str) -> Result<Zeroizing<String>, Failure> {
        let damaged = || {
            Error::Internal("A sealed value does not open: it was changed, or moved from another record.".to_owned())
        };
        let sealed = sealing::parse(sealed).map_err(|_| damaged())?;
        let data_key = self.ports.unwrap(sealed.wrapped_key()).await?;
        let mut plaintext = sealed.open(&data_key, binding).map_err(|_| damaged())?;
        match String::from_utf8(std::mem::take(&mut *plaintext)) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(_) => Err(damaged().into()),
        }
    }
}
