//! Recording what came of a renewal.
//!
//! Between a reply with new tokens and their storage there is one put and nothing else. Late success beats a failure
//! recorded for the same lineage and generation, and nothing else does.

use std::time::Duration;

use super::Seen;
use super::claiming::BETWEEN_WRITES;
use crate::contract::journal::Action;
use crate::contract::maintenance::RenewalOutcome;
use crate::core::{Core, event_of_host};
use crate::error::Result;
use crate::policy::Policy;
use crate::ports::Ports;
use crate::record::{CoolDown, Ended, GrantRecord, Stored, Written};
use crate::token_call::{EffectOnRefresh, TokenCallFailure};

/// New tokens, with what their lives were when they were asked for.
pub(super) struct NewTokens {
    /// The record of generation n + 1, its durations as of `asked_at`.
    pub record: GrantRecord,
    /// When the request was sent. Nobody knows when after that Databricks made the tokens.
    pub asked_at: Duration,
}

/// How a claim is taken off again where there are no new tokens.
pub(super) enum Settlement {
    /// Nothing was sent.
    Unsent,
    /// The refresh token is as good as before; the next attempt waits.
    Untouched(CoolDown),
    /// The refresh token gives no more tokens.
    Dead,
}

impl Settlement {
    fn apply(&self, record: &mut GrantRecord) {
        record.claim = None;
        match self {
            Self::Unsent => {}
            Self::Untouched(pause) => record.cool_down = Some(pause.clone()),
            Self::Dead => {
                // A request of unknown outcome may be what used it up.
                let unsure = record.unresolved > 0;
                record.end(if unsure { Ended::OutcomeUnknown } else { Ended::SessionEnded });
            }
        }
    }
}

impl<P: Ports> Core<P> {
    /// Stores new tokens. Holds on to them for as long as the policy says, whatever the store does meanwhile.
    pub(super) async fn store_success(
        &self,
        tenant: &str,
        claimed: &Seen,
        tokens: NewTokens,
    ) -> Result<RenewalOutcome> {
        let key = &claimed.stored.key;
        let mut next = tokens.record;
        let (life, session, reusable) = (next.remaining, next.session_remaining, next.reusable_for);
        let mut precondition = claimed.stored.precondition();
        let arrived_at = self.ports.monotonic();
        loop {
            let passed = self.since(tokens.asked_at);
            next.remaining = life.saturating_sub(passed);
            next.session_remaining = session.saturating_sub(passed);
            next.reusable_for = reusable.saturating_sub(passed);
            match self.write(key, &next, None, precondition).await {
                Ok(Written::Done(_)) => return Ok(RenewalOutcome::Renewed),
                Ok(Written::Lost(Some(now))) if now.record.writer == next.writer => return Ok(RenewalOutcome::Renewed),
                Ok(Written::Lost(Some(now))) if may_follow(&next, &now.record, &self.policy) => {
                    // Resealed or found failed meanwhile. Late success beats a failure of its own generation.
                    next.identity.clone_from(&now.record.identity);
                    precondition = now.precondition();
                }
                Ok(Written::Lost(_)) => return Ok(self.drop_late_reply(tenant, &next).await),
                Err(error) if self.since(arrived_at) >= self.policy.holds => return Err(error),
                Err(_) => self.ports.wait(BETWEEN_WRITES).await,
            }
        }
    }

    /// Drops tokens of a lineage that is gone, and says so.
    async fn drop_late_reply(&self, tenant: &str, next: &GrantRecord) -> RenewalOutcome {
        self.journal(event_of_host(tenant, Action::LateReplyDropped, Some(next.reference()))).await;
        RenewalOutcome::Fresh
    }

    /// Records a failure by what it says about the refresh token. `set_for` as in [`TokenCallFailure::of_person`].
    pub(super) async fn store_failure(
        &self,
        claimed: &Seen,
        failure: TokenCallFailure,
        set_for: Option<Duration>,
    ) -> Result<RenewalOutcome> {
        let may_send_again = claimed.stored.is_reusable() || !self.policy.distrusts_unknown_outcomes;
        let effect = match failure.effect_on_refresh() {
            EffectOnRefresh::Unknown if may_send_again => EffectOnRefresh::Untouched { retry_after: None },
            effect => effect,
        };
        let error = failure.of_person(set_for);
        let settlement = match effect {
            // The claim stays, so that the next attempt waits until it may be taken over.
            EffectOnRefresh::Unknown => return Err(error),
            EffectOnRefresh::Dead => Settlement::Dead,
            EffectOnRefresh::Untouched { retry_after } => {
                Settlement::Untouched(self.pause(claimed.stored.record.cool_down.as_ref(), retry_after, &error))
            }
        };
        // If this cannot be written, the claim stands until it may be taken over.
        let recorded = self.settle(claimed, &settlement).await;
        match (settlement, recorded) {
            (Settlement::Dead, Ok(true)) => Ok(RenewalOutcome::Ended),
            // Somebody else has renewed, signed in or signed out meanwhile: the store says how things stand.
            (Settlement::Dead, Ok(false)) => Ok(RenewalOutcome::Fresh),
            _ => Err(error),
        }
    }

    /// Takes the claim off. Only while it is ours; a reseal in between does not matter. Gives whether it was.
    pub(super) async fn settle(&self, claimed: &Seen, settlement: &Settlement) -> Result<bool> {
        let began = self.ports.monotonic();
        let writer = self.random_name();
        let mut now = claimed.clone();
        loop {
            // What the store may answer is as of its own reading, however long the answer takes.
            let at = self.ports.monotonic();
            let mut record = now.stored.counted_down(at.saturating_sub(now.at));
            settlement.apply(&mut record);
            record.writer.clone_from(&writer);
            let over = self.since(began) >= self.policy.write_budget;
            match self.write(&now.stored.key, &record, None, now.stored.precondition()).await {
                Ok(Written::Done(_)) => return Ok(true),
                Ok(Written::Lost(Some(changed))) if changed.record.writer == writer => return Ok(true),
                Ok(Written::Lost(Some(changed)))
                    if !over && (is_ours(&claimed.stored, &changed) || !self.policy.failures_yield) =>
                {
                    now = Seen { stored: changed, at };
                }
                Ok(Written::Lost(_)) => return Ok(false),
                Err(error) if over => return Err(error),
                Err(_) => self.ports.wait(BETWEEN_WRITES).await,
            }
        }
    }

    /// Ends a grant whose refresh token may be spent.
    pub(super) async fn give_up(&self, tenant: &str, seen: &Seen) -> Result<RenewalOutcome> {
        let mut record = seen.stored.counted_down(self.since(seen.at));
        record.end(Ended::OutcomeUnknown);
        record.writer = self.random_name();
        let written = self.write(&seen.stored.key, &record, None, seen.stored.precondition()).await?;
        if !matches!(written, Written::Done(_)) {
            return Ok(RenewalOutcome::ClaimedElsewhere);
        }
        let result = Ok(RenewalOutcome::Ended);
        self.journal_renewal(tenant, &record, &result).await;
        result
    }
}

/// Whether new tokens may be stored over a record that has changed since the claim: only over the same lineage, still
/// at the generation before, and not over a sign-out.
fn may_follow(next: &GrantRecord, now: &GrantRecord, policy: &Policy) -> bool {
    let same_place = now.lineage == next.lineage && now.generation.checked_add(1) == Some(next.generation);
    let in_time = policy.late_success_wins || now.ended.is_none();
    (same_place && now.ended != Some(Ended::SignedOut) && in_time) || !policy.late_success_yields_to_lineage
}

/// Whether a record still carries the claim that was made.
fn is_ours(claimed: &Stored<GrantRecord>, now: &Stored<GrantRecord>) -> bool {
    let id = |stored: &Stored<GrantRecord>| stored.record.claim.as_ref().map(|claim| claim.id.clone());
    id(claimed).is_some() && id(claimed) == id(now)
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::grant;
    use super::*;

    #[test]
    fn new_tokens_follow_only_their_own_lineage_and_generation_and_no_sign_out() {
        let before = grant(Duration::ZERO, None).record;
        let next = GrantRecord { generation: 2, ..before.clone() };
        let follows = |now: GrantRecord| may_follow(&next, &now, &Policy::SHIPPED);
        assert!(follows(before.clone()));
        assert!(follows(GrantRecord { ended: Some(Ended::OutcomeUnknown), ..before.clone() }));
        assert!(!follows(GrantRecord { ended: Some(Ended::SignedOut), ..before.clone() }));
        assert!(!follows(GrantRecord { lineage: "another".into(), ..before.clone() }));
        assert!(!follows(GrantRecord { generation: 2, ..before }));
    }

    #[test]
    fn a_refresh_token_that_is_dead_after_a_request_of_unknown_outcome_is_told_as_such() {
        let mut record = grant(Duration::ZERO, None).record;
        Settlement::Dead.apply(&mut record);
        assert_eq!(record.ended, Some(Ended::SessionEnded));
        record.unresolved = 1;
        Settlement::Dead.apply(&mut record);
        assert_eq!(record.ended, Some(Ended::OutcomeUnknown));
    }

    #[test]
    fn a_claim_taken_back_leaves_the_grant_as_it_was() {
        let before = grant(Duration::ZERO, Some(Duration::ZERO)).record;
        let mut record = before.clone();
        Settlement::Unsent.apply(&mut record);
        assert!(record.claim.is_none());
        assert_eq!((record.unresolved, record.refresh_token), (before.unresolved, before.refresh_token));
    }
}
