//! Spans of time: seconds for programs, the two largest units for people.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span(Duration);

/// The units, largest first, with their seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

impl Span {
    /// No time.
    pub(super) const ZERO: Self = Self(Duration::ZERO);

    /// So many days.
    pub(super) const fn days(days: u32) -> Self {
        Self(Duration::from_secs(days as u64 * 86_400))
    }
}

/// The contract counts nanoseconds.
impl From<u64> for Span {
    fn from(nanoseconds: u64) -> Self {
        Self(Duration::from_nanos(nanoseconds))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.as_secs())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let Some(first) = UNITS.iter().position(|(_, unit)| seconds >= *unit) else {
            return formatter.pad("0 s");
        };
        let mut rest = seconds;
        let mut parts = Vec::new();
        for (name, unit) in UNITS.iter().skip(first).take(2) {
            if rest / unit > 0 {
                parts.push(format!("{} {name}", rest / unit));
            }
            rest %= unit;
        }
        formatter.pad(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (7_260, "2 h 1 min"),
            (604_799, "6 d 23 h"),
            (604_800, "7 d"),
            (86_401, "1 d"),
        ] {
            assert_eq!(Span::from(Duration::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn a_span_is_whole_seconds_in_json() {
        assert_eq!(serde_json::to_string(&Span::from(1_999_999_999_u64)).unwrap(), "1");
    }
}
