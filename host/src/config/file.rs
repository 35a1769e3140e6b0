//! The configuration file.

use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place};
use super::keys::{self, Key};
use super::settings::{Settings, Value, nearest};

/// Reads a configuration file.
///
/// # Errors
///
/// [`ConfigError`] when the file cannot be read, is not TOML, or has a key that is not known.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let source = Source { path, text: &text };
    let document = DeTable::parse(&text).map_err(|error| ConfigError::NotToml {
        place: source.place(error.span().unwrap_or_default()),
        reason: error.message().to_owned(),
    })?;
    let mut settings = Settings::new(path.parent().map(Path::to_owned).unwrap_or_default());
    for (table_name, table) in document.get_ref() {
        source.read_table(table_name, table, &mut settings)?;
    }
    Ok(settings)
}

/// Reads a value that is written as TOML, as the defaults of the keys are.
pub(super) fn value(text: &str) -> Value {
    DeValue::parse(text).map_or(Value::Other, |value| convert(value.get_ref()))
}

/// The file that is being read.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn read_table(
        &self,
        table_name: &Spanned<toml::de::DeString<'_>>,
        table: &Spanned<DeValue<'_>>,
        settings: &mut Settings,
    ) -> Result<(), ConfigError> {
        let Some(entries) = table.get_ref().as_table() else {
            return Err(self.unknown(table_name.get_ref(), table_name.span()));
        };
        if !keys::ALL.iter().any(|key| key.table == table_name.get_ref()) {
            let name = entries.keys().next().map_or_else(String::new, |name| format!(".{}", name.get_ref()));
            return Err(self.unknown(&format!("{}{name}", table_name.get_ref()), table_name.span()));
        }
        for (name, value) in entries {
            let full_name = format!("{}.{}", table_name.get_ref(), name.get_ref());
            let known = keys::ALL.iter().find(|key| key.full_name() == full_name);
            let key = known.ok_or_else(|| self.unknown(&full_name, name.span()))?;
            settings.set(key, convert(value.get_ref()), self.place(name.span()));
        }
        Ok(())
    }

    fn unknown(&self, name: &str, span: Range<usize>) -> ConfigError {
        ConfigError::UnknownKey {
            name: name.to_owned(),
            place: self.place(span),
            nearest: nearest(name, Key::full_name),
        }
    }

    /// The line in which a span begins.
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = before.filter(|byte| **byte == b'\n').count().saturating_add(1);
        Place::Line(self.path.to_owned(), line)
    }
}

fn convert(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(switch) => Value::Switch(*switch),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Other, Value::Number)
        }
        DeValue::Array(items) => {
            let texts: Option<_> = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or(Value::Other, Value::List)
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => Value::Other,
    }
}
