//! Claiming a grant: the right to send its refresh token, and to nobody else for a while.

use std::time::Duration;

use super::Seen;
use super::settling::Settlement;
use super::standing::requests_of_unknown_outcome;
use crate::contract::Error;
use crate::core::Core;
use crate::error::Result;
use crate::ports::Ports;
use crate::record::{Claim, CoolDown, GrantRecord, Written};

/// Between two tries of a write that the store did not confirm.
pub(super) const BETWEEN_WRITES: Duration = Duration::from_millis(100);

/// A claim that was made.
#[derive(Clone)]
pub(super) struct Claimed {
    /// The record that carries it.
    pub seen: Seen,
    /// When it was begun to be written: other hosts cannot have seen it earlier.
    pub began: Duration,
}

impl<P: Ports> Core<P> {
    /// Reads a grant, remembering when. The time that reading took is in its age already.
    pub(super) async fn look_at(&self, key: &str) -> Result<Option<Seen>> {
        let stored = self.read(key).await?;
        let at = self.ports.monotonic();
        Ok(stored.map(|stored| Seen { stored, at }))
    }

    /// Looks again at a claim whose owner cannot be at work any more. `None` when something has happened meanwhile.
    pub(super) async fn look_again(&self, before: &Seen) -> Result<Option<Seen>> {
        self.ports.wait(self.policy.second_look_after).await;
        let now = self.look_at(&before.stored.key).await?;
        Ok(now.filter(|now| now.stored.revision == before.stored.revision))
    }

    /// Writes the claim. `None` when somebody else was first.
    ///
    /// A write that the store did not confirm may yet happen, so it is repeated until its fate is certain: either
    /// way, the first one can then not happen later. The last try is one that was begun with no time left: a host may
    /// have stood still for all of it.
    pub(super) async fn claim(&self, seen: &Seen, writer: &str) -> Result<Option<Claimed>> {
        let id = self.random_name();
        let began = self.ports.monotonic();
        if !self.policy.claims {
            return Ok(Some(Claimed { seen: seen.clone(), began }));
        }
        loop {
            let at = self.ports.monotonic();
            let over = self.since(began) >= self.policy.write_budget;
            let record = claiming(seen, at, &id, writer);
            match self.write(&seen.stored.key, &record, Some(id.clone()), seen.stored.precondition()).await {
                Ok(Written::Done(revision)) => {
                    return Ok(Some(Claimed {
                        seen: Seen { stored: seen.stored.rewritten(record, revision), at },
                        began,
                    }));
                }
                Ok(Written::Lost(Some(now))) if has_claim(&now.record, &id) => {
                    return Ok(Some(Claimed { seen: Seen { stored: now, at }, began }));
                }
                Ok(Written::Lost(_)) => return Ok(None),
                Err(error) if over => return Err(error),
                Err(_) => self.ports.wait(BETWEEN_WRITES).await,
            }
        }
    }

    /// Reads the claim once more right before sending. `None` when it is not ours any more.
    ///
    /// # Errors
    /// `unavailable` when the store does not answer or the host was frozen; nothing was sent, and the claim is taken
    /// back.
    pub(super) async fn confirm(&self, claimed: Claimed) -> Result<Option<Claimed>> {
        let (claimed, error) = match self.still_ours(&claimed).await {
            Ok(None) => return Ok(None),
            Ok(Some(now)) if self.since(now.began) < self.policy.until_sent => return Ok(Some(now)),
            Ok(Some(now)) => (now, too_late()),
            Err(error) => (claimed, error),
        };
        if self.policy.takes_back_unsent_claims {
            // If this cannot be stored either, the claim counts as a request that may have been sent.
            let _ = self.settle(&claimed.seen, &Settlement::Unsent).await;
        }
        Err(error)
    }

    /// The claim as it stands now, if it is still ours. The record under it may have changed: it was resealed, or its
    /// access token was reported as rejected.
    async fn still_ours(&self, claimed: &Claimed) -> Result<Option<Claimed>> {
        let before = &claimed.seen.stored;
        let Some(claim) = before.record.claim.as_ref().filter(|_| self.policy.looks_before_sending) else {
            return Ok(Some(claimed.clone()));
        };
        let now = self.look_at(&before.key).await?;
        Ok(now
            .filter(|now| has_claim(&now.stored.record, &claim.id))
            .map(|seen| Claimed { seen, began: claimed.began }))
    }

    /// Time since a moment of this host's clock.
    pub(super) fn since(&self, moment: Duration) -> Duration {
        self.ports.monotonic().saturating_sub(moment)
    }
}

/// The record with a claim. One that is taken over counts as a request of unknown outcome.
fn claiming(seen: &Seen, at: Duration, id: &str, writer: &str) -> GrantRecord {
    let mut record = seen.stored.counted_down(at.saturating_sub(seen.at));
    record.unresolved = requests_of_unknown_outcome(&record);
    record.claim = Some(Claim { id: id.to_owned() });
    record.cool_down = record.cool_down.map(|pause| CoolDown { remaining: Duration::ZERO, ..pause });
    writer.clone_into(&mut record.writer);
    record
}

fn has_claim(record: &GrantRecord, id: &str) -> bool {
    record.claim.as_ref().is_some_and(|claim| claim.id == id)
}

fn too_late() -> Error {
    Error::unavailable("This host or its store was too slow to renew the token safely. Try again.", None)
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::grant;
    use super::*;

    #[test]
    fn a_claim_that_is_taken_over_counts_as_a_request_of_unknown_outcome() {
        let seen = Seen { stored: grant(Duration::ZERO, Some(Duration::from_secs(60))), at: Duration::ZERO };
        let record = claiming(&seen, Duration::ZERO, "new", "writer");
        assert_eq!(record.unresolved, 1);
        assert!(has_claim(&record, "new"));
    }

    #[test]
    fn a_first_claim_counts_as_none_and_ends_a_pause() {
        let seen = Seen { stored: grant(Duration::from_secs(9), None), at: Duration::from_secs(1) };
        let record = claiming(&seen, Duration::from_secs(3), "new", "writer");
        assert_eq!(record.unresolved, 0);
        assert_eq!(record.remaining, Duration::from_secs(7), "what was left is counted down to the claim");
    }
}
