//! Which PostgreSQL database, and how it is reached.

use std::{fmt, net::IpAddr, ops::RangeInclusive, str::FromStr, sync::Arc};

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};

/// How many connections a host may be told to keep. One more listens to what other hosts change.
pub const CONNECTIONS: RangeInclusive<u32> = 1..=100;

/// How long the server works on one statement. Less than [`WRITE_BUDGET`](crate::storage::WRITE_BUDGET): what it gives
/// up has then certainly not happened, and nothing of a write that was given up here goes on for long over there.
pub(super) const STATEMENT_TIMEOUT: &str = "4s";

/// How long the server waits for a lock on a record. As long as SQLite does, and for the same reason.
pub(super) const LOCK_TIMEOUT: &str = "2s";

/// What PostgreSQL shows in its list of sessions.
const APPLICATION_NAME: &str = "fabric-auth";

/// The parameters that a URL may carry. One that is mistyped must not be passed over: it may be the one about TLS.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
];

/// Which database, and how it is reached. Shows itself without the password.
#[derive(Clone)]
pub struct PostgresSettings {
    pub(super) options: Arc<PgConnectOptions>,
    pub(super) max_connections: u32,
    names_password: bool,
}

/// What is wrong with a URL, as the rest of a sentence that begins with what holds it. Repeats nothing of the URL but
/// the name of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// It is not such a URL.
    #[error(
        "must be postgres://USER@HOST:PORT/DATABASE, with special characters of a name percent-encoded, for instance \
         \"postgres://fabric_auth@db.example.com/fabric_auth?sslmode=verify-full\""
    )]
    NotAUrl,
    /// It has a parameter that is not known.
    #[error("has the parameter {0}, which is not known; there are {known}", known = PARAMETERS.join(", "))]
    UnknownParameter(String),
    /// It names no database.
    #[error("names no database; write postgres://USER@HOST:PORT/DATABASE")]
    NoDatabase,
}

impl PostgresSettings {
    /// Whether this is the URL of a PostgreSQL database, rightly written or not.
    pub fn is_postgres(url: &str) -> bool {
        url.starts_with("postgres:") || url.starts_with("postgresql:")
    }

    /// Reads a URL `postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS`. What it leaves out is taken from the
    /// variables that other programs for PostgreSQL know (`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`,
    /// `PGSSLMODE`, `PGSSLROOTCERT`, …), and the password from the password file (`PGPASSFILE`, `~/.pgpass`).
    ///
    /// Unless URL or environment say otherwise (`sslmode`), the server of another machine must offer TLS and a
    /// certificate in its name.
    ///
    /// # Errors
    /// [`PostgresUrlError`].
    pub fn from_url(url: &str, max_connections: u32) -> Result<Self, PostgresUrlError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(PostgresUrlError::NotAUrl);
        }
        let parameters = parameters(url)?;
        let mut options = PgConnectOptions::from_str(url).map_err(|_| PostgresUrlError::NotAUrl)?;
        let says_tls = parameters.iter().any(|name| name == "sslmode") || std::env::var_os("PGSSLMODE").is_some();
        if !says_tls && !is_on_this_machine(&options) {
            options = options.ssl_mode(PgSslMode::VerifyFull);
        }
        if options.get_database().is_none_or(str::is_empty) {
            return Err(PostgresUrlError::NoDatabase);
        }
        if options.get_application_name().is_none() {
            options = options.application_name(APPLICATION_NAME);
        }
        let options = options
            // Later ones win, so none of these can be undone by the URL.
            .options([
                ("statement_timeout", STATEMENT_TIMEOUT),
                ("lock_timeout", LOCK_TIMEOUT),
                ("idle_in_transaction_session_timeout", "10s"),
            ])
            .disable_statement_logging();
        let names_password = has_password(url) || parameters.iter().any(|name| name == "password");
        let max_connections = max_connections.clamp(*CONNECTIONS.start(), *CONNECTIONS.end());
        Ok(Self { options: Arc::new(options), max_connections, names_password })
    }

    /// Whether the URL carries a password, and so is a secret itself.
    pub fn names_password(&self) -> bool {
        self.names_password
    }

    /// How many connections a host keeps at most.
    pub fn max_connections(&self) -> u32 {
        self.max_connections
    }
}

/// Where the database is: never with user or password.
impl fmt::Display for PostgresSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.options.get_database().unwrap_or_default();
        let socket = self.options.get_socket().map(|socket| socket.to_string_lossy());
        let host = socket.as_deref().unwrap_or(self.options.get_host());
        write!(formatter, "PostgreSQL database {database} at {host}:{}", self.options.get_port())
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgresSettings({self}, {} connections)", self.max_connections)
    }
}

/// The names of a URL's parameters, all of them known.
fn parameters(url: &str) -> Result<Vec<String>, PostgresUrlError> {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names: Vec<_> = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let unknown = |name: &&String| !PARAMETERS.contains(&name.as_str()) && !name.starts_with("options[");
    match names.iter().find(unknown) {
        Some(name) => Err(PostgresUrlError::UnknownParameter(shown(name))),
        None => Ok(names),
    }
}

/// A parameter's name as far as it may be shown: it may be anything, even a secret gone astray.
fn shown(name: &str) -> String {
    name.chars().filter(|character| character.is_ascii_alphanumeric() || "_-[]".contains(*character)).take(40).collect()
}

/// Whether there is a password before the host.
fn has_password(url: &str) -> bool {
    let authority =
        url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// Whether no network lies between this process and the server.
fn is_on_this_machine(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> PostgresSettings {
        PostgresSettings::from_url(url, 8).unwrap()
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://me:canary@db.example.com/tokens",
            "postgresql://me@db.example.com:6432/tokens?password=canary",
            "postgres://me:can%61ry@%2Fvar%2Frun/tokens?sslmode=disable",
        ] {
            let settings = settings(url);
            let shown = format!("{settings} {settings:?}");
            assert!(shown.contains("tokens") && !shown.contains("canary") && !shown.contains("can%61ry"), "{shown}");
            assert!(settings.names_password(), "{url}");
        }
        assert!(!settings("postgres://me@db.example.com/tokens").names_password());
        assert!(!settings("postgres://db.example.com:5432/tokens").names_password());
    }

    #[test]
    fn a_server_of_another_machine_must_prove_its_name_unless_told_otherwise() {
        let mode = |url: &str| settings(url).options.get_ssl_mode();
        assert!(matches!(mode("postgres://me@db.example.com/tokens"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://me@10.0.0.7/tokens"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://me@db.example.com/tokens?sslmode=disable"), PgSslMode::Disable));
        for local in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            assert!(matches!(mode(&format!("postgres://me@{local}/tokens")), PgSslMode::Prefer), "{local}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_repeating_it() {
        for (url, told) in [
            ("postgres:canary", "must be postgres://"),
            ("postgres://me:canary@db:port/tokens", "must be postgres://"),
            ("postgres://me:canary@db/tokens?sslmode=canary", "must be postgres://"),
            ("postgres://me:canary@db/tokens?ssl_mode=verify-full", "has the parameter ssl_mode, which is not known"),
            ("postgres://me:canary@db/", "names no database"),
        ] {
            let error = PostgresSettings::from_url(url, 8).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("canary"), "{error}");
        }
    }
}
