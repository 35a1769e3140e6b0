//! Names of master keys.

use std::{io, time::Duration};

/// Longest key id, in characters.
const MAX_CHARACTERS: usize = 64;

/// Whether the contract lets a key have this id.
pub(super) fn is_valid(key_id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_CHARACTERS).contains(&key_id.len()) && key_id.bytes().all(allowed)
}

/// A new id: the day, by which a person finds the right backup, and random digits. Nothing of the key is in it.
pub(super) fn fresh(since_epoch: Duration) -> io::Result<String> {
    let mut random = [0; 6];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{digits}", date(since_epoch)))
}

/// The day in UTC, as in ISO 8601.
fn date(since_epoch: Duration) -> String {
    const SECONDS_PER_DAY: u64 = 86_400;
    let mut day = since_epoch.as_secs() / SECONDS_PER_DAY;
    let mut year: u64 = 1970;
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // The last year that four digits can name also ends the loop for a clock that is set to nonsense.
    while year < 9999 {
        let days = if is_leap(year) { 366 } else { 365 };
        let Some(rest) = day.checked_sub(days) else { break };
        (year, day) = (year.saturating_add(1), rest);
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        let Some(rest) = day.checked_sub(days) else { break };
        (month, day) = (month + 1, rest);
    }
    format!("{year:04}-{month:02}-{:02}", day.saturating_add(1).min(31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_225_599, "2025-12-31"),
            (1_767_225_600, "2026-01-01"),
            (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"),
            (u64::MAX, "9999-12-31"),
        ] {
            assert_eq!(date(Duration::from_secs(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn fresh_ids_differ_and_are_valid() {
        let (one, other) = (fresh(Duration::ZERO).unwrap(), fresh(Duration::ZERO).unwrap());
        assert_ne!(one, other);
        assert!(is_valid(&one) && one.starts_with("1970-01-01-"), "{one}");
    }

    #[test]
    fn an_id_outside_the_contract_is_not_valid() {
        for key_id in ["", "a b", "a/b", "é", "a\n", &"k".repeat(65)] {
            assert!(!is_valid(key_id), "{key_id:?}");
        }
        assert!(is_valid(&"k".repeat(64)));
    }
}
