//! A breaker for each token endpoint, shared by all hosts: while an endpoint is out of service one request at a time
//! finds out whether it is back, and once it is, the grants that have waited are spread.
//!
//! Only silence of the endpoint counts. What this host could not send says nothing about it, and a refusal is an
//! answer.

use std::time::Duration;

use crate::contract::Error;
use crate::cool_down::doubled;
use crate::core::Core;
use crate::error::Result;
use crate::ports::Ports;
use crate::record::{EndpointRecord, Record as _, Stored, Written, over};
use crate::storage_key;
use crate::timing;

/// So many requests in a row without an answer, and the others wait.
const FAILURES: u32 = 3;

/// How long the one request that finds out has before another may. An endpoint that is back answers within a second;
/// the host that asks may have crashed.
const PROBE: Duration = Duration::from_secs(10);

/// The grants that waited are spread over as long as the endpoint was seen to be away, but no longer than this: some of
/// them have somebody who waits.
const LONGEST_SPREAD: Duration = Duration::from_secs(20);

/// The right to ask an endpoint.
#[derive(Clone)]
pub struct Admitted {
    key: String,
    state: Option<Stored<EndpointRecord>>,
}

/// What a request told of its endpoint.
#[derive(Debug, PartialEq, Eq)]
pub enum Sign {
    /// It answered, whatever it said.
    Answered,
    /// It gave no answer, or said that it is out of service; the least pause that it asked for.
    Silent(Option<Duration>),
    /// Nothing: the request did not leave.
    None,
}

impl<P: Ports> Core<P> {
    /// Asks whether a grant may be renewed at an endpoint now.
    ///
    /// # Errors
    /// `unavailable` with the time to wait while the endpoint is out of service, or has just come back.
    pub(crate) async fn admit_to_endpoint(&self, endpoint: &str, grant: &str, root: &str) -> Result<Admitted> {
        let key = storage_key::token_endpoint(endpoint);
        let state: Option<Stored<EndpointRecord>> = self.read(&key).await?;
        let Some(stored) = state else { return Ok(Admitted { key, state: None }) };
        match verdict(&stored, grant) {
            Verdict::Open => Ok(Admitted { key, state: Some(stored) }),
            Verdict::Wait(left) => Err(out_of_service(root, left)),
            Verdict::Probe => {
                let probing = EndpointRecord { remaining: PROBE, ..aged(&stored) };
                match self.write(&key, &probing, None, stored.precondition()).await? {
                    Written::Done(revision) => Ok(Admitted { key, state: Some(stored.rewritten(probing, revision)) }),
                    Written::Lost(_) => Err(out_of_service(root, Duration::from_secs(1))),
                }
            }
        }
    }

    /// Records what a request told of its endpoint. One that was never amiss costs no write. Whether it can be stored
    /// is of no matter to the grant.
    pub(crate) async fn observe_endpoint(&self, admitted: Admitted, sign: &Sign) {
        let Admitted { key, state } = admitted;
        let next = match (sign, &state) {
            (Sign::None, _) | (Sign::Answered, None) => return,
            (Sign::Answered, Some(stored)) if stored.record.failures < FAILURES => {
                if stored.left().is_zero() || stored.record.failures > 0 {
                    let _ = self.ports.delete(&key, stored.revision).await;
                }
                return;
            }
            (Sign::Answered, Some(stored)) => coming_back(stored),
            (Sign::Silent(asked), state) => failing(state.as_ref(), *asked),
        };
        let _ = self.write(&key, &next, None, over(state.as_ref())).await;
    }
}

/// What the state of an endpoint means for a grant.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Open,
    Wait(Duration),
    /// Somebody should find out whether it is back.
    Probe,
}

fn verdict(stored: &Stored<EndpointRecord>, grant: &str) -> Verdict {
    let left = stored.left();
    match stored.record.failures {
        0 => {
            let turn = stored.record.remaining.mul_f64(timing::fraction(grant));
            let wait = turn.saturating_sub(stored.age);
            if wait.is_zero() { Verdict::Open } else { Verdict::Wait(wait) }
        }
        1..FAILURES => Verdict::Open,
        _ if left.is_zero() => Verdict::Probe,
        _ => Verdict::Wait(left),
    }
}

/// The record with the time since it was written added up, as far as somebody was trying: when nobody asks, nobody
/// knows whether it is back.
fn aged(stored: &Stored<EndpointRecord>) -> EndpointRecord {
    let tried_for = stored.age.min(stored.record.remaining.saturating_add(PROBE));
    let failing_for = stored.record.failing_for.saturating_add(tried_for);
    EndpointRecord { failing_for, ..stored.record.clone() }
}

fn failing(before: Option<&Stored<EndpointRecord>>, asked: Option<Duration>) -> EndpointRecord {
    let before = before.filter(|stored| stored.record.failures > 0).map(aged);
    let failures = before.as_ref().map_or(0, |before| before.failures).saturating_add(1);
    let pause = doubled(failures.saturating_sub(FAILURES).saturating_add(1));
    EndpointRecord {
        version: EndpointRecord::VERSION,
        failures,
        remaining: pause.max(asked.unwrap_or_default()),
        failing_for: before.as_ref().map(|before| before.failing_for).unwrap_or_default(),
        unknown: before.map(|before| before.unknown).unwrap_or_default(),
    }
}

fn coming_back(stored: &Stored<EndpointRecord>) -> EndpointRecord {
    let before = aged(stored);
    EndpointRecord {
        failures: 0,
        remaining: before.failing_for.min(LONGEST_SPREAD),
        failing_for: Duration::ZERO,
        ..before
    }
}

fn out_of_service(root: &str, left: Duration) -> Error {
    let message = format!("{root} has given no tokens for a while. It is asked again as soon as it may be back.");
    Error::unavailable(message, Some(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: &str = "grant/person/acme/x";

    fn stored(record: EndpointRecord, age: u64) -> Stored<EndpointRecord> {
        let age = Duration::from_secs(age);
        Stored { record, key: "token-endpoint/x".into(), revision: 1, age, unchanged_for: Duration::ZERO }
    }

    fn failed(times: u32) -> EndpointRecord {
        let mut state = None;
        for _ in 0..times {
            state = Some(stored(failing(state.as_ref(), None), 10));
        }
        state.unwrap().record
    }

    #[test]
    fn a_failure_or_two_stop_nobody() {
        for times in [1, 2] {
            assert_eq!(verdict(&stored(failed(times), 0), GRANT), Verdict::Open);
        }
    }

    #[test]
    fn an_endpoint_that_is_away_is_asked_by_one_at_a_time_and_ever_more_seldom() {
        let pauses = [3, 4, 5, 20].map(|times| failed(times).remaining.as_secs());
        assert_eq!(pauses, [1, 2, 4, 60]);
        assert_eq!(verdict(&stored(failed(20), 59), GRANT), Verdict::Wait(Duration::from_secs(1)));
        assert_eq!(verdict(&stored(failed(20), 60), GRANT), Verdict::Probe);
    }

    #[test]
    fn the_pause_that_was_asked_for_is_kept() {
        let asked = Some(Duration::from_secs(600));
        assert_eq!(failing(Some(&stored(failed(2), 0)), asked).remaining, Duration::from_secs(600));
    }

    #[test]
    fn its_return_is_spread_over_as_long_as_it_was_away() {
        let back = coming_back(&stored(failed(3), 5));
        assert_eq!(back.remaining, Duration::from_secs(20), "two gaps of ten seconds, five since, and no longer");
        assert_eq!(coming_back(&stored(failed(1), 7)).remaining, Duration::from_secs(7));
        let open_at = |age| {
            let state = stored(back.clone(), age);
            (0..1_000).filter(|number| verdict(&state, &format!("grant/{number}")) == Verdict::Open).count()
        };
        assert!(open_at(0) < 20, "{}", open_at(0));
        assert!((400..600).contains(&open_at(10)), "{}", open_at(10));
        assert_eq!(open_at(20), 1_000);
    }

    #[test]
    fn time_in_which_nobody_asked_does_not_count_as_time_away() {
        let a_day = 24 * 3_600;
        assert_eq!(aged(&stored(failed(1), a_day)).failing_for, Duration::from_secs(1) + PROBE);
    }

    #[test]
    fn a_failure_while_it_comes_back_begins_anew() {
        let back = stored(coming_back(&stored(failed(9), 10)), 5);
        assert_eq!(failing(Some(&back), None).failures, 1);
    }
}
