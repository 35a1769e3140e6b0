//! The environment, which wins over the file.

use super::error::{ConfigError, Place};
use super::keys::{self, COMMAND_LINE_VARIABLES, Key, VARIABLE_PREFIX};
use super::settings::{Settings, Value, nearest};

/// Puts the variables of the environment over what the file has set.
///
/// # Errors
///
/// [`ConfigError::UnknownKey`] for a variable that has our prefix and belongs to no key.
pub(super) fn read(
    settings: &mut Settings,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    for (variable, text) in environment {
        if !variable.starts_with(VARIABLE_PREFIX) || COMMAND_LINE_VARIABLES.contains(&variable.as_str()) {
            continue;
        }
        let place = Place::Variable(variable.clone());
        match keys::ALL.iter().find(|key| key.variable() == variable) {
            Some(key) => settings.set(key, Value::Variable(text), place),
            None => {
                let nearest = nearest(&variable, Key::variable);
                return Err(ConfigError::UnknownKey { name: variable, place, nearest });
            }
        }
    }
    Ok(())
}
