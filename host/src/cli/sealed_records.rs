//! Which master keys the stored records are sealed or signed under.
//!
//! A sealed value is a JWE in compact form (RFC 7516 section 7.1) in a JSON record, and its header names the key. That is
//! not a secret. Records of every tenant are looked at: the key ring is for all of them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fabric_auth::storage::{LIST_LIMIT, Storage};
use serde::Deserialize;
use serde_json::Value;

use super::failure::Failure;

/// Parts of a JWE in compact form.
const PARTS: usize = 5;

/// The member of a JWE's header that is looked for.
#[derive(Deserialize)]
struct Header {
    kid: String,
}

/// How many records of the database are sealed or signed under each key, by key id.
pub(super) async fn by_key(storage: &dyn Storage) -> Result<BTreeMap<String, u64>, Failure> {
    let mut counts = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = storage
            .list("", after.as_deref(), *LIST_LIMIT.end())
            .await
            .map_err(|error| Failure::operator(format!("The database could not be read ({error}). Try again.")))?;
        for (key, entry) in page.entries {
            let mut key_ids = Vec::new();
            // What is not JSON is not ours, and may be sealed under anything.
            let record = serde_json::from_slice(&entry.value).map_err(|_| {
                Failure::operator(format!("The record {key} in the database is damaged. Restore it from a backup."))
            })?;
            collect(&record, &mut key_ids);
            key_ids.sort();
            key_ids.dedup();
            for key_id in key_ids {
                let count: &mut u64 = counts.entry(key_id).or_default();
                *count = count.saturating_add(1);
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(counts),
        }
    }
}

/// The ids of the keys under which a record's values are sealed.
fn collect(value: &Value, key_ids: &mut Vec<String>) {
    match value {
        Value::String(text) => key_ids.extend(key_id_of(text)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, key_ids)),
        Value::Object(members) => {
            key_ids.extend(signed_under(members));
            members.values().for_each(|value| collect(value, key_ids));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The key id of a record of the service, which is signed and not sealed; none for any other.
fn signed_under(members: &serde_json::Map<String, Value>) -> Option<String> {
    let text = |name| members.get(name).and_then(Value::as_str);
    text("mac").and(text("record")).and(text("key_id")).map(str::to_owned)
}

/// The key id of a sealed value; none for any other text.
fn key_id_of(text: &str) -> Option<String> {
    let (header, _) = text.split_once('.').filter(|_| text.split('.').count() == PARTS)?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    Some(header.kid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key_id: &str) -> String {
        let header = serde_json::json!({ "alg": "A256KW", "enc": "A256GCM", "kid": key_id }).to_string();
        format!("{}.key.iv.ciphertext.tag", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn the_key_of_every_sealed_value_of_a_record_is_found() {
        let record = serde_json::json!({ "a": sealed("k1"), "b": { "c": [sealed("k2"), 7] }, "d": null, "e": "k3" });
        let mut key_ids = Vec::new();
        collect(&record, &mut key_ids);
        key_ids.sort();
        assert_eq!(key_ids, ["k1", "k2"]);
    }

    #[test]
    fn other_texts_with_dots_are_not_sealed_values() {
        let unsigned = format!("{}.payload.signature", URL_SAFE_NO_PAD.encode("{\"kid\":\"k\"}"));
        for text in ["", "a.b.c.d.e", "4.2.1.0.0", "dbc-a1b2.cloud.databricks.com", unsigned.as_str()] {
            assert_eq!(key_id_of(text), None, "{text}");
        }
    }
}
