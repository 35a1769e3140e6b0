//! Requests that spend a refresh token: never sent twice without a reason, never two at once, not too often, and what
//! they bring is stored.

use std::time::Duration;

use crate::bounds;

use super::Monitor;
use super::exchange::{End, Exchange, LastSuccess, Meaning, short};
use crate::books::{Issue, Refusal};
use crate::clock::{Instant, MOST_DRIFT};
use crate::ports::SimulatedPorts;
use crate::world::World;

/// So long after a host was cut off or stood still it may not have caught up.
const JUST_NOW: Duration = Duration::from_secs(20);

/// What a host's clock may be off over the longest span that is judged here, and then some.
const TOLERANCE: Duration = Duration::from_secs(1);

impl Monitor {
    pub(super) fn sent(&self, ports: &SimulatedPorts, refresh_token: String, handed_over: Instant) -> u64 {
        let world = &ports.world;
        let session = world.books.refresh_tokens.borrow().get(&refresh_token).map(|token| token.session);
        let number = self.exchanges.borrow().len() as u64;
        world.trace.note(world.now(), Some(ports.host), || {
            format!("exchange {number} of renewal {:?}: sends {}", ports.renewal, short(&refresh_token))
        });
        // One that a late success has overtaken was handed over for the generation before, and cannot be called back.
        let overtaken = session.is_some_and(|session| self.is_overtaken(session, handed_over));
        let generation = session.filter(|_| !overtaken).and_then(|session| self.generation(world, session));
        self.check_renewal(world, ports.renewal);
        self.check_alone(world, session, generation);
        self.check_repetition(world, &refresh_token, session);
        self.check_not_ended(world, ports.host, session, handed_over);
        self.exchanges.borrow_mut().push(Exchange {
            renewal: ports.renewal,
            host: ports.host,
            refresh_token,
            session,
            generation,
            handed_over,
            written_by_host_clock: ports.monotonic_now(),
            settled: false,
            issue: None,
            end: None,
        });
        number
    }

    /// A renewal sends one request, and a second one only where the first was answered that the client was not accepted.
    fn check_renewal(&self, world: &World, renewal: Option<u64>) {
        let exchanges = self.exchanges.borrow();
        let before = exchanges.iter().filter(|other| renewal.is_some() && other.renewal == renewal);
        let ends: Vec<Option<End>> = before.map(|other| other.end).collect();
        if !matches!(ends.as_slice(), [] | [Some(End::Answered(Meaning::InvalidClient))]) {
            self.broken(
                world,
                "one request for each renewal",
                format!("renewal {renewal:?} has sent before: {ends:?}"),
            );
        }
    }

    /// Whether an exchange is the second one of its renewal.
    pub(super) fn is_second(&self, number: u64) -> bool {
        let exchanges = self.exchanges.borrow();
        let Some((this, before)) = exchanges.get(..=number as usize).and_then(|these| these.split_last()) else {
            return false;
        };
        this.renewal.is_some() && before.iter().any(|other| other.renewal == this.renewal)
    }

    /// At most one request of a generation is under way. One that a late success has overtaken does not count: it
    /// was sent before, and cannot be called back.
    fn check_alone(&self, world: &World, session: Option<usize>, generation: Option<u64>) {
        let exchanges = self.exchanges.borrow();
        let same = |other: &Exchange| other.session == session && other.generation == generation;
        for (number, other) in exchanges.iter().enumerate().filter(|(_, other)| same(other)) {
            let waits = other.end.is_none() && !world.hosts[other.host].is_frozen(world.now());
            if !other.settled || waits {
                self.broken(
                    world,
                    "one request at a time",
                    format!("exchange {number} of the same session is still under way"),
                );
            }
        }
    }

    /// Nothing is sent for a sign-in that has ended, but for what had just made sure that it has not: the claim is read
    /// right before sending. A host that stood still between the two could not know.
    fn check_not_ended(&self, world: &World, host: usize, session: Option<usize>, handed_over: Instant) {
        let lineages = self.lineages.borrow();
        let retired = session.and_then(|session| lineages.get(&session)).and_then(|lineage| {
            let retired = self.retired_lineages.borrow();
            retired.get(lineage).copied()
        });
        let Some(retired) = retired.filter(|retired| world.hosts[host].frozen_until.get() <= *retired) else { return };
        if handed_over > retired + TOLERANCE {
            let late = handed_over.saturating_sub(retired);
            let what = format!("a refresh token was sent {late:?} after its sign-in had ended");
            self.broken(world, "nothing is sent after the end", what);
        }
    }

    /// A refresh token is sent again only for a reason.
    fn check_repetition(&self, world: &World, refresh_token: &str, session: Option<usize>) {
        if !world.settings.single_use() {
            return;
        }
        let exchanges = self.exchanges.borrow();
        let mut unresolved = 0;
        for (number, other) in exchanges.iter().enumerate().filter(|(_, other)| other.refresh_token == refresh_token) {
            let broken = |what: &str| {
                self.broken(world, "no refresh token twice", format!("sent again after exchange {number}, {what}"));
            };
            match other.end {
                Some(End::Answered(Meaning::Dead)) if !self.could_not_record(world, other) => {
                    broken("which found it dead");
                }
                // Whoever found it dead could not write that down; showing it once more does no further harm.
                Some(End::Answered(Meaning::Dead)) => {}
                Some(End::Answered(Meaning::Success)) if !self.was_lost(world, other) => {
                    broken("which brought its successor");
                }
                Some(End::Answered(Meaning::Unprocessed | Meaning::InvalidClient | Meaning::Other)) => {}
                _ => unresolved += 1,
            }
        }
        if unresolved == 0 {
            return;
        }
        if unresolved >= bounds::MOST_UNRESOLVED {
            self.broken(
                world,
                "no refresh token twice",
                format!("sent again after {unresolved} requests of unknown outcome"),
            );
        }
        if let Some(session) = session
            && let Some(left) = self.still_usable(world, session)
        {
            let what =
                format!("sent again after a request of unknown outcome, while the old access token has {left:?}");
            self.broken(world, "no refresh token twice", what);
        }
    }

    /// Whether what a request brought could not be kept, by a fault and not by the core's choice.
    pub(crate) fn was_lost(&self, world: &World, exchange: &Exchange) -> bool {
        let Some(renewal) = exchange.renewal else { return true };
        let host = &world.hosts[exchange.host];
        let now = world.now();
        let trouble = self.store_trouble.borrow().get(&renewal).copied();
        let long = trouble.is_some_and(|since| now >= since + bounds::WRITE_BUDGET);
        // A store that was away for all is no excuse: its owner has the next turn when it is back.
        let alone = long && world.store.was_cut_off(exchange.host, now.saturating_sub(JUST_NOW));
        let stood_still = host.frozen_until.get() + JUST_NOW > now;
        alone || stood_still || self.interrupted.borrow().contains(&renewal)
    }

    /// Whether a fault kept a renewal from recording what it was answered.
    fn could_not_record(&self, world: &World, exchange: &Exchange) -> bool {
        let trouble = exchange.renewal.and_then(|renewal| self.store_trouble.borrow().get(&renewal).copied());
        let long = trouble.is_some_and(|since| world.now() >= since + bounds::WRITE_BUDGET);
        long || self.was_lost(world, exchange)
    }

    /// Nothing was done about a request, and nothing will be.
    pub(crate) fn not_processed(&self, world: &World, exchange: Option<u64>) {
        let Some(number) = exchange else { return };
        world.trace.note(world.now(), None, || format!("Databricks does nothing about exchange {number}"));
        if let Some(exchange) = self.exchanges.borrow_mut().get_mut(number as usize) {
            exchange.settled = true;
        }
    }

    /// Databricks acted on a request.
    pub(crate) fn processed(&self, world: &World, exchange: Option<u64>, result: &Result<Issue, Refusal>) {
        let Some(number) = exchange else { return };
        let mut exchanges = self.exchanges.borrow_mut();
        let Some(exchange) = exchanges.get_mut(number as usize) else { return };
        exchange.settled = true;
        let (Ok(issue), Some(session)) = (result, exchange.session) else { return };
        exchange.issue = Some(issue.clone());
        let (host, handed_over) = (exchange.host, exchange.handed_over);
        drop(exchanges);
        if self.is_overtaken(session, handed_over) {
            return;
        }
        self.check_pace(world, host, session, handed_over);
        let success = LastSuccess { handed_over, access_token: issue.access_token.clone() };
        self.last_success.borrow_mut().insert(session, success);
    }

    /// Whether a request was handed over before one that has succeeded since.
    fn is_overtaken(&self, session: usize, handed_over: Instant) -> bool {
        self.last_success.borrow().get(&session).is_some_and(|last| last.handed_over > handed_over)
    }

    /// Not more than one refresh in half of a token's life. A host that stood still while it read takes what it read to
    /// be older than it is: that errs on the safe side, and may refresh too early.
    fn check_pace(&self, world: &World, host: usize, session: usize, handed_over: Instant) {
        let successes = self.last_success.borrow();
        let Some(last) = successes.get(&session) else { return };
        let standings = self.standings.borrow();
        let stored = standings.get(&last.access_token).filter(|standing| standing.rejected.is_none());
        let jumped = !world.store.jumped_forward_since(last.handed_over).is_zero();
        let stood_still = world.hosts[host].frozen_until.get() > last.handed_over;
        if stored.is_none() || jumped || stood_still {
            return;
        }
        let least = (world.settings.believed_life() / 2).mul_f64(1.0 - 2.0 * MOST_DRIFT);
        let passed = handed_over.saturating_sub(last.handed_over);
        // Ages are told a network latency late.
        if passed + Duration::from_secs(1) < least {
            self.broken(world, "not too often", format!("a session was refreshed again after {passed:?}"));
        }
    }

    /// A renewal is over: what it brought is stored, or there is a reason.
    pub(crate) fn renewal_ended(&self, world: &World, renewal: u64, interrupted: bool) {
        self.note_standstill(world, renewal);
        // To everybody else a claim that nobody can say has been written is like one whose owner died.
        let trouble = self.store_trouble.borrow().get(&renewal).copied();
        let left_alone = trouble.is_some_and(|since| world.now() + bounds::PUT >= since + bounds::WRITE_BUDGET);
        if interrupted || left_alone {
            self.interrupted.borrow_mut().insert(renewal);
        }
        if interrupted {
            world.trace.note(world.now(), None, || format!("renewal {renewal} was interrupted"));
        }
        for exchange in self.exchanges.borrow_mut().iter_mut().filter(|exchange| exchange.renewal == Some(renewal)) {
            if exchange.end == Some(End::Dropped) && interrupted {
                exchange.end = Some(End::Interrupted);
            }
        }
        if interrupted {
            return;
        }
        for exchange in self.exchanges.borrow().iter().filter(|exchange| exchange.renewal == Some(renewal)) {
            if exchange.end == Some(End::Dropped) {
                self.broken(world, "no reply is thrown away", format!("renewal {renewal} stopped waiting"));
            }
            if exchange.end == Some(End::Answered(Meaning::Success)) {
                self.check_stored(world, renewal, exchange);
            }
        }
    }

    fn check_stored(&self, world: &World, renewal: u64, exchange: &Exchange) {
        let Some(issue) = &exchange.issue else { return };
        let stored = self.standings.borrow().contains_key(&issue.access_token);
        let trouble = self.store_trouble.borrow().get(&renewal).copied();
        let held = trouble.is_some_and(|since| world.now() >= since + bounds::HOLDS - bounds::PUT - TOLERANCE);
        let live = issue.refresh_token.as_ref().is_none_or(|token| world.books.is_live(token));
        if !stored && !held && live && self.is_current(issue.session, exchange.generation) {
            let what = format!("renewal {renewal} brought tokens and did not store them");
            self.broken(world, "no token is lost", what);
        }
    }

    pub(crate) fn exchange_count(&self) -> usize {
        self.exchanges.borrow().len()
    }

    /// Whether a person's session was ever refreshed, or tried to be.
    pub(crate) fn refreshed(&self, world: &World, user: &str) -> bool {
        let sessions = world.books.sessions.borrow();
        let of_user = |session: usize| sessions[session].user == user;
        self.exchanges.borrow().iter().any(|exchange| exchange.session.is_some_and(of_user))
    }

    /// Whether a request of a renewal has an unknown outcome, or one that could not be kept.
    pub(crate) fn unresolved_requests(&self, renewal: u64) -> bool {
        self.exchanges.borrow().iter().any(|exchange| {
            let kept =
                exchange.issue.as_ref().is_some_and(|issue| self.standings.borrow().contains_key(&issue.access_token));
            exchange.renewal == Some(renewal) && !kept && (exchange.is_unresolved() || exchange.issue.is_some())
        })
    }

    /// Whether what Databricks gave for a session ever failed to be stored.
    pub(crate) fn lost_something(&self, session: usize) -> bool {
        self.exchanges.borrow().iter().any(|exchange| {
            exchange.session == Some(session)
                && exchange
                    .issue
                    .as_ref()
                    .is_some_and(|issue| !self.standings.borrow().contains_key(&issue.access_token))
        })
    }
}
