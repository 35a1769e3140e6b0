//! Searching for secrets where there must be none.

use std::fs;
use std::path::{Path, PathBuf};

use simulated_workspace::Needle;

/// The files under a folder that hold a secret, in any form in which it might have been written down.
pub fn files_with(folder: &Path, secret: &str) -> Vec<PathBuf> {
    let needle = Needle::new(secret);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        let bytes = fs::read(&path).expect("a file that can be read");
        if needle.find(&bytes).is_some() {
            found.push(path);
        }
    }
    found
}
