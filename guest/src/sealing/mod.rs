//! Sealing of secrets at rest, as JWE in compact serialization (RFC 7516 section 3.1): `A256GCM` with a data key that
//! is used once, wrapped by the host under a master key that never comes here.
//!
//! The protected header holds a digest of what the value belongs to ([`Binding`]), so that a value which somebody
//! moves to another record does not open. Any JOSE library opens a sealed value, given the master key: the additional
//! authenticated data are the header's ASCII bytes, as RFC 7516 section 5.1 has it, and nothing else.

mod binding;
mod content;
mod header;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

pub use self::binding::Binding;
use self::content::{DATA_KEY_BYTES, IV_BYTES, TAG_BYTES};
use self::header::Header;
use crate::contract::keys::WrappedKey;

/// The longest value that is sealed, in bytes: room for the longest tokens that are accepted from Databricks.
pub const MAX_PLAINTEXT_BYTES: usize = 32 * 1024;

/// The longest wrapped data key, in bytes, as the contract has it.
const MAX_ENCRYPTED_KEY_BYTES: usize = 1_024;

/// The longest sealed value that is looked at, in bytes: base64url of the longest plaintext, wrapped key and header
/// stays below it.
const MAX_COMPACT_BYTES: usize = 48 * 1024;

/// All that is needed to seal one value, obtained ahead. Sealing uses it up: a data key and initialization vector
/// that sealed twice would give both values away.
pub struct PreparedSeal {
    data_key: Zeroizing<[u8; DATA_KEY_BYTES]>,
    iv: [u8; IV_BYTES],
    wrapped: WrappedKey,
}

impl PreparedSeal {
    /// Takes a data key and an initialization vector, both fresh random bytes, and the data key as the host wrapped it.
    ///
    /// # Errors
    /// [`SealedError::WrappedKey`] when the algorithm, key id or length of the wrapped key is not what the contract
    /// allows. Asked now, so that sealing itself cannot fail over it later.
    pub fn new(
        data_key: Zeroizing<[u8; DATA_KEY_BYTES]>,
        iv: [u8; IV_BYTES],
        wrapped: WrappedKey,
    ) -> Result<Self, SealedError> {
        let acceptable = header::is_wrapping_algorithm(&wrapped.algorithm)
            && header::is_key_id(&wrapped.key_id)
            && (1..=MAX_ENCRYPTED_KEY_BYTES).contains(&wrapped.encrypted_key.len());
        if acceptable { Ok(Self { data_key, iv, wrapped }) } else { Err(SealedError::WrappedKey) }
    }

    /// The master key that the data key is wrapped under.
    pub fn key_id(&self) -> &str {
        &self.wrapped.key_id
    }
}

impl core::fmt::Debug for PreparedSeal {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("PreparedSeal(…)")
    }
}

/// Seals `plaintext` for the place that `binding` names (RFC 7516 section 5.1).
///
/// # Errors
/// [`SealedError::Length`] when the plaintext is longer than [`MAX_PLAINTEXT_BYTES`].
pub fn seal(prepared: PreparedSeal, binding: &Binding<'_>, plaintext: &[u8]) -> Result<String, SealedError> {
    if plaintext.len() > MAX_PLAINTEXT_BYTES {
        return Err(SealedError::Length);
    }
    let PreparedSeal { data_key, iv, wrapped } = prepared;
    let header = Header::new(wrapped.algorithm, wrapped.key_id, binding.digest()).encode()?;
    let mut buffer = Zeroizing::new(plaintext.to_vec());
    let tag = content::encrypt(data_key.as_slice(), &iv, header.as_bytes(), &mut buffer)
        .map_err(|content::Failed| SealedError::Length)?;
    let parts: [&[u8]; 4] = [&wrapped.encrypted_key, &iv, &buffer, &tag];
    let mut compact = header;
    for part in parts {
        compact.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut compact);
    }
    Ok(compact)
}

/// Reads a sealed value as far as that goes without its data key.
///
/// # Errors
/// Names the rule that is broken, see [`SealedError`]. Everything but [`SealedError::WrappedKey`] and
/// [`SealedError::Length`] means that the value was not sealed here, or was changed since.
pub fn parse(compact: &str) -> Result<Sealed, SealedError> {
    if compact.len() > MAX_COMPACT_BYTES {
        return Err(SealedError::Length);
    }
    let mut parts = compact.split('.');
    let (Some(header), Some(encrypted_key), Some(iv), Some(ciphertext), Some(tag), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SealedError::Parts);
    };
    let Header { algorithm, key_id, record, .. } = Header::decode(header)?;
    let encrypted_key = decode(encrypted_key)?;
    if !(1..=MAX_ENCRYPTED_KEY_BYTES).contains(&encrypted_key.len()) {
        return Err(SealedError::WrappedKey);
    }
    Ok(Sealed {
        wrapped: WrappedKey { algorithm, key_id, encrypted_key },
        record,
        associated_data: String::from(header),
        iv: decode(iv)?.try_into().map_err(|_| SealedError::Length)?,
        ciphertext: decode(ciphertext)?,
        tag: decode(tag)?.try_into().map_err(|_| SealedError::Length)?,
    })
}

/// Strict base64url: no padding, no other alphabet, no stray bits.
fn decode(part: &str) -> Result<Vec<u8>, SealedError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| SealedError::Encoding)
}

/// A sealed value whose form is right. Nothing in it is to be believed before [`Sealed::open`].
#[derive(Debug)]
pub struct Sealed {
    wrapped: WrappedKey,
    record: String,
    associated_data: String,
    iv: [u8; IV_BYTES],
    ciphertext: Vec<u8>,
    tag: [u8; TAG_BYTES],
}

impl Sealed {
    /// The wrapped data key, for the host to unwrap.
    pub fn wrapped_key(&self) -> &WrappedKey {
        &self.wrapped
    }

    /// Opens the value with its unwrapped data key, for the place that `binding` names (RFC 7516 section 5.2).
    ///
    /// # Errors
    /// [`OpenError`] when the value belongs elsewhere, was changed, or the data key is not the one. It does not tell
    /// which, so that it is of no help to somebody who tries values out.
    pub fn open(self, data_key: &[u8], binding: &Binding<'_>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let in_place: bool = self.record.as_bytes().ct_eq(binding.digest().as_bytes()).into();
        let mut buffer = Zeroizing::new(self.ciphertext);
        let decrypted =
            content::decrypt(data_key, &self.iv, self.associated_data.as_bytes(), &mut buffer, &self.tag).is_ok();
        if in_place && decrypted { Ok(buffer) } else { Err(OpenError) }
    }
}

/// Why something is not, or cannot become, a sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedError {
    /// There are not exactly five parts.
    Parts,
    /// A part is not strict base64url without padding.
    Encoding,
    /// The protected header is not an object of exactly `alg`, `enc`, `kid` and `record` with acceptable values.
    Header,
    /// The wrapped data key is not within the contract.
    WrappedKey,
    /// Something is too long, or a part has not its fixed length.
    Length,
}

impl core::fmt::Display for SealedError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::Parts => "the sealed value has not five parts",
            Self::Encoding => "a part of the sealed value is not base64url",
            Self::Header => "the sealed value has an unacceptable header",
            Self::WrappedKey => "the wrapped data key is not within the contract",
            Self::Length => "a value or part of it has an unacceptable length",
        })
    }
}

impl core::error::Error for SealedError {}

/// A sealed value did not open. Nobody learns why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError;

impl core::fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the sealed value does not open")
    }
}

impl core::error::Error for OpenError {}
