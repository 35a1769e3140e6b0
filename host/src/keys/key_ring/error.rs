//! Why a key ring was not read or changed.

use std::{io, path::PathBuf};

/// Why a key ring was not read or changed. Each is a sentence for the operator, and none quotes what the file holds.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// There is no key ring, and without one nothing can be stored.
    #[error("there is no key ring {}; create one with `fabric-auth init`, or restore it if there are sealed records", .0.display())]
    Missing(PathBuf),
    /// A new ring would write over something.
    #[error("{} exists and is left untouched; move it away if a new key ring is really wanted", .0.display())]
    Exists(PathBuf),
    /// Others than the owner may read or write the file.
    #[error("the key ring {path} can be used by others than its owner; run: chmod 600 {path}", path = .0.display())]
    OpenToOthers(PathBuf),
    /// The file belongs to somebody else.
    #[error("the key ring {} belongs to another user; run this as that user, or change its owner with chown", .0.display())]
    NotOwned(PathBuf),
    /// What is in the file is not a key ring.
    #[error("the key ring {} is left untouched because {problem}; correct it or restore it from a backup", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, never quoting a value.
        problem: String,
    },
    /// The change asked for does not fit the ring.
    #[error("the key ring {} was not changed: {problem}", .path.display())]
    NotPossible {
        /// The file.
        path: PathBuf,
        /// Why, and what would be possible.
        problem: String,
    },
    /// Another process changes a key ring in the same folder.
    #[error("another command is changing the key ring {}; try again when it is done", .0.display())]
    Busy(PathBuf),
    /// The file could not be read.
    #[error("the key ring {} cannot be read ({source}); check its path and its owner", .path.display())]
    NotRead {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file could not be written. What was there before is unchanged.
    #[error("the key ring {} cannot be written ({source}) and is unchanged; check its folder and the disk", .path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}
