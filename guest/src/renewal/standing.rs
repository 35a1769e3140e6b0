//! What a grant's record calls for: a renewal, waiting, or nothing. Pure: the record says all there is to know.

use std::time::Duration;

use super::UNTIL_SENT;
use super::settling::WRITE_BUDGET;
use crate::exchange::TOKEN_DEADLINE;
use crate::record::{Cause, GrantRecord, Stored};

/// What clocks of one machine may be apart over such a time, and then some.
const SLACK: Duration = Duration::from_secs(5);

/// A claim that has stood this long belongs to nobody who is still at work.
const TAKEOVER: Duration =
    Duration::from_secs(UNTIL_SENT.as_secs() + TOKEN_DEADLINE.as_secs() + WRITE_BUDGET.as_secs() + SLACK.as_secs());

/// A renewal whose outcome is not known is tried once more, then the person is asked: the refresh token may be spent.
const MOST_ATTEMPTS: u32 = 2;

/// What a record calls for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: there will be no more tokens.
    Ended,
    /// Nothing yet.
    Fresh,
    /// Waiting: a renewal is under way elsewhere.
    Claimed,
    /// Waiting: the last one failed.
    CoolingDown(Duration, Cause),
    /// A renewal; which attempt at this generation it is.
    Due(u32),
    /// Giving up: too many renewals were interrupted.
    Exhausted,
}

/// Looks at a record.
pub(super) fn standing(stored: &Stored<GrantRecord>) -> Standing {
    let record = &stored.record;
    if record.ended.is_some() || record.refresh_token.is_none() {
        return Standing::Ended;
    }
    if !stored.until_window().is_zero() {
        return Standing::Fresh;
    }
    if let Some(claim) = &record.claim {
        // While the old token serves, a second attempt could only do harm.
        let may_take_over = stored.unchanged_for >= TAKEOVER && stored.usable_for().is_zero();
        return match may_take_over {
            false => Standing::Claimed,
            true if claim.attempt >= MOST_ATTEMPTS => Standing::Exhausted,
            true => Standing::Due(claim.attempt.saturating_add(1)),
        };
    }
    match stored.cool_down() {
        Some((left, pause)) => Standing::CoolingDown(left, pause.cause.clone()),
        None => Standing::Due(1),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::record::{Claim, CoolDown, Ended};

    const HOUR: Duration = Duration::from_secs(3_600);

    /// A grant whose token has this long left, `age` after it was written.
    pub(in crate::renewal) fn grant(remaining: Duration, claim: Option<(u32, Duration)>) -> Stored<GrantRecord> {
        Stored {
            record: GrantRecord {
                version: 1,
                workspace: "https://x".into(),
                workspace_id: None,
                issuer: "https://x/oidc".into(),
                client_id: "app".into(),
                app_connection: Some("databricks".into()),
                lineage: "lineage".into(),
                generation: 1,
                ended: None,
                scopes: Vec::new(),
                subject: None,
                identity: None,
                access_token: Some("sealed".into()),
                refresh_token: Some("sealed".into()),
                life: HOUR,
                remaining,
                session_remaining: HOUR,
                claim: claim.map(|(attempt, _)| Claim { id: "claim".into(), attempt }),
                cool_down: None,
                writer: String::new(),
                unknown: serde_json::Map::new(),
            },
            key: "grant/person/acme/x".into(),
            revision: 1,
            age: Duration::ZERO,
            unchanged_for: claim.map(|(_, unchanged_for)| unchanged_for).unwrap_or_default(),
        }
    }

    #[test]
    fn nothing_is_renewed_before_its_window_and_everything_is_in_it() {
        assert_eq!(standing(&grant(HOUR, None)), Standing::Fresh);
        assert_eq!(standing(&grant(Duration::from_secs(21 * 60), None)), Standing::Fresh);
        assert_eq!(standing(&grant(Duration::from_secs(14 * 60), None)), Standing::Due(1));
        assert_eq!(standing(&grant(Duration::ZERO, None)), Standing::Due(1));
    }

    #[test]
    fn a_claim_is_respected_until_its_owner_cannot_be_at_work_any_more() {
        let just_before = TAKEOVER - Duration::from_millis(1);
        assert_eq!(standing(&grant(Duration::ZERO, Some((1, just_before)))), Standing::Claimed);
        assert_eq!(standing(&grant(Duration::ZERO, Some((1, TAKEOVER)))), Standing::Due(2));
    }

    #[test]
    fn a_claim_is_never_taken_over_while_the_old_token_serves() {
        let serves = Duration::from_secs(60);
        assert_eq!(standing(&grant(serves, Some((1, 10 * TAKEOVER)))), Standing::Claimed);
    }

    #[test]
    fn after_two_interrupted_renewals_the_person_is_asked() {
        assert_eq!(standing(&grant(Duration::ZERO, Some((MOST_ATTEMPTS, TAKEOVER)))), Standing::Exhausted);
    }

    #[test]
    fn a_pause_holds_a_renewal_back_and_passes_with_the_records_age() {
        let mut paused = grant(Duration::ZERO, None);
        let cause = Cause { case: "throttled".into(), message: "x".into(), code: String::new(), status: 0 };
        paused.record.cool_down =
            Some(CoolDown { remaining: Duration::from_secs(8), failures: 3, cause: cause.clone() });
        paused.age = Duration::from_secs(5);
        assert_eq!(standing(&paused), Standing::CoolingDown(Duration::from_secs(3), cause));
        paused.age = Duration::from_secs(8);
        assert_eq!(standing(&paused), Standing::Due(1));
    }

    #[test]
    fn a_rejected_token_is_due_at_once_and_an_ended_grant_never() {
        let mut rejected = grant(HOUR, None);
        rejected.record.access_token = None;
        assert_eq!(standing(&rejected), Standing::Due(1));
        let mut ended = grant(Duration::ZERO, None);
        ended.record.ended = Some(Ended::SessionEnded);
        assert_eq!(standing(&ended), Standing::Ended);
    }
}
