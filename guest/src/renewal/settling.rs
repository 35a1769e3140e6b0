//! Recording what came of a renewal.
//!
//! Between a reply with new tokens and their storage there is one put and nothing else. Late success beats a failure
//! recorded for the same lineage and generation, and nothing else does.

use std::time::Duration;

use crate::contract::Error;
use crate::contract::journal::Action;
use crate::contract::maintenance::RenewalOutcome;
use crate::core::{Core, event_of_host, outcome};
use crate::error::Result;
use crate::ports::Ports;
use crate::record::{CoolDown, Ended, GrantRecord, Stored, WRITE_ATTEMPTS, Written};
use crate::token_call::{EffectOnRefresh, TokenCallFailure};

/// New tokens are held and their put is tried again this long when the store fails just then.
pub(super) const WRITE_BUDGET: Duration = Duration::from_secs(10);

impl<P: Ports> Core<P> {
    /// Stores new tokens. Holds on to them for the write budget, whatever the store does meanwhile.
    pub(super) async fn store_success(
        &self,
        tenant: &str,
        claimed: &Stored<GrantRecord>,
        next: GrantRecord,
    ) -> Result<RenewalOutcome> {
        let began = self.ports.monotonic();
        let mut next = next;
        let mut precondition = claimed.precondition();
        loop {
            match self.write(&claimed.key, &next, None, precondition).await {
                Ok(Written::Done(_)) => return Ok(RenewalOutcome::Renewed),
                Ok(Written::Lost(Some(now))) if now.record.writer == next.writer => return Ok(RenewalOutcome::Renewed),
                Ok(Written::Lost(Some(now))) if may_follow(&next, &now.record) => {
                    // Resealed or found failed meanwhile. Late success beats a failure of its own generation.
                    next.identity.clone_from(&now.record.identity);
                    precondition = now.precondition();
                }
                Ok(Written::Lost(_)) => return Ok(self.drop_late_reply(tenant, &next).await),
                Err(error) if self.ports.monotonic().saturating_sub(began) >= WRITE_BUDGET => return Err(error),
                Err(_) => self.ports.wait(Duration::from_millis(100)).await,
            }
        }
    }

    /// Drops tokens of a lineage that is gone, and says so.
    async fn drop_late_reply(&self, tenant: &str, next: &GrantRecord) -> RenewalOutcome {
        self.journal(event_of_host(tenant, Action::LateReplyDropped, Some(next.reference()))).await;
        RenewalOutcome::Ended
    }

    /// Records a failure by what it says about the refresh token.
    pub(super) async fn store_failure(
        &self,
        claimed: &Stored<GrantRecord>,
        failure: TokenCallFailure,
        sent_at: Duration,
    ) -> Result<RenewalOutcome> {
        let effect = failure.effect_on_refresh();
        let error = failure.of_person();
        let pause = match effect {
            // The claim stays, so that the next attempt waits until it may be taken over.
            EffectOnRefresh::Unknown => return Err(error),
            EffectOnRefresh::Dead => None,
            EffectOnRefresh::Untouched { retry_after } => {
                Some(self.pause(claimed.record.cool_down.as_ref(), retry_after, &error))
            }
        };
        let since_claim = self.ports.monotonic().saturating_sub(sent_at);
        let ended = pause.is_none();
        // If this cannot be written, the claim stands until it may be taken over. Nothing is spent either way.
        let _ = self.settle(claimed, since_claim, pause).await;
        if ended { Ok(RenewalOutcome::Ended) } else { Err(error) }
    }

    /// Takes the claim back: with a pause, or as ended where there is none. Only while the claim is ours; a reseal in
    /// between does not matter.
    async fn settle(
        &self,
        claimed: &Stored<GrantRecord>,
        since_claim: Duration,
        pause: Option<CoolDown>,
    ) -> Result<()> {
        let mut now = claimed.clone();
        let mut passed = since_claim;
        for _ in 0..WRITE_ATTEMPTS {
            let mut record = now.counted_down(passed);
            record.claim = None;
            record.cool_down.clone_from(&pause);
            record.writer = self.random_name();
            if pause.is_none() {
                record.ended = Some(Ended::SessionEnded);
                record.refresh_token = None;
            }
            match self.write(&now.key, &record, None, now.precondition()).await? {
                Written::Lost(Some(changed)) if is_ours(claimed, &changed) => now = changed,
                _ => return Ok(()),
            }
            passed = Duration::ZERO;
        }
        Ok(())
    }

    /// Ends a grant whose renewal was interrupted too often.
    pub(super) async fn give_up(
        &self,
        tenant: &str,
        stored: &Stored<GrantRecord>,
        read_at: Duration,
    ) -> Result<RenewalOutcome> {
        let mut record = stored.counted_down(self.ports.monotonic().saturating_sub(read_at));
        record.claim = None;
        record.ended = Some(Ended::OutcomeUnknown);
        record.refresh_token = None;
        record.writer = self.random_name();
        if let Written::Done(_) = self.write(&stored.key, &record, None, stored.precondition()).await? {
            let error: Result<()> = Err(Error::sign_in(Ended::OutcomeUnknown.into()));
            let mut entry = event_of_host(tenant, Action::Renewal, Some(record.reference()));
            entry.outcome = outcome(&error);
            self.journal(entry).await;
        }
        Ok(RenewalOutcome::Ended)
    }
}

/// Whether new tokens may be stored over a record that has changed since the claim: only over the same lineage, still
/// at the generation before, and not over a sign-out.
fn may_follow(next: &GrantRecord, now: &GrantRecord) -> bool {
    now.lineage == next.lineage
        && now.generation.checked_add(1) == Some(next.generation)
        && now.ended != Some(Ended::SignedOut)
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
        assert!(may_follow(&next, &before));
        assert!(may_follow(&next, &GrantRecord { ended: Some(Ended::OutcomeUnknown), ..before.clone() }));
        assert!(!may_follow(&next, &GrantRecord { ended: Some(Ended::SignedOut), ..before.clone() }));
        assert!(!may_follow(&next, &GrantRecord { lineage: "another".into(), ..before.clone() }));
        assert!(!may_follow(&next, &GrantRecord { generation: 2, ..before }));
    }
}
