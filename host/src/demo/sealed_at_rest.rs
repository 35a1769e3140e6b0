//! Searching every byte at rest for every secret that was used.

use std::fs;
use std::path::Path;
use std::sync::PoisonError;

use secrecy::ExposeSecret as _;
use simulated_workspace::Needle;

use super::report::{Mismatch, expect};
use super::stage::Stage;

/// What is planted in a copy, to show that the search finds.
const CONTROL: &str = "a control that is planted in a copy of the database";

/// Searches the database files, the write-ahead log included.
pub(super) async fn search(stage: &Stage) -> Result<String, Mismatch> {
    let files = files_at_rest(stage.folder.path())?;
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let log = files.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty());
    expect(log, "a write-ahead log with something in it", "none")?;
    let mut secrets: Vec<String> = stage.workspace.secrets().iter().map(|secret| secret.expose().to_owned()).collect();
    let own = stage.secrets.lock().unwrap_or_else(PoisonError::into_inner);
    secrets.extend(own.iter().map(|secret| secret.expose_secret().to_owned()));
    expect(secrets.len() > 10, "more than ten secrets to search for", secrets.len().to_string())?;
    for secret in &secrets {
        let needle = Needle::new(secret);
        for (name, bytes) in &files {
            if let Some(form) = needle.find(bytes) {
                return Err(Mismatch::new("no secret in clear", format!("one in {name}, as {form:?}")));
            }
        }
    }
    control_is_found(&files)?;
    Ok(format!(
        "{} secrets in 7 forms, {bytes} bytes in {} files: none found; a planted control is",
        secrets.len(),
        files.len()
    ))
}

/// The same search must find what is really there.
fn control_is_found(files: &[(String, Vec<u8>)]) -> Result<(), Mismatch> {
    for (name, bytes) in files {
        let mut copy = bytes.clone();
        let middle = copy.len() / 2;
        copy.splice(middle..middle, CONTROL.bytes());
        expect(
            Needle::new(CONTROL).find(&copy).is_some(),
            "the planted control to be found",
            format!("none in {name}"),
        )?;
        expect(Needle::new(CONTROL).find(bytes).is_none(), "the control in the copy only", "more")?;
    }
    Ok(())
}

/// Every file of the database.
fn files_at_rest(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Mismatch> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("fabric-auth.db") {
            files.push((name, fs::read(entry.path())?));
        }
    }
    Ok(files)
}
