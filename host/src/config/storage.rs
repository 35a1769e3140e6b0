//! Table `[storage]`: where records are kept.

use std::path::PathBuf;

use super::error::ConfigError;
use super::keys;
use super::settings::Settings;

/// Where records are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// In a SQLite database, the file at this path.
    Sqlite(PathBuf),
}

impl Storage {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let url = settings.text(&keys::STORAGE_URL)?;
        if url.value.starts_with("postgres:") || url.value.starts_with("postgresql:") {
            return Err(url.refuse("names PostgreSQL, which comes later; for now it must be sqlite:PATH"));
        }
        let path = url.value.strip_prefix("sqlite:").unwrap_or_default();
        // `//host/…` and `?…` belong to other spellings of such URLs; `:memory:` would forget every token.
        if path.is_empty() || path.starts_with("//") || path.starts_with(':') || path.contains('?') {
            return Err(url.refuse("must be sqlite:PATH, such as \"sqlite:fabric-auth.db\""));
        }
        Ok(Self::Sqlite(settings.resolve(path)))
    }
}
