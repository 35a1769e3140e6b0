//! The file of a key ring: who may read it, and how it is replaced as a whole.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::{JwkSet, KeyRingError};

/// No ring is this large. Bounds what a wrong path can make the program read.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// By what a change of the file is noticed: a file that was replaced has another inode, one that was edited another
/// time of change.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// Of the file as it is now; `None` when there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Reads the file, if nobody but its owner can and that is who runs this.
pub(super) fn read(path: &Path) -> Result<JwkSet, KeyRingError> {
    let not_read = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyRingError::Missing(path.into()),
        _ => KeyRingError::NotRead { path: path.into(), source },
    };
    // Looked at before it is opened, since opening a named pipe would wait for a writer.
    if !fs::metadata(path).map_err(not_read)?.is_file() {
        return Err(invalid(path, "it is not a file"));
    }
    let file = File::open(path).map_err(not_read)?;
    let metadata = file.metadata().map_err(not_read)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyRingError::NotOwned(path.into()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(KeyRingError::OpenToOthers(path.into()));
    }
    // As large as it may become, so that it never moves and leaves key bytes behind in memory.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES));
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut text).map_err(not_read)?;
    match text.len() {
        0 => Err(invalid(path, "it is empty")),
        MAX_FILE_BYTES.. => Err(invalid(path, "it is far larger than a key ring can be")),
        _ => serde_json::from_slice(&text).map_err(|error| {
            // The message of the parser may quote the file; the place is enough.
            let (line, column) = (error.line(), error.column());
            invalid(path, format!("it is not a JWK set with the members of a key ring (line {line}, column {column})"))
        }),
    }
}

/// Writes a ring where there is nothing yet.
pub(super) fn create(path: &Path, set: &JwkSet) -> Result<(), KeyRingError> {
    let written = write_beside(path, set)?;
    written.persist_noclobber(path).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => KeyRingError::Exists(path.into()),
        _ => not_written(path)(failed.error),
    })?;
    flush_folder(path)
}

/// Reads the ring, changes it and replaces the file as a whole: whoever reads it, or cuts the power, finds the old ring
/// or the new one. Nothing is written when the change is refused.
pub(super) fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut JwkSet) -> Result<T, KeyRingError>,
) -> Result<T, KeyRingError> {
    // The file itself, where the path is a link to it: the link shall stay one.
    let path = &fs::canonicalize(path).map_err(|_| KeyRingError::Missing(path.into()))?;
    // The folder is locked, not the file, which is about to be another. The lock ends with this function.
    let folder = File::open(folder_of(path)).map_err(not_written(path))?;
    folder.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => KeyRingError::Busy(path.into()),
        TryLockError::Error(source) => not_written(path)(source),
    })?;
    let mut set = read(path)?;
    set.keys(path)?;
    let result = change(&mut set)?;
    // Checked once more, as a reader would, before it replaces a ring that is good.
    set.keys(path)?;
    write_beside(path, &set)?.persist(path).map_err(|failed| not_written(path)(failed.error))?;
    flush_folder(path)?;
    Ok(result)
}

/// Writes the ring to a file of another name in the same folder, mode 0600, and flushes it to disk.
fn write_beside(path: &Path, set: &JwkSet) -> Result<NamedTempFile, KeyRingError> {
    let file = tempfile::Builder::new().prefix(".key-ring-").tempfile_in(folder_of(path)).map_err(not_written(path))?;
    // Straight into the file: a buffer in between would keep key bytes in memory.
    serde_json::to_writer_pretty(file.as_file(), set).map_err(|error| not_written(path)(error.into()))?;
    file.as_file().sync_all().map_err(not_written(path))?;
    Ok(file)
}

/// Makes the new name last, as the flush of a file alone does not.
fn flush_folder(path: &Path) -> Result<(), KeyRingError> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(not_written(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn invalid(path: &Path, problem: impl Into<String>) -> KeyRingError {
    KeyRingError::Invalid { path: path.into(), problem: problem.into() }
}

fn not_written(path: &Path) -> impl Fn(io::Error) -> KeyRingError {
    let path = PathBuf::from(path);
    move |source| KeyRingError::NotWritten { path: path.clone(), source }
}
