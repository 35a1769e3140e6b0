//! Table `[storage]`: where records are kept.

use std::path::PathBuf;

use super::error::ConfigError;
use super::keys;
use super::settings::Settings;
use crate::database::{CONNECTIONS, PostgresSettings};

/// Where records are kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Storage {
    /// In a SQLite database, the file at this path.
    Sqlite(PathBuf),
    /// In a PostgreSQL database.
    Postgres(PostgresSettings),
}

impl Storage {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let url = settings.text(&keys::STORAGE_URL)?;
        let max_connections = settings.number(&keys::STORAGE_MAX_CONNECTIONS)?;
        let connections = u32::try_from(max_connections.value).ok().filter(|number| CONNECTIONS.contains(number));
        let (least, most) = (CONNECTIONS.start(), CONNECTIONS.end());
        let connections =
            connections.ok_or_else(|| max_connections.refuse(format_args!("must be {least} to {most}")))?;
        if PostgresSettings::is_postgres(&url.value) {
            let postgres = PostgresSettings::from_url(&url.value, connections);
            return postgres.map(Self::Postgres).map_err(|error| url.refuse(error));
        }
        let path = url.value.strip_prefix("sqlite:").unwrap_or_default();
        // `//host/…` and `?…` belong to other spellings of such URLs; `:memory:` would forget every token.
        if path.is_empty() || path.starts_with("//") || path.starts_with(':') || path.contains('?') {
            return Err(url.refuse("must be sqlite:PATH, such as \"sqlite:fabric-auth.db\", or postgres://…"));
        }
        Ok(Self::Sqlite(settings.resolve(path)))
    }
}
