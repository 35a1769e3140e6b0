//! Looking for a token that may be served, and waiting for one that is being renewed.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};

use super::{Holder, missing_scopes, sign_in_reason};
use crate::contract::{Error, IdentityKind, SignInReason};
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::ports::Ports;
use crate::record::{GrantRecord, Stored};

/// A caller whose token has expired waits this long for a renewal. Longer than the time after which a claim of a
/// crashed host is taken over and renewed, so that such a caller is served in the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

/// Between two looks at the store while another host renews: first short, since that mostly takes a fraction of a
/// second, then longer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl<P: Ports> Core<P> {
    /// A grant with a token that may be served, renewed first where it has expired.
    pub(crate) async fn usable_grant(&self, holder: &Holder) -> Result<Stored<GrantRecord>, Failure> {
        match self.look(holder).await? {
            Some(grant) => Ok(grant),
            None => self.renewed_grant(holder).await,
        }
    }

    /// The grant, if its token may be served; nothing if it must be renewed first.
    ///
    /// # Errors
    /// `sign-in-required` when no renewal will help.
    pub(super) async fn look(&self, holder: &Holder) -> Result<Option<Stored<GrantRecord>>, Failure> {
        let stored: Option<Stored<GrantRecord>> = self.read(&holder.grant).await?;
        let fabric = &holder.fabric.record;
        let Some(grant) = stored else {
            return match holder.identity {
                IdentityKind::Person => Err(Error::sign_in(SignInReason::NeverSignedIn).into()),
                IdentityKind::ServicePrincipal => Ok(None),
            };
        };
        let usable = !grant.usable_for().is_zero();
        match holder.identity {
            IdentityKind::ServicePrincipal => Ok(Some(grant).filter(|grant| {
                usable && grant.record.lineage == fabric.lineage && grant.record.workspace == fabric.workspace
            })),
            IdentityKind::Person => {
                if let Some(reason) = sign_in_reason(&grant) {
                    return Err(Error::sign_in(reason).into());
                }
                let missing = missing_scopes(&grant.record, fabric);
                if missing.is_empty() {
                    Ok(Some(grant).filter(|_| usable))
                } else {
                    Err(Error::scope_not_covered(missing).into())
                }
            }
        }
    }

    /// Has a grant renewed, here or by whoever is renewing it already, and waits until its token may be served.
    ///
    /// # Errors
    /// What the store says after the renewal; where it says nothing, what the renewal failed with. `unavailable` when it
    /// all takes too long.
    pub(super) async fn renewed_grant(&self, holder: &Holder) -> Result<Stored<GrantRecord>, Failure> {
        let began = self.ports.monotonic();
        let left = || PATIENCE.saturating_sub(self.ports.monotonic().saturating_sub(began));
        let mut pause = FIRST_PAUSE;
        loop {
            let renewal = self.renewal_within(&holder.grant, left()).await.ok_or_else(too_long)?;
            // Whatever became of it, another host may have succeeded, and the person may have signed in anew.
            if let Some(grant) = self.look(holder).await? {
                return Ok(grant);
            }
            match renewal {
                // Asked for by the renewal of a sign-in that has been replaced: the present one can still be renewed.
                Ok(()) | Err(Error::SignInRequired(_)) => {}
                Err(error) => return Err(error.into()),
            }
            self.ports.wait(pause.min(left())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if let Some(grant) = self.look(holder).await? {
                return Ok(grant);
            }
        }
    }

    /// Runs or joins a renewal and tells how it ended; nothing when it has not ended within `patience`. It then goes on:
    /// it belongs to no caller (`wit/renewals.wit`).
    async fn renewal_within(&self, grant: &str, patience: Duration) -> Option<Result<()>> {
        if patience.is_zero() {
            return None;
        }
        let renewal = pin!(self.ports.run(grant));
        let late = pin!(self.ports.wait(patience));
        match select(renewal, late).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(((), _)) => None,
        }
    }
}

fn too_long() -> Error {
    let message = "Renewing this token takes too long. The renewal goes on without you; try again.";
    Error::unavailable(message, Some(LONGEST_PAUSE))
}
