//! The configuration file that `fabric-auth init` writes.

use super::keys::{self, Key};

/// A configuration file in which every key stands with its description and its default. Loaded as it is, it sets
/// nothing but the defaults.
pub fn template() -> String {
    template_with(&|key| key.default.map(str::to_owned))
}

/// The same for records that are kept at a URL.
pub fn template_for(storage_url: &str) -> String {
    let url = toml::Value::from(storage_url).to_string();
    template_with(&|key| {
        if key.full_name() == keys::STORAGE_URL.full_name() {
            Some(url.clone())
        } else {
            key.default.map(str::to_owned)
        }
    })
}

fn template_with(value: &dyn Fn(&Key) -> Option<String>) -> String {
    let mut text = String::from(
        "# Configuration of fabric-auth. Each key can also be set by an environment variable, which wins:\n\
         # FABRIC_AUTH_<TABLE>_<KEY>, lists separated by commas. Paths are relative to this file's folder.\n",
    );
    let mut table = "";
    for key in keys::ALL {
        if key.table != table {
            table = key.table;
            text.push_str(&format!("\n[{table}]\n"));
        }
        text.push_str(&entry(key, value(key)));
    }
    text
}

/// The lines of a key. One without a default stands as a comment.
fn entry(key: &Key, value: Option<String>) -> String {
    let Key { name, description, example, .. } = key;
    match value {
        Some(value) => format!("# {description}\n{name} = {value}\n"),
        None => format!("# {description}\n# {name} = {example}\n"),
    }
}
