//! The configuration file that `fabric-auth init` writes.

use super::keys::{self, Key};

/// A configuration file in which every key stands with its description and its default. Loaded as it is, it sets
/// nothing but the defaults.
pub fn template() -> String {
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
        text.push_str(&entry(key));
    }
    text
}

/// The lines of a key. One without a default stands as a comment.
fn entry(key: &Key) -> String {
    let Key { name, description, example, .. } = key;
    match key.default {
        Some(default) => format!("# {description}\n{name} = {default}\n"),
        None => format!("# {description}\n# {name} = {example}\n"),
    }
}
