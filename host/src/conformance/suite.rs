//! Where the cases come from: the files that this program carries, or a folder of such files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ConformanceError;
use super::case::Case;
use super::standard::Standard;

/// The files as the build script found them: name and content.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/exchanges.rs"));

/// The files that are not cases.
const STANDARD: &str = "standard";
const SHAPES: &str = "shapes";

/// Cases, and what they share.
pub struct Suite {
    cases: Vec<Case>,
    shapes: BTreeMap<String, String>,
    pub(super) standard: Arc<Standard>,
}

impl Suite {
    /// The suite that this program carries.
    ///
    /// # Errors
    /// [`ConformanceError::Unreadable`].
    pub fn embedded() -> Result<Self, ConformanceError> {
        Self::of(EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    /// The suite in a folder that is laid out as `fixtures/exchanges`.
    ///
    /// # Errors
    /// [`ConformanceError::Unreadable`].
    pub fn in_folder(folder: &Path) -> Result<Self, ConformanceError> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for path in entries(&next)? {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "json") {
                    let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
                    files.insert(name_of(folder, &path), text);
                }
            }
        }
        Self::of(files)
    }

    /// The cases, by name.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The shapes of answers that are on record: the number by which cases name each, and what it is.
    pub fn shapes(&self) -> &BTreeMap<String, String> {
        &self.shapes
    }

    fn of(mut files: BTreeMap<String, String>) -> Result<Self, ConformanceError> {
        let mut take = |name: &str| {
            let reason = "there is no such file".to_owned();
            files.remove(name).ok_or_else(|| ConformanceError::Unreadable { name: name.to_owned(), reason })
        };
        let standard = Arc::new(Standard::parse(STANDARD, &take(STANDARD)?)?);
        let shapes = serde_json::from_str(&take(SHAPES)?)
            .map_err(|error| ConformanceError::Unreadable { name: SHAPES.to_owned(), reason: error.to_string() })?;
        let cases = files.iter().map(|(name, text)| Case::parse(name, text)).collect::<Result<_, _>>()?;
        Ok(Self { cases, shapes, standard })
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ConformanceError> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(|error| unreadable(folder, &error))
}

/// The path below the folder, without its ending.
fn name_of(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).with_extension("").display().to_string()
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConformanceError {
    ConformanceError::Unreadable { name: path.display().to_string(), reason: error.to_string() }
}
