//! The `Retry-After` header (RFC 9110 section 10.2.3): how long a peer asks to be left alone.

use core::time::Duration;

/// The longest wait that is honoured. Renewals begin 20 minutes before a token of ordinary life expires; with this
/// limit one that was told to wait has at least one more try before anybody notices, whatever the peer says.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// Where Unix time begins, as HTTP writes it.
const UNIX_EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// Reads a `Retry-After` header, given as seconds or as an HTTP date.
///
/// A date is taken relative to `date`, the same reply's `Date` header, since both come from one clock; only where that
/// is missing or not a date, relative to `system_time`, in seconds of Unix time. The result is at most
/// [`MAX_RETRY_AFTER`]. A header that asks for no wait at all (zero, negative, past) or makes no sense gives `None`.
pub fn parse(retry_after: &str, date: Option<&str>, system_time: Option<u64>) -> Option<Duration> {
    let retry_after = retry_after.trim();
    let seconds = if is_number(retry_after) {
        // Digits that do not fit are a very long wait, and not garbage.
        retry_after.parse().unwrap_or(u64::MAX)
    } else {
        let then = unix_seconds(retry_after)?;
        let now = date.and_then(unix_seconds).or(system_time)?;
        then.saturating_sub(now)
    };
    (seconds > 0).then(|| Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Seconds of Unix time of an HTTP date; none for what is not one, or lies before 1970.
fn unix_seconds(http_date: &str) -> Option<u64> {
    let epoch = httpdate::parse_http_date(UNIX_EPOCH).ok()?;
    let instant = httpdate::parse_http_date(http_date.trim()).ok()?;
    instant.duration_since(epoch).ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATE: &str = "Mon, 23 Nov 2026 10:00:00 GMT";
    const TEN_SECONDS_LATER: &str = "Mon, 23 Nov 2026 10:00:10 GMT";

    #[test]
    fn seconds_are_taken_as_they_stand() {
        assert_eq!(parse("120", None, None), Some(Duration::from_secs(120)));
        assert_eq!(parse(" 7 ", None, None), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_same_reply() {
        assert_eq!(parse(TEN_SECONDS_LATER, Some(DATE), Some(0)), Some(Duration::from_secs(10)));
    }

    #[test]
    fn without_a_date_header_a_date_counts_from_the_system_time() {
        let now = unix_seconds(DATE).unwrap();
        assert_eq!(now, 1_795_428_000);
        assert_eq!(parse(TEN_SECONDS_LATER, None, Some(now)), Some(Duration::from_secs(10)));
        assert_eq!(parse(TEN_SECONDS_LATER, Some("yesterday"), Some(now)), Some(Duration::from_secs(10)));
        assert_eq!(parse(TEN_SECONDS_LATER, None, None), None);
    }

    #[test]
    fn the_obsolete_date_forms_are_read_too() {
        assert_eq!(parse("Mon Nov 23 10:00:10 2026", Some(DATE), None), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_header_that_asks_for_no_wait_is_ignored() {
        assert_eq!(parse("0", None, None), None);
        assert_eq!(parse("-5", None, None), None);
        assert_eq!(parse(DATE, Some(TEN_SECONDS_LATER), None), None);
    }

    #[test]
    fn garbage_is_ignored() {
        for garbage in ["", " ", "soon", "1.5", "12s", "+3", "Mon, 99 Nov 2026 10:00:00 GMT"] {
            assert_eq!(parse(garbage, Some(DATE), Some(0)), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_very_long_wait_is_capped() {
        assert_eq!(parse("86400", None, None), Some(MAX_RETRY_AFTER));
        assert_eq!(parse("99999999999999999999999999", None, None), Some(MAX_RETRY_AFTER));
        assert_eq!(parse("Fri, 31 Dec 9999 23:59:59 GMT", Some(DATE), None), Some(MAX_RETRY_AFTER));
    }

    proptest! {
        #[test]
        fn any_headers_are_read_without_panic_and_within_the_cap(
            retry_after in any::<String>(), date in any::<Option<String>>(), now in any::<Option<u64>>(),
        ) {
            let wait = parse(&retry_after, date.as_deref(), now);
            prop_assert!(wait.is_none_or(|wait| wait > Duration::ZERO && wait <= MAX_RETRY_AFTER));
        }
    }
}
