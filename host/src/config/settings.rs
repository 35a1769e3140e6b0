//! The settings as they were found, before anyone has made sense of them, and their reading by type.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Place};
use super::file;
use super::keys::{self, Key};

/// A value as it was written.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A string of the file.
    Text(String),
    /// A list of strings of the file.
    List(Vec<String>),
    /// A truth value of the file.
    Switch(bool),
    /// A whole number of the file.
    Number(i64),
    /// The text of an environment variable, which may stand for any of the above.
    Variable(String),
    /// Something that no key takes: a date, a fraction, a table.
    Other,
}

/// A value that has the type of its key, and where it comes from.
#[derive(Debug)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    key: &'static Key,
    place: Place,
}

impl<T> Setting<T> {
    /// Refuses the value. `right` says what would be right, as the rest of a sentence that begins with the key.
    pub(super) fn refuse(&self, right: impl fmt::Display) -> ConfigError {
        ConfigError::Wrong { key: self.key.full_name(), place: self.place.clone(), right: right.to_string() }
    }

    /// Makes something else of the value.
    fn map<U>(self, make: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: make(self.value), key: self.key, place: self.place }
    }
}

/// All settings that somebody has made, by the full name of their key.
#[derive(Debug)]
pub(super) struct Settings {
    folder: PathBuf,
    values: BTreeMap<String, (Value, Place)>,
}

impl Settings {
    /// No settings yet. Paths will be relative to `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, values: BTreeMap::new() }
    }

    /// Sets a key, over what was set before.
    pub(super) fn set(&mut self, key: &Key, value: Value, place: Place) {
        self.values.insert(key.full_name(), (value, place));
    }

    /// What a key is set to, or else its default.
    fn find(&self, key: &'static Key) -> Option<Setting<Value>> {
        let set = self.values.get(&key.full_name()).cloned();
        let (value, place) = set.or_else(|| Some((file::value(key.default?), Place::Default)))?;
        Some(Setting { value, key, place })
    }

    /// A text that may be missing. An empty one counts as missing, so that a variable can take back what the file sets.
    pub(super) fn optional_text(&self, key: &'static Key) -> Result<Option<Setting<String>>, ConfigError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        let text = match &found.value {
            Value::Text(text) | Value::Variable(text) => text.clone(),
            _ => return Err(found.refuse("must be a text in quotation marks")),
        };
        Ok((!text.is_empty()).then(|| found.map(|_| text)))
    }

    /// A text that must be there.
    pub(super) fn text(&self, key: &'static Key) -> Result<Setting<String>, ConfigError> {
        self.optional_text(key)?.ok_or_else(|| self.missing(key))
    }

    /// A list of texts; in a variable, separated by commas.
    pub(super) fn list(&self, key: &'static Key) -> Result<Setting<Vec<String>>, ConfigError> {
        let found = self.find(key).ok_or_else(|| self.missing(key))?;
        let list = match &found.value {
            Value::List(list) => list.clone(),
            Value::Variable(text) => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
            }
            _ => return Err(found.refuse("must be a list of texts, such as [\"a\", \"b\"]")),
        };
        Ok(found.map(|_| list))
    }

    /// A truth value; in a variable, `true` or `false`.
    pub(super) fn switch(&self, key: &'static Key) -> Result<Setting<bool>, ConfigError> {
        let found = self.find(key).ok_or_else(|| self.missing(key))?;
        let switch = match &found.value {
            Value::Switch(switch) => Some(*switch),
            Value::Variable(text) => text.parse().ok(),
            _ => None,
        };
        let switch = switch.ok_or_else(|| found.refuse("must be true or false"))?;
        Ok(found.map(|_| switch))
    }

    /// A whole number.
    pub(super) fn number(&self, key: &'static Key) -> Result<Setting<i64>, ConfigError> {
        let found = self.find(key).ok_or_else(|| self.missing(key))?;
        let number = match &found.value {
            Value::Number(number) => Some(*number),
            Value::Variable(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| found.refuse("must be a whole number"))?;
        Ok(found.map(|_| number))
    }

    /// A path that must be there, resolved.
    pub(super) fn path(&self, key: &'static Key) -> Result<Setting<PathBuf>, ConfigError> {
        Ok(self.text(key)?.map(|text| self.resolve(&text)))
    }

    /// A path that may be missing, resolved.
    pub(super) fn optional_path(&self, key: &'static Key) -> Result<Option<Setting<PathBuf>>, ConfigError> {
        Ok(self.optional_text(key)?.map(|text| text.map(|text| self.resolve(&text))))
    }

    /// Makes a path relative to the configuration file's folder, unless it is absolute.
    pub(super) fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    /// The error for a key that must have a value and has none, or an empty one.
    fn missing(&self, key: &'static Key) -> ConfigError {
        let place = self.values.get(&key.full_name()).map_or(Place::Default, |(_, place)| place.clone());
        ConfigError::Wrong { key: key.full_name(), place, right: "must not be empty".to_owned() }
    }
}

/// The known key whose name is spelled most like this one, where `spelling` says how the names of keys are written.
pub(super) fn nearest(name: &str, spelling: impl Fn(&Key) -> String) -> String {
    let distance = |candidate: &String| strsim::damerau_levenshtein(name, candidate);
    keys::ALL.iter().map(|key| spelling(key)).min_by_key(distance).unwrap_or_default()
}
