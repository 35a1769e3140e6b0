//! Files that hold one secret.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::error::{ConfigError, Place};
use super::keys::Key;

/// How many bytes a secret may have. Those of Databricks have 38.
const LONGEST_SECRET: u64 = 4096;

/// Reads the secret in a file that a key names: the file's content without white space at its ends.
///
/// # Errors
///
/// [`ConfigError::Wrong`] when the file cannot be read, is open to others than its owner, or holds no single line of
/// text.
pub(super) fn read(path: &Path, key: &Key) -> Result<SecretString, ConfigError> {
    let refuse = |right: String| ConfigError::Wrong {
        key: key.full_name(),
        place: Place::Line(path.to_owned(), 1),
        right: format!("names this file, which {right}"),
    };
    let unreadable = |error: io::Error| refuse(format!("cannot be read ({error})"));
    let file = File::open(path).map_err(unreadable)?;
    if is_open_to_others(&file).map_err(unreadable)? {
        return Err(refuse("others than its owner may read; run chmod 600 on it".to_owned()));
    }
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_SECRET as usize));
    let length = file.take(LONGEST_SECRET).read_to_string(&mut text).map_err(unreadable)?;
    let secret = text.trim();
    if secret.is_empty() || secret.contains(char::is_control) || length as u64 == LONGEST_SECRET {
        return Err(refuse("must hold the secret alone, in one line".to_owned()));
    }
    Ok(SecretString::from(secret))
}

/// Whether the group or everybody has any right on the file that was opened.
#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Other systems have no such bits; the folder's own protection must do.
#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}
