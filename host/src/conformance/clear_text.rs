//! What holds for every case, whatever it expects: no secret stands in clear in a message, in the journal or in the
//! store, and messages keep to their bounds (`wit/types.wit`).

use serde_json::Value;

use super::comparison::Mismatch;

/// Longest message, in bytes.
const LONGEST_MESSAGE: usize = 1024;

/// Holds every `message` and `detail` in an outcome to the contract.
pub(super) fn check_messages(shown: &Value, secrets: &[String]) -> Result<(), Mismatch> {
    match shown {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| match value {
            Value::String(text) if name == "message" || name == "detail" => check_message(text, secrets),
            other => check_messages(other, secrets),
        }),
        Value::Array(items) => items.iter().try_for_each(|item| check_messages(item, secrets)),
        _ => Ok(()),
    }
}

fn check_message(text: &str, secrets: &[String]) -> Result<(), Mismatch> {
    if text.len() > LONGEST_MESSAGE || text.contains(char::is_control) {
        let bounds = format!("a message of at most {LONGEST_MESSAGE} bytes without control characters");
        return Err(Mismatch::new("secrecy", bounds, format!("{text:?}")));
    }
    check_bytes("a message", text.as_bytes(), secrets)
}

/// Holds bytes to holding no secret.
pub(super) fn check_bytes(place: &str, bytes: &[u8], secrets: &[String]) -> Result<(), Mismatch> {
    let holds = |secret: &&String| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    match secrets.iter().filter(|secret| !secret.is_empty()).find(holds) {
        Some(secret) => Err(Mismatch::new("secrecy", format!("no secret in {place}"), format!("{secret:?}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_in_a_message_or_in_bytes_is_found() {
        let secrets = ["hush-hush".to_owned(), String::new()];
        assert!(check_messages(&json!({"problem": {"message": "It was hush-hush."}}), &secrets).is_err());
        assert!(check_bytes("the store", b"...hush-hush", &secrets).is_err());
        assert!(check_bytes("the store", b"...hush", &secrets).is_ok());
        assert!(check_messages(&json!({"token": "hush-hush", "detail": "fine"}), &secrets).is_ok());
    }

    #[test]
    fn a_message_out_of_bounds_is_found() {
        assert!(check_messages(&json!({"message": "a\u{1b}[2J"}), &[]).is_err());
        assert!(check_messages(&json!([{"detail": "x".repeat(1_025)}]), &[]).is_err());
    }
}
