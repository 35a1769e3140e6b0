//! What a key, a value, a tag and a listing may be. The contract sets these, so every engine checks them here.

use std::ops::RangeInclusive;

use super::StorageError;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1_024;

/// Largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;

/// Longest tag, in bytes. A tag is kept in the memory of [`Observed`](super::Observed), so it has to end somewhere.
pub const MAX_TAG_BYTES: usize = 512;

/// How many records one call of a listing may ask for.
pub const LIST_LIMIT: RangeInclusive<u32> = 1..=1000;

/// Sorts after every byte that a key may hold, and so ends the range of the keys that begin with a prefix.
pub(super) const AFTER_EVERY_KEY_BYTE: char = '\u{7f}';

/// Checks a key.
pub(super) fn check_key(key: &str) -> Result<(), StorageError> {
    if key.is_empty() {
        return Err(StorageError::OutOfLimits("a key is at least 1 byte long".into()));
    }
    check_key_bytes("key", key)
}

/// Checks what a put wants to write.
pub(super) fn check_put(key: &str, value: &[u8], tag: Option<&str>) -> Result<(), StorageError> {
    check_key(key)?;
    if value.len() > MAX_VALUE_BYTES {
        let message = format!("a value is at most {MAX_VALUE_BYTES} bytes, this one is {}", value.len());
        return Err(StorageError::OutOfLimits(message));
    }
    match tag {
        Some(tag) if tag.len() > MAX_TAG_BYTES => {
            Err(StorageError::OutOfLimits(format!("a tag is at most {MAX_TAG_BYTES} bytes, this one is {}", tag.len())))
        }
        _ => Ok(()),
    }
}

/// Checks what a listing asks for. An empty prefix stands for every key.
pub(super) fn check_list(prefix: &str, after: Option<&str>, limit: u32) -> Result<(), StorageError> {
    check_key_bytes("prefix", prefix)?;
    if let Some(after) = after {
        check_key(after)?;
    }
    if !LIST_LIMIT.contains(&limit) {
        let (least, most) = (LIST_LIMIT.start(), LIST_LIMIT.end());
        return Err(StorageError::OutOfLimits(format!("a listing takes {least} to {most} records, not {limit}")));
    }
    Ok(())
}

fn check_key_bytes(what: &str, text: &str) -> Result<(), StorageError> {
    if text.len() > MAX_KEY_BYTES {
        let message = format!("a {what} is at most {MAX_KEY_BYTES} bytes, this one is {}", text.len());
        return Err(StorageError::OutOfLimits(message));
    }
    // The text itself stays out of the message: what is not a key may be anything, even a secret gone astray.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~%/-".contains(&byte)) {
        return Err(StorageError::OutOfLimits(format!("a {what} is made of A-Z a-z 0-9 . _ ~ % / - only")));
    }
    Ok(())
}
