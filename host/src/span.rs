//! Spans of time: seconds for programs, the two largest units for people.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

/// The units, largest first, with their seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

impl Span {
    /// No time.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// As the contract counts.
    pub fn nanoseconds(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What was typed is no [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no span of time; write it as 365d, 12h, 90min, 30s or a sum such as 1d12h")]
pub struct NotASpan;

/// Numbers with their units, as spans are shown.
impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let mut rest = text.trim();
        let mut seconds: Option<u64> = None;
        while !rest.is_empty() {
            let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).ok_or(NotASpan)?);
            let after = after.trim_start();
            let (unit, after) = after.split_at(after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len()));
            let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(NotASpan)?;
            let number: u64 = number.parse().map_err(|_| NotASpan)?;
            let part = number.checked_mul(*length).ok_or(NotASpan)?;
            seconds = Some(seconds.unwrap_or_default().checked_add(part).ok_or(NotASpan)?);
            rest = after.trim_start();
        }
        seconds.map(|seconds| Self(Duration::from_secs(seconds))).ok_or(NotASpan)
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
    fn a_span_is_read_as_it_is_shown_and_without_its_blanks() {
        for (text, seconds) in
            [("365d", 365 * 86_400), ("6 d 23 h", 601_200), ("1d12h", 129_600), ("0 s", 0), ("90min", 5_400)]
        {
            assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))), "{text}");
        }
        for wrong in
            ["", " ", "d", "5", "5 w", "-1d", "1.5d", "1d,", "5D", "99999999999999999999d", "999999999999999999d"]
        {
            assert_eq!(wrong.parse::<Span>(), Err(NotASpan), "{wrong}");
        }
    }

    #[test]
    fn a_span_is_whole_seconds_in_json() {
        assert_eq!(serde_json::to_string(&Span::from(1_999_999_999_u64)).unwrap(), "1");
    }
}
