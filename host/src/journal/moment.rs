//! Moments of the calendar, in UTC (RFC 3339): of the audit journal, and as somebody types them.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use crate::clock::Clock;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The units of a span that is typed, with their seconds.
const UNITS: [(&str, i64); 5] = [("d", DAY), ("h", 3_600), ("min", 60), ("m", 60), ("s", 1)];

/// A moment, as text: with its fraction of a second, or without.
pub fn moment(nanoseconds: i64, with_fraction: bool) -> String {
    let (seconds, fraction) = (nanoseconds.div_euclid(SECOND), nanoseconds.rem_euclid(SECOND));
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date_of(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = if with_fraction { format!(".{fraction:09}") } else { String::new() };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// A moment that was typed: `7d`, `12h`, `30min` before now, or `2026-11-24`, or `2026-11-24T18:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long before now.
    Ago(Duration),
    /// At this moment, in nanoseconds since 1970.
    At(i64),
}

impl Since {
    /// In nanoseconds since 1970.
    pub fn nanoseconds(self, clock: &dyn Clock) -> i64 {
        match self {
            Self::At(nanoseconds) => nanoseconds,
            Self::Ago(ago) => {
                let then = clock.system().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(ago);
                i64::try_from(then.as_nanos()).unwrap_or(i64::MAX)
            }
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let typed = span(text).map(Self::Ago).or_else(|| date_and_time(text).map(Self::At));
        typed.ok_or(
            "must be a time before now such as 7d, 12h or 30min, or a date such as 2026-11-24 or 2026-11-24T18:00:00Z",
        )
    }
}

fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let seconds = number.parse::<i64>().ok()?.checked_mul(*seconds)?;
    Some(Duration::from_secs(seconds.try_into().ok()?))
}

fn date_and_time(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    let days = day_of(year, month, day);
    // A day that the month does not have is another one's.
    let is_date = date_of(days) == (year, month, day);
    let seconds = days.checked_mul(DAY)?.checked_add(hour * 3_600 + minute * 60 + second)?;
    (is_time && is_date).then(|| seconds.checked_mul(SECOND)).flatten()
}

/// Three numbers of so many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days of four hundred years, after which the calendar repeats itself.
const DAYS_OF_ERA: i64 = 146_097;

/// From the first of March of the year 0 to 1970.
const DAYS_TO_1970: i64 = 719_468;

/// The date of a day that is counted from 1970. Years are taken to begin in March, so that the day that some of them lack
/// is their last.
fn date_of(day: i64) -> (i64, i64, i64) {
    let day = day.saturating_add(DAYS_TO_1970);
    let (era, day) = (day.div_euclid(DAYS_OF_ERA), day.rem_euclid(DAYS_OF_ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The day of a date, counted from 1970.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * month + 2) / 5 + day - 1;
    era * DAYS_OF_ERA + year * 365 + year / 4 - year / 100 + day - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use crate::clock::SystemClock;

    use super::*;

    /// As `date -u -d @SECONDS` tells them.
    #[test]
    fn moments_are_told_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_486_122, "2026-11-24T02:08:42Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(moment(seconds * SECOND, false), text);
            assert_eq!(text.parse(), Ok(Since::At(seconds * SECOND)), "{text}");
        }
        assert_eq!(moment(SECOND + 5, true), "1970-01-01T00:00:01.000000005Z");
        assert_eq!(moment(i64::MIN, true), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn a_time_before_now_is_typed_with_its_unit() {
        assert_eq!("7d".parse(), Ok(Since::Ago(Duration::from_secs(604_800))));
        assert_eq!("30min".parse(), Ok(Since::Ago(Duration::from_secs(1_800))));
        let clock = SystemClock::new();
        let (hour, now) = ("1h".parse::<Since>().unwrap(), "0s".parse::<Since>().unwrap());
        let between = now.nanoseconds(&clock) - hour.nanoseconds(&clock);
        assert_eq!((between + SECOND) / SECOND / 3_600, 1);
        assert_eq!("99999999d".parse::<Since>().unwrap().nanoseconds(&clock), 0);
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "7",
            "d",
            "7 d",
            "-7d",
            "7w",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-1-1",
            "2026-01-00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "99999999999999999999d",
            "9999-99-99",
            "9999-12-31",
        ] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
