//! What a grant's record calls for: a renewal, waiting, or nothing. Pure: the record says all there is to know.

use std::time::Duration;

use crate::policy::Policy;
use crate::record::{Cause, GrantRecord, Stored};

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
    /// A renewal.
    Due,
    /// A second look: whoever claimed cannot be at work any more.
    Abandoned,
}

/// Looks at a record.
pub(super) fn standing(stored: &Stored<GrantRecord>, policy: &Policy) -> Standing {
    let record = &stored.record;
    if record.ended.is_some() || record.refresh_token.is_none() {
        return Standing::Ended;
    }
    if policy.renews_in_window_only && !stored.until_window().is_zero() {
        return Standing::Fresh;
    }
    if record.claim.is_some() && policy.claims {
        let needed = stored.usable_for().is_zero() || stored.is_reusable() || !policy.takes_over_only_when_needed;
        let abandoned = stored.unchanged_for >= policy.takeover_after && needed;
        return if abandoned { Standing::Abandoned } else { Standing::Claimed };
    }
    match stored.cool_down() {
        Some((left, pause)) => Standing::CoolingDown(left, pause.cause.clone()),
        None => Standing::Due,
    }
}

/// Whether the refresh token may not be sent again: too many requests that carried it may have been acted on. The
/// claim of an abandoned renewal counts as such a request.
pub(super) fn is_exhausted(stored: &Stored<GrantRecord>, policy: &Policy) -> bool {
    requests_of_unknown_outcome(&stored.record) >= policy.most_unresolved && !stored.is_reusable()
}

/// How many requests with this refresh token may have been acted on without anybody knowing.
pub(super) fn requests_of_unknown_outcome(record: &GrantRecord) -> u32 {
    record.unresolved.saturating_add(record.claim.is_some().into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{Claim, CoolDown, Ended};

    const HOUR: Duration = Duration::from_secs(3_600);
    const SHIPPED: Policy = Policy::SHIPPED;
    const TAKEOVER: Duration = SHIPPED.takeover_after;

    /// A grant whose token has this long left, with a claim that has been seen to stand this long.
    pub(crate) fn grant(remaining: Duration, claimed_for: Option<Duration>) -> Stored<GrantRecord> {
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
                reusable_for: Duration::ZERO,
                claim: claimed_for.map(|_| Claim { id: "claim".into() }),
                unresolved: 0,
                cool_down: None,
                writer: String::new(),
                unknown: serde_json::Map::new(),
            },
            key: "grant/person/acme/x".into(),
            revision: 1,
            age: Duration::ZERO,
            unchanged_for: claimed_for.unwrap_or_default(),
        }
    }

    fn of(grant: &Stored<GrantRecord>) -> Standing {
        standing(grant, &SHIPPED)
    }

    #[test]
    fn nothing_is_renewed_before_its_window_and_everything_is_in_it() {
        assert_eq!(of(&grant(HOUR, None)), Standing::Fresh);
        assert_eq!(of(&grant(Duration::from_secs(21 * 60), None)), Standing::Fresh);
        assert_eq!(of(&grant(Duration::from_secs(14 * 60), None)), Standing::Due);
        assert_eq!(of(&grant(Duration::ZERO, None)), Standing::Due);
    }

    #[test]
    fn a_claim_is_respected_until_its_owner_cannot_be_at_work_any_more() {
        let just_before = TAKEOVER - Duration::from_millis(1);
        assert_eq!(of(&grant(Duration::ZERO, Some(just_before))), Standing::Claimed);
        assert_eq!(of(&grant(Duration::ZERO, Some(TAKEOVER))), Standing::Abandoned);
    }

    #[test]
    fn a_claim_is_never_taken_over_while_the_old_token_serves() {
        let serves = Duration::from_secs(60);
        assert_eq!(of(&grant(serves, Some(10 * TAKEOVER))), Standing::Claimed);
    }

    #[test]
    fn a_claim_on_a_reusable_refresh_token_is_taken_over_before_the_old_token_ends() {
        let mut reusable = grant(Duration::from_secs(60), Some(TAKEOVER));
        reusable.record.reusable_for = HOUR;
        assert_eq!(of(&reusable), Standing::Abandoned);
        reusable.age = HOUR;
        assert!(!reusable.is_reusable(), "the proof is too old");
    }

    #[test]
    fn after_two_requests_of_unknown_outcome_the_person_is_asked() {
        let mut twice = grant(Duration::ZERO, Some(TAKEOVER));
        assert!(!is_exhausted(&twice, &SHIPPED));
        twice.record.unresolved = 1;
        assert!(is_exhausted(&twice, &SHIPPED));
    }

    #[test]
    fn a_reusable_refresh_token_is_never_given_up_for_an_unknown_outcome() {
        let mut often = grant(Duration::ZERO, Some(TAKEOVER));
        often.record.unresolved = 7;
        often.record.reusable_for = HOUR;
        assert!(!is_exhausted(&often, &SHIPPED));
    }

    #[test]
    fn a_pause_holds_a_renewal_back_and_passes_with_the_records_age() {
        let mut paused = grant(Duration::ZERO, None);
        let cause = Cause { case: "throttled".into(), code: String::new(), status: 0 };
        paused.record.cool_down =
            Some(CoolDown { remaining: Duration::from_secs(8), failures: 3, cause: cause.clone() });
        paused.age = Duration::from_secs(5);
        assert_eq!(of(&paused), Standing::CoolingDown(Duration::from_secs(3), cause));
        paused.age = Duration::from_secs(8);
        assert_eq!(of(&paused), Standing::Due);
    }

    #[test]
    fn a_rejected_token_is_due_at_once_and_an_ended_grant_never() {
        let mut rejected = grant(HOUR, None);
        rejected.record.access_token = None;
        assert_eq!(of(&rejected), Standing::Due);
        let mut ended = grant(Duration::ZERO, None);
        ended.record.ended = Some(Ended::SessionEnded);
        assert_eq!(of(&ended), Standing::Ended);
    }
}
