//! The check after a backup of the store was put back: which refresh tokens may have been spent since it was made.

use std::time::Duration;

use crate::contract::administration::RestoreProgress;
use crate::contract::journal::Action;
use crate::contract::{Caller, Error};
use crate::core::{Core, event};
use crate::error::Result;
use crate::permissions;
use crate::ports::Ports;
use crate::record::{Ended, GrantRecord, Listed, Stored, WRITE_ATTEMPTS, Written};
use crate::storage_key;

/// How many grants one call looks at.
const PIECE: u32 = 100;

impl<P: Ports> Core<P> {
    /// `administration.restore-check`.
    pub async fn restore_check(&self, caller: &Caller, after: Option<&str>) -> Result<RestoreProgress> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        let prefix = storage_key::person_grants(&caller.tenant);
        storage_key::check_cursor(&prefix, after)?;
        let listed_at = self.ports.monotonic();
        let page = self.ports.list(&prefix, after, PIECE).await?;
        let Listed { records, unreadable } = Listed::<GrantRecord>::parse(page.entries);
        let mut progress =
            RestoreProgress { looked_at: count(&records), marked: 0, unreadable: count(&unreadable), next: page.next };
        for unreadable in &unreadable {
            self.journal_unreadable(&caller.tenant, Action::GrantUnreadable, unreadable).await;
        }
        for grant in records {
            progress.marked += u32::from(self.mark_if_in_doubt(caller, grant, listed_at).await?);
        }
        Ok(progress)
    }

    /// Ends a grant whose refresh token may have been spent. Gives whether it did. `seen_at` is when the store was asked.
    async fn mark_if_in_doubt(
        &self,
        caller: &Caller,
        mut grant: Stored<GrantRecord>,
        mut seen_at: Duration,
    ) -> Result<bool> {
        for _ in 0..WRITE_ATTEMPTS {
            if !is_in_doubt(&grant) {
                return Ok(false);
            }
            let mut record = grant.counted_down(self.ports.monotonic().saturating_sub(seen_at));
            record.end(Ended::OutcomeUnknown);
            record.writer = self.random_name();
            seen_at = self.ports.monotonic();
            match self.write(&grant.key, &record, None, grant.precondition()).await? {
                Written::Done(_) => {
                    let mut entry = event(caller, Action::RestoredGrantMarked);
                    entry.workspace = Some(record.workspace.clone());
                    entry.token = Some(record.reference());
                    self.journal(entry).await;
                    return Ok(true);
                }
                // Renewed, signed in anew or resealed meanwhile: it is judged as it is now.
                Written::Lost(Some(now)) => grant = now,
                Written::Lost(None) => return Ok(false),
            }
        }
        Err(Error::unavailable("A grant keeps being changed from elsewhere. Try again.", None))
    }
}

/// Whether a refresh token that was put back may have been spent after the backup. A renewal begins only in the window,
/// so that one that has not opened yet proves that there was none.
fn is_in_doubt(grant: &Stored<GrantRecord>) -> bool {
    grant.record.ended.is_none()
        && grant.record.refresh_token.is_some()
        && grant.until_window().is_zero()
        && !grant.is_reusable()
}

fn count<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).unwrap_or(u32::MAX)
}
