//! When a secret ends, as an admin reads it off Databricks' pages: a span from now, or a day.

use fabric_auth::Span;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// When something ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Nobody knows, or need know any more. Written as an empty value.
    Unknown,
    /// So long from now.
    After(Span),
    /// At the beginning of this day, counted from 1970, in UTC: the safe side for whoever reads a date off a page.
    On(u64),
}

/// Why it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum NotAnExpiry {
    /// Neither of its two forms.
    #[error("write a span from now such as 365d, or a date such as 2027-06-30")]
    Malformed,
    /// It is over.
    #[error("this is over already; record when the present secret ends")]
    Over,
}

impl FromStr for Expiry {
    type Err = NotAnExpiry;

    fn from_str(text: &str) -> Result<Self, NotAnExpiry> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Unknown);
        }
        if let Ok(span) = text.parse() {
            return Ok(Self::After(span));
        }
        day_of(text).map(Self::On).ok_or(NotAnExpiry::Malformed)
    }
}

impl Expiry {
    /// How long from now, in nanoseconds as the contract counts; none where it is not known.
    pub(super) fn expires_in(self, now: SystemTime) -> Result<Option<u64>, NotAnExpiry> {
        let left = match self {
            Self::Unknown => return Ok(None),
            Self::After(span) => span,
            Self::On(day) => {
                let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
                Span::from(Duration::from_secs(day.saturating_mul(DAY)).saturating_sub(since_1970))
            }
        };
        if left == Span::ZERO { Err(NotAnExpiry::Over) } else { Ok(Some(left.nanoseconds())) }
    }
}

/// The number of a day (ISO 8601) since 1970.
fn day_of(text: &str) -> Option<u64> {
    let [year, month, day] = <[&str; 3]>::try_from(text.split('-').collect::<Vec<_>>()).ok()?;
    let number = |digits: &str, length: usize| {
        let is_number = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u64>().ok()).flatten()
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let is_leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month.checked_sub(1)?).ok()?;
    if year < 1970 || day == 0 || day > *lengths.get(before)? {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    Some(years + lengths.iter().take(before).sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_day_that_the_calendar_has() {
        for (date, day) in [
            ("1970-01-01", 0),
            ("1972-02-29", 789),
            ("2000-03-01", 11_017),
            ("2027-06-30", 20_999),
            ("2100-03-01", 47_541),
        ] {
            assert_eq!(date.parse(), Ok(Expiry::On(day)), "{date}");
        }
        for wrong in ["2027-02-29", "2027-13-01", "2027-00-01", "2027-06-31", "2027-06-00", "1969-12-31", "27-06-30"] {
            assert_eq!(wrong.parse::<Expiry>(), Err(NotAnExpiry::Malformed), "{wrong}");
        }
        for wrong in ["2027-6-30", "2027-06-30T00:00", "+027-06-30", "soon", "-"] {
            assert_eq!(wrong.parse::<Expiry>(), Err(NotAnExpiry::Malformed), "{wrong}");
        }
    }

    #[test]
    fn what_is_left_is_counted_from_now_and_is_never_nothing() {
        let noon = UNIX_EPOCH + Duration::from_secs(20_998 * DAY + DAY / 2);
        let left = |text: &str| text.parse::<Expiry>().unwrap().expires_in(noon);
        assert_eq!(left("2027-06-30"), Ok(Some(DAY / 2 * 1_000_000_000)));
        assert_eq!(left("2h"), Ok(Some(7_200 * 1_000_000_000)));
        assert_eq!(left(""), Ok(None));
        for over in ["2027-06-29", "1970-01-01", "0d"] {
            assert_eq!(left(over), Err(NotAnExpiry::Over), "{over}");
        }
    }
}
