//! Table `[journal]`: the audit journal.

use std::ops::RangeInclusive;

use super::error::ConfigError;
use super::keys::{self, Key};
use super::settings::Settings;
use crate::journal::{KEEP_DAYS, KEEP_EVENTS, MAX_HOST_BYTES, Retention};

/// The audit journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// How long events are kept.
    pub retention: Retention,
    /// The name under which this host's events are chained; the machine's if there is none.
    pub host: Option<String>,
}

impl Journal {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let retention = Retention {
            keep_days: read_number(settings, &keys::JOURNAL_KEEP_DAYS, &KEEP_DAYS)?,
            keep_events: read_number(settings, &keys::JOURNAL_KEEP_EVENTS, &KEEP_EVENTS)?,
        };
        let host = settings.optional_text(&keys::JOURNAL_HOST)?;
        if let Some(host) = &host
            && (host.value.len() > MAX_HOST_BYTES
                || host.value.trim() != host.value
                || host.value.contains(char::is_control))
        {
            return Err(host.refuse(format_args!(
                "must be 1 to {MAX_HOST_BYTES} bytes, without control characters and blanks at its ends"
            )));
        }
        Ok(Self { retention, host: host.map(|host| host.value) })
    }
}

fn read_number(settings: &Settings, key: &'static Key, range: &RangeInclusive<u32>) -> Result<u32, ConfigError> {
    let number = settings.number(key)?;
    let fitting = u32::try_from(number.value).ok().filter(|number| range.contains(number));
    fitting.ok_or_else(|| number.refuse(format_args!("must be {} to {}", range.start(), range.end())))
}
