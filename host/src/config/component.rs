//! Table `[component]`: which component runs.

use std::path::PathBuf;

use super::error::ConfigError;
use super::keys;
use super::settings::Settings;

/// Which component runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The file to run instead of the built-in component.
    pub replacement: Option<PinnedComponent>,
    /// The folder in which the compiled component is kept.
    pub cache: PathBuf,
}

/// A component in a file, whose content is known beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedComponent {
    /// The file.
    pub file: PathBuf,
    /// The SHA-256 digest that the file must have.
    pub sha256: [u8; 32],
}

impl Component {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let file = settings.optional_path(&keys::COMPONENT_FILE)?;
        let digest = settings.optional_text(&keys::COMPONENT_SHA256)?;
        let replacement = match (file, digest) {
            (Some(file), Some(digest)) => {
                let sha256 = parse_digest(&digest.value)
                    .ok_or_else(|| digest.refuse("must be a SHA-256 digest: 64 hexadecimal digits"))?;
                Some(PinnedComponent { file: file.value, sha256 })
            }
            (Some(file), None) => {
                return Err(file.refuse("needs component.sha256, the digest of that file; `inspect` prints it"));
            }
            (None, Some(digest)) => return Err(digest.refuse("needs component.file, whose digest it is")),
            (None, None) => None,
        };
        Ok(Self { replacement, cache: settings.path(&keys::COMPONENT_CACHE)?.value })
    }
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| (high << 4) | low).collect();
    if rest.is_empty() { bytes.try_into().ok() } else { None }
}
