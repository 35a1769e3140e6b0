//! Events as rows of the databases, which differ in their statements only.

use std::time::{Duration, UNIX_EPOCH};

use super::{
    RecordedEvent,
    ledger::{Entry, StoredChain},
    link::Link,
};

/// Sequence number, time since 1970 in nanoseconds, the event as JSON; host, position, digest, key id and MAC.
pub(super) type Row = (i64, i64, String, Option<String>, Option<i64>, Option<Vec<u8>>, Option<String>, Option<Vec<u8>>);

/// Host, position, digest, key id and MAC of a mark.
pub(super) type MarkRow = (String, i64, Vec<u8>, String, Vec<u8>);

/// An event of a row. What is missing of its place in a chain is empty, and does not pass a check.
pub(super) fn entry((sequence, recorded_at, event, host, position, digest, key_id, mac): Row) -> Entry {
    let link = host.map(|host| Link {
        host,
        position: position.unwrap_or_default(),
        digest: digest.unwrap_or_default(),
        key_id: key_id.unwrap_or_default(),
        mac: mac.unwrap_or_default(),
    });
    Entry { sequence, recorded_at, event, link }
}

/// The events of rows.
pub(super) fn entries(rows: Vec<Row>) -> Vec<Entry> {
    rows.into_iter().map(entry).collect()
}

/// A chain of its mark and its last row.
pub(super) fn stored_chain(mark: Option<MarkRow>, last: Option<Row>) -> StoredChain {
    let mark = mark.map(|(host, position, digest, key_id, mac)| Link { host, position, digest, key_id, mac });
    StoredChain { mark, last: last.map(entry) }
}

/// A number that a database has counted.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Reads an event.
///
/// # Errors
/// A sentence for the operator, when it is not as it was written, or of a newer version.
pub(super) fn recorded_event(entry: Entry) -> Result<RecordedEvent, String> {
    let Entry { sequence, recorded_at, event, .. } = entry;
    let unreadable = |error: &dyn std::error::Error| format!("event {sequence} of the journal is damaged: {error}");
    let since_epoch = Duration::from_nanos(u64::try_from(recorded_at).map_err(|error| unreadable(&error))?);
    Ok(RecordedEvent {
        sequence: u64::try_from(sequence).map_err(|error| unreadable(&error))?,
        recorded_at: UNIX_EPOCH + since_epoch,
        event: serde_json::from_str(&event).map_err(|error| unreadable(&error))?,
    })
}
