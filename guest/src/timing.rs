//! When a token is served, renewed and refused.
//!
//! Nothing here knows an instant: a token has a life (what Databricks gave) and time that remains of it.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// Databricks refuses tokens that end within 30 seconds; ten more are for the way there. The official clients use the
/// same 40 seconds.
const MARGIN: Duration = Duration::from_secs(40);

/// The official clients begin to renew at most this long before the end: long enough for several tries, short enough
/// that an hour's token is used for most of its hour.
const WINDOW: Duration = Duration::from_secs(20 * 60);

/// How long a token may still be used: what remains, less min(40 s, a quarter of its life). Databricks might not take
/// it any longer after that. Zero when it may not be used.
pub fn usable_for(remaining: Duration, life: Duration) -> Duration {
    remaining.saturating_sub(MARGIN.min(life / 4))
}

/// How long until the window opens in which a renewal begins behind the callers: min(life / 2, 20 min) before the end,
/// and up to a quarter of that later. The delay is a function of the grant, so that a thousand grants made in one
/// minute are not renewed in one minute; it never makes the window open earlier than half of the life. Zero when open.
pub fn until_window(remaining: Duration, life: Duration, grant: &str) -> Duration {
    let window = WINDOW.min(life / 2);
    let delay = (window / 4).mul_f64(fraction(grant));
    remaining.saturating_sub(window.saturating_sub(delay))
}

/// A number from 0 to 1 that is always the same for a grant and evenly spread over grants.
pub fn fraction(grant: &str) -> f64 {
    let [first, second, third, fourth, ..] = <[u8; 32]>::from(Sha256::digest(grant));
    f64::from(u32::from_be_bytes([first, second, third, fourth])) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_token_is_not_served_in_its_last_forty_seconds() {
        assert_eq!(usable_for(Duration::from_secs(41), HOUR), Duration::from_secs(1));
        assert_eq!(usable_for(Duration::from_secs(40), HOUR), Duration::ZERO);
    }

    #[test]
    fn the_margin_never_eats_a_short_token() {
        let life = Duration::from_secs(20);
        assert_eq!(usable_for(life, life), Duration::from_secs(15));
    }

    #[test]
    fn the_window_opens_in_the_last_twenty_minutes_of_an_hour() {
        for number in 0..1_000 {
            let grant = format!("grant/person/acme/{number}");
            let opens_at = HOUR - until_window(HOUR, HOUR, &grant);
            let before_end = opens_at;
            assert!(before_end <= Duration::from_secs(20 * 60), "{before_end:?}");
            assert!(before_end >= Duration::from_secs(15 * 60), "{before_end:?}");
        }
    }

    #[test]
    fn a_thousand_grants_spread_over_the_window() {
        let opened = (0..1_000)
            .filter(|number| {
                until_window(Duration::from_secs(17 * 60 + 30), HOUR, &format!("grant/{number}")).is_zero()
            })
            .count();
        assert!((400..600).contains(&opened), "half of the window past, {opened} of 1000 have opened");
    }

    #[test]
    fn no_window_opens_in_the_first_half_of_a_life() {
        let life = Duration::from_secs(600);
        for number in 0..100 {
            assert!(!until_window(life / 2 + Duration::from_secs(1), life, &format!("g{number}")).is_zero());
        }
    }
}
