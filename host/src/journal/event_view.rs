//! Events of the audit journal, as they are shown.
//!
//! JSON of each: `{"sequence", "recorded_at", "event": {"tenant", "actor", "on_behalf_of"?, "action", "fabric"?,
//! "workspace"?, "databricks_user"?, "token"?, "outcome"}, "chain"?: {"host", "position", "digest", "mac", "key_id"}}`.
//! An event of a newer version is shown with all that it has; one that is not even JSON as `{"unreadable"}`.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::ledger::Entry;
use super::moment::moment;
use crate::text::spelled_out;

/// An event, ready to be shown.
#[derive(Serialize)]
pub struct EventView {
    #[serde(skip)]
    nanoseconds: i64,
    sequence: i64,
    recorded_at: String,
    event: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<ChainView>,
}

/// Its place in a chain.
#[derive(Serialize)]
struct ChainView {
    host: String,
    position: i64,
    digest: String,
    mac: String,
    key_id: String,
}

impl EventView {
    /// A member of the event that is a text.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.event.get(member).and_then(Value::as_str)
    }

    /// The case of the error that it ended with; none if it succeeded.
    pub fn failure(&self) -> Option<&str> {
        self.event.get("outcome")?.get("failed")?.as_str()
    }

    /// Counts the events of the database.
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// When it was recorded, in nanoseconds since 1970.
    pub fn recorded_at(&self) -> i64 {
        self.nanoseconds
    }

    fn token(&self) -> Option<String> {
        let token = self.event.get("token")?;
        Some(format!("token {} of {}", token.get("generation")?, spelled_out(token.get("lineage")?.as_str()?)))
    }

    fn outcome(&self) -> Option<String> {
        match self.event.get("outcome")? {
            Value::String(word) => Some(spelled_out(word)),
            outcome => Some(format!("failed: {}", spelled_out(outcome.get("failed")?.as_str()?))),
        }
    }
}

impl From<Entry> for EventView {
    fn from(entry: Entry) -> Self {
        // Members have the names of the contract, with underscores.
        let event = match serde_json::from_str(&entry.event) {
            Ok(Value::Object(members)) => {
                members.into_iter().map(|(name, value)| (name.replace('-', "_"), value)).collect()
            }
            _ => Map::from_iter([("unreadable".to_owned(), Value::String(entry.event))]),
        };
        let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            nanoseconds: entry.recorded_at,
            sequence: entry.sequence,
            recorded_at: moment(entry.recorded_at, true),
            event,
            chain: entry.link.map(|link| ChainView {
                host: link.host,
                position: link.position,
                digest: hexadecimal(&link.digest),
                mac: hexadecimal(&link.mac),
                key_id: link.key_id,
            }),
        }
    }
}

/// One line.
impl fmt::Display for EventView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |name: &str| self.text(name).map(spelled_out);
        let after = |word: &str, name: &str| self.text(name).map(|text| format!("{word} {}", spelled_out(text)));
        let parts = [
            Some(moment(self.nanoseconds, false)),
            member("actor"),
            after("for", "on_behalf_of"),
            member("action"),
            member("fabric"),
            after("at", "workspace"),
            after("as", "databricks_user"),
            self.token(),
            self.outcome(),
            after("tenant", "tenant"),
            after("unreadable", "unreadable"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        formatter.write_str(&parts.join("  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(event: &str) -> EventView {
        EventView::from(Entry { sequence: 3, recorded_at: 0, event: event.to_owned(), link: None })
    }

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let event = serde_json::json!({
            "tenant": "acme", "actor": "ada\n1970  bob  sign-out", "on-behalf-of": "\u{1b}[2Jtina",
            "action": "renewal", "fabric": "\u{202e}dev", "token": { "lineage": "L1", "generation": 7 },
            "outcome": { "failed": "sign-in-required" },
        });
        assert_eq!(
            view(&event.to_string()).to_string(),
            "1970-01-01T00:00:00Z  ada\\u{a}1970  bob  sign-out  for \\u{1b}[2Jtina  renewal  \\u{202e}dev  token 7 of L1  \
             failed: sign-in-required  tenant acme"
        );
    }

    #[test]
    fn an_event_that_nobody_understands_is_shown_all_the_same() {
        let newer = view(r#"{"action":"something-new","actor":"ada","seen-by":["x"]}"#);
        assert_eq!(serde_json::to_value(&newer).unwrap()["event"]["seen_by"][0], "x");
        assert_eq!(newer.to_string(), "1970-01-01T00:00:00Z  ada  something-new");
        assert_eq!(view("\u{1b}c").to_string(), "1970-01-01T00:00:00Z  unreadable \\u{1b}c");
    }
}
