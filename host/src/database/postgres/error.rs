//! What goes wrong with PostgreSQL, as sentences that say who must act.

use std::io;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::settings::PostgresSettings;

/// Why PostgreSQL did not do it. Each is a sentence that names the database, never user or password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct PostgresError {
    place: String,
    /// What is the matter.
    pub problem: PostgresProblem,
}

/// What can be the matter with a PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresProblem {
    /// Nobody answers there.
    #[error("the server cannot be reached ({0}); start it, or correct storage.url and the network in between")]
    Unreachable(String),
    /// It is starting or shutting down.
    #[error("the server is starting or shutting down; try again in a moment")]
    Starting,
    /// User or password are wrong, or the server's access rules keep this user out.
    #[error(
        "the server does not let this user in; correct user and password (storage.url, PGPASSWORD or the password file), or the server's pg_hba.conf"
    )]
    NotLetIn,
    /// There is no such database.
    #[error("there is no such database; create it (createdb), or correct storage.url")]
    NoDatabase,
    /// The server, database or user has as many connections as it may have.
    #[error(
        "the server has no connection left for this user; lower storage.max_connections of the hosts, or raise max_connections of the server"
    )]
    TooManyConnections,
    /// All connections of this host are at work.
    #[error(
        "all {0} connections of this host are busy; raise storage.max_connections, or find what holds the server up"
    )]
    Busy(u32),
    /// The user may not do that.
    #[error(
        "the user may not do that ({0}); grant it USAGE and CREATE on the schema, or for existing tables SELECT, INSERT, UPDATE and DELETE on those named fabric_auth_… and USAGE on their sequences"
    )]
    NotPermitted(String),
    /// The database takes no writes.
    #[error("the store is read-only; connect to the primary, and take back default_transaction_read_only")]
    ReadOnly,
    /// The server is a standby, which shows the past.
    #[error("the server is a standby, and what is read there may be old; name the primary in storage.url")]
    Standby,
    /// The session is not what was asked for: something between host and server shares sessions.
    #[error(
        "the session does not keep its settings ({0}), as behind a connection pooler such as PgBouncer; name the server itself in storage.url"
    )]
    Pooled(String),
    /// The encryption of the connection failed.
    #[error(
        "TLS could not be set up ({0}); correct sslmode and sslrootcert of storage.url, or the server's certificate"
    )]
    Tls(String),
    /// The database cannot hold every text.
    #[error("the database has the encoding {0}; create one with the encoding UTF8")]
    Encoding(String),
    /// The tables were made by a newer version of this program.
    #[error("the tables have format {found}, newer than the {known} this version knows; update fabric-auth")]
    Newer {
        /// The format they have.
        found: i32,
        /// The newest format this program knows.
        known: i32,
    },
    /// Some tables are there and others are not, or they have other columns.
    #[error(
        "the tables fabric_auth_… are not as this program made them ({0}); restore them from a backup, or name another database"
    )]
    NotOurs(String),
    /// No answer came in time.
    #[error("the server did not answer in time; find what holds it up")]
    TooSlow,
    /// The server has no room left.
    #[error("the server is out of resources ({0}); make room on it")]
    Exhausted(String),
    /// The connection ended in the middle.
    #[error("the connection broke ({0})")]
    Broken(String),
    /// The database was closed by this program.
    #[error("the database has been closed")]
    Closed,
    /// Anything else, in the server's words.
    #[error("the server refused ({0})")]
    Refused(String),
}

impl PostgresError {
    pub(super) fn new(settings: &PostgresSettings, problem: PostgresProblem) -> Self {
        Self { place: settings.to_string(), problem }
    }
}

impl PostgresProblem {
    /// What an error comes to while a connection is being made.
    pub(super) fn of_connecting(error: &sqlx::Error) -> Self {
        match Self::of(error) {
            Self::Broken(reason) => Self::Unreachable(reason),
            // The server speaks of parameters only where the session's settings are not taken.
            Self::Refused(reason) if reason.contains("startup parameter") => Self::Pooled(reason),
            problem => problem,
        }
    }

    /// What an error of a statement comes to.
    pub(super) fn of(error: &sqlx::Error) -> Self {
        if let Some(refusal) = refusal(error) {
            return Self::of_refusal(refusal);
        }
        match error {
            sqlx::Error::Io(error) => Self::Broken(words(error)),
            sqlx::Error::Tls(error) => Self::Tls(bounded(&error.to_string())),
            sqlx::Error::PoolTimedOut => Self::Broken("no connection came about in time".into()),
            sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::NotOurs("a row cannot be read".into())
            }
            // The texts of other errors may quote what was being done.
            _ => Self::Broken("the exchange with the server failed".into()),
        }
    }

    /// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn of_refusal(refusal: &PgDatabaseError) -> Self {
        let message = bounded(refusal.message());
        match refusal.code() {
            "28000" | "28P01" => Self::NotLetIn,
            "3D000" => Self::NoDatabase,
            "53300" => Self::TooManyConnections,
            "57P03" => Self::Starting,
            "57P01" | "57P02" | "57P04" => Self::Broken("the server ended it".into()),
            "42501" | "3F000" => Self::NotPermitted(message),
            "25006" => Self::ReadOnly,
            "55P03" | "57014" => Self::TooSlow,
            // A prepared statement that another session holds.
            "26000" | "42P05" => Self::Pooled(message),
            "42P01" | "42703" | "42804" => Self::NotOurs(message),
            code if code.starts_with("53") || code.starts_with("58") => Self::Exhausted(message),
            _ => Self::Refused(message),
        }
    }
}

/// Whether the server has said that it did not do it, and the session goes on. Such a statement has changed nothing.
pub(super) fn was_refused(error: &sqlx::Error) -> bool {
    refusal(error).is_some_and(|refusal| matches!(refusal.severity(), PgSeverity::Error))
}

fn refusal(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
}

/// What the operating system says, without its number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::NotFound => "there is no socket at this path".into(),
        io::ErrorKind::UnexpectedEof => "the other side ended it".into(),
        _ => bounded(&error.to_string()),
    }
}

/// A text of the other side, cut and on one line.
fn bounded(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(LONGEST).collect()
}
