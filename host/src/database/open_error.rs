//! Why a database was refused.

use std::{io, path::PathBuf};

use super::PostgresError;

/// Why a database could not be opened. Each is a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path names a folder or something else that is not a file.
    #[error("{} is not a file; name a file for the database in the configuration", .0.display())]
    NotAFile(PathBuf),
    /// The folder of the database does not exist. It is not made silently, since the path may be mistyped.
    #[error("the folder {} of the database {} does not exist; create it or correct the path", .folder.display(), .path.display())]
    NoFolder {
        /// The database file.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// The file or its file system may not be written by this user.
    #[error("the database {} may not be read and written by this user; correct its owner and mode (chmod 600) or its mount", .0.display())]
    ReadOnly(PathBuf),
    /// The file is a database of another program, or no database.
    #[error("{} was not made by fabric-auth and is left untouched; name another file for the database", .0.display())]
    NotOurs(PathBuf),
    /// The file was written by a newer version of this program.
    #[error("the database {} has format {found}, newer than the {known} this version knows; update fabric-auth", .path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The format it has.
        found: i64,
        /// The newest format this program knows.
        known: i64,
    },
    /// Other processes kept the file locked.
    #[error("the database {} was locked by another process for too long; end that process or try again", .0.display())]
    Locked(PathBuf),
    /// The operating system does not let the file be reached.
    #[error("the database {} cannot be opened ({source}); check its path, its owner and its disk", .path.display())]
    Unreachable {
        /// The database file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// SQLite cannot use the file.
    #[error("the database {} cannot be used ({source}); check its disk, or restore the file from a backup", .path.display())]
    Broken {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        source: Box<sqlx::Error>,
    },
    /// PostgreSQL cannot be used.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}
