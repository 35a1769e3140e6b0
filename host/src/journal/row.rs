//! An event as the databases hold it.

use std::time::{Duration, UNIX_EPOCH};

use super::RecordedEvent;

/// Sequence number, time since 1970 in nanoseconds, and the event as JSON.
pub(super) type Row = (i64, i64, String);

/// Reads a row.
///
/// # Errors
/// A sentence for the operator, when it is not as it was written.
pub(super) fn recorded_event((sequence, recorded_at, event): Row) -> Result<RecordedEvent, String> {
    let unreadable = |error: &dyn std::error::Error| format!("event {sequence} of the journal is damaged: {error}");
    let since_epoch = Duration::from_nanos(u64::try_from(recorded_at).map_err(|error| unreadable(&error))?);
    Ok(RecordedEvent {
        sequence: u64::try_from(sequence).map_err(|error| unreadable(&error))?,
        recorded_at: UNIX_EPOCH + since_epoch,
        event: serde_json::from_str(&event).map_err(|error| unreadable(&error))?,
    })
}
