//! How often somebody may fail to be let in. A secret of 256 bits cannot be guessed; what is bounded is the noise that
//! guessing makes. Each guess costs a read of the store all the same: others may come from the same address with a good one.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// How many attempts an address has at once, and gets back in a minute.
const ATTEMPTS_A_MINUTE: NonZeroU32 = match NonZeroU32::new(20) {
    Some(number) => number,
    None => NonZeroU32::MIN,
};

/// How many addresses are remembered before those that have all their attempts back are looked for.
const MOST_ADDRESSES: usize = 10_000;

/// Attempts by network address.
pub(crate) struct Attempts {
    limiter: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, MonotonicClock>,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        let quota = Quota::per_minute(ATTEMPTS_A_MINUTE);
        Self { limiter: RateLimiter::new(quota, DashMapStateStore::default(), MonotonicClock) }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(crate) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        if self.limiter.len() > MOST_ADDRESSES {
            self.limiter.retain_recent();
        }
        let checked = self.limiter.check_key(&network_of(address));
        checked.map_err(|not_until| not_until.wait_time_from(self.limiter.clock().now()))
    }
}

/// Whoever has an IPv6 address has a network of 2^64 of them.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_up(attempts: &Attempts, address: &str) -> usize {
        (0..100).filter(|_| attempts.count(address.parse().unwrap()).is_ok()).count()
    }

    #[test]
    fn each_address_has_a_number_of_attempts() {
        let attempts = Attempts::new();
        assert_eq!(used_up(&attempts, "192.0.2.1"), 20);
        assert_eq!(used_up(&attempts, "::ffff:192.0.2.1"), 0);
        assert_eq!(used_up(&attempts, "192.0.2.2"), 20);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_theirs() {
        let attempts = Attempts::new();
        assert_eq!(used_up(&attempts, "2001:db8::1"), 20);
        assert_eq!(used_up(&attempts, "2001:db8::ffff:1"), 0);
        assert_eq!(used_up(&attempts, "2001:db8:0:1::1"), 20);
    }

    #[test]
    fn who_has_none_left_hears_how_long_to_wait() {
        let attempts = Attempts::new();
        used_up(&attempts, "192.0.2.1");
        let wait = attempts.count("192.0.2.1".parse().unwrap()).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(3), "{wait:?}");
    }
}
