//! What callers are given: their own token, stored before, not past its end, not after it was taken out of service.

use std::time::Duration;

use fabric_auth_guest::contract::TokenDescription;

use super::Monitor;
use super::exchange::short;
use crate::bounds;
use crate::clock::{Instant, MOST_DRIFT};
use crate::world::World;

/// An instance may serve this long without asking the store.
const CONFIRMED_FOR: Duration = Duration::from_secs(5);
/// And so much longer when the store does not answer.
const UNCONFIRMED_FOR: Duration = Duration::from_secs(60);

/// A record's age is told as it was at the store; this much later it is used.
const SLOW_READ: Duration = Duration::from_secs(3);

/// What is taken off the end of a token's life.
pub(crate) fn margin(life: Duration) -> Duration {
    (life / 4).min(Duration::from_secs(40))
}

/// One call, as its caller sees it.
pub(crate) struct Call<'a> {
    pub(crate) host: usize,
    pub(crate) user: &'a str,
    pub(crate) began: Instant,
    /// How long the host had stood still when it began.
    pub(crate) frozen: Duration,
}

impl Monitor {
    /// A caller has a token.
    pub(crate) fn served(&self, world: &World, call: &Call<'_>, token: &str, description: &TokenDescription) {
        let known = world.books.access_tokens.borrow().get(token).cloned();
        let Some(known) = known.filter(|known| known.user == call.user) else {
            self.broken(world, "one's own token", format!("{} was given a token that is not theirs", call.user));
            return;
        };
        let standings = self.standings.borrow();
        let Some(standing) = standings.get(token) else {
            self.broken(world, "stored before served", format!("{} was given a token before it was stored", call.user));
            return;
        };
        self.check_end(world, call, known.expires, description);
        let lineage_gone = self.retired_lineages.borrow().get(&standing.lineage).copied();
        for (since, how) in [(lineage_gone, "its sign-in had ended"), (standing.rejected, "its rejection")] {
            let Some(since) = since else { continue };
            let failed = world.hosts[call.host].store_failed_at.get().is_some_and(|failed| failed >= call.began);
            let bound = if failed { CONFIRMED_FOR + UNCONFIRMED_FOR } else { CONFIRMED_FOR };
            let bound = bound.mul_f64(1.0 + MOST_DRIFT);
            if call.began > since + bound {
                let late = call.began.saturating_sub(since);
                let what = format!("{} was given token {} {late:?} after {how}", call.user, short(token));
                self.broken(world, "not after it was withdrawn", what);
            }
        }
    }

    fn check_end(&self, world: &World, call: &Call<'_>, expires: Instant, description: &TokenDescription) {
        let life = world.settings.life;
        let wrong = world.store.jumped_back_since(expires.saturating_sub(life));
        let frozen = world.hosts[call.host].frozen_for(world.now()).saturating_sub(call.frozen);
        let tolerance = wrong + frozen + life.mul_f64(4.0 * MOST_DRIFT) + SLOW_READ;
        let end = expires.saturating_sub(margin(life)) + tolerance;
        if world.now() > end {
            let late = world.now().saturating_sub(end);
            self.broken(world, "not past its end", format!("{} was given a token {late:?} past its end", call.user));
        }
        let told = world.now() + Duration::from_nanos(description.expires_in);
        if told > end {
            let late = told.saturating_sub(end);
            self.broken(world, "not past its end", format!("{} was told of an end {late:?} too late", call.user));
        }
    }

    /// A call has ended.
    pub(crate) fn ended(&self, world: &World, call: &Call<'_>) {
        let frozen = world.hosts[call.host].frozen_for(world.now()).saturating_sub(call.frozen);
        let took = world.now().saturating_sub(call.began).saturating_sub(frozen);
        if took > bounds::CALL {
            self.broken(world, "everybody is answered", format!("a call of {} took {took:?}", call.user));
        }
    }
}
