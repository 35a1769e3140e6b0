//! The content encryption: AES-256 in Galois/counter mode (RFC 7518 section 5.3), in place.

use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _, Nonce, Tag};

/// Bytes of a data key.
pub(super) const DATA_KEY_BYTES: usize = 32;

/// Bytes of an initialization vector.
pub(super) const IV_BYTES: usize = 12;

/// Bytes of an authentication tag.
pub(super) const TAG_BYTES: usize = 16;

/// The key has not the right length, there is too much to encrypt, or what was given to decrypt is not authentic.
/// Which of these, nobody is told.
pub(super) struct Failed;

/// Turns the plaintext in `buffer` into ciphertext and gives the tag.
pub(super) fn encrypt(
    data_key: &[u8],
    iv: &[u8; IV_BYTES],
    associated_data: &[u8],
    buffer: &mut [u8],
) -> Result<[u8; TAG_BYTES], Failed> {
    let cipher = Aes256Gcm::new_from_slice(data_key).map_err(|_| Failed)?;
    let tag = cipher.encrypt_inout_detached(&Nonce::from(*iv), associated_data, buffer.into()).map_err(|_| Failed)?;
    Ok(tag.into())
}

/// Turns the ciphertext in `buffer` into plaintext. On failure `buffer` holds nothing of use.
pub(super) fn decrypt(
    data_key: &[u8],
    iv: &[u8; IV_BYTES],
    associated_data: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), Failed> {
    let cipher = Aes256Gcm::new_from_slice(data_key).map_err(|_| Failed)?;
    cipher
        .decrypt_inout_detached(&Nonce::from(*iv), associated_data, buffer.into(), &Tag::from(*tag))
        .map_err(|_| Failed)
}
