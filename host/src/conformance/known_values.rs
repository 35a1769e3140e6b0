//! The values that a case names as `${name}`: those that `standard.json` gives, and those that come up while it is
//! played.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names and what they stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownValues(BTreeMap<String, String>);

impl KnownValues {
    pub(super) fn new(values: BTreeMap<String, String>) -> Self {
        Self(values)
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or_else(|| format!("nothing is known as ${{{name}}}"))
    }

    /// The text with every `${name}` filled in.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("a `${{` is not closed in {text:?}"))?;
            filled.push_str(before);
            filled.push_str(self.get(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The value with every text in it filled in.
    pub(super) fn fill_json(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.fill_json(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_filled_in_wherever_there_is_text() {
        let mut known = KnownValues::default();
        known.set("workspace", "http://127.0.0.1:1");
        let filled = known.fill_json(&json!({"a": ["${workspace}/oidc", 1], "b": "{account_id} $ }"})).unwrap();
        assert_eq!(filled, json!({"a": ["http://127.0.0.1:1/oidc", 1], "b": "{account_id} $ }"}));
    }

    #[test]
    fn a_name_that_nobody_gave_is_an_error() {
        let known = KnownValues::default();
        assert!(known.fill("${workspaces}").is_err());
        assert!(known.fill("${workspace").is_err());
    }
}
