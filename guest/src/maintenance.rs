//! What the host calls by itself: clearing out what nobody completed, and what is to be renewed ahead of its end.

use std::ops::Bound;
use std::time::Duration;

use crate::contract::maintenance::{DuePage, DueRenewal, ExpiredPage};
use crate::contract::storage::WriteOutcome;
use crate::core::Core;
use crate::error::{Failure, Result, nanoseconds};
use crate::pending_sign_in::SIGN_IN_LIFE;
use crate::ports::Ports;
use crate::record::{GrantRecord, Stored};
use crate::storage_key::{self, GrantKey};

/// How many records one call looks at.
const PIECE: u32 = 100;

/// A grant is in use for this long after a token of it was handed out: about the life of one token.
const IN_USE_FOR: Duration = Duration::from_secs(3_600);

impl<P: Ports> Core<P> {
    /// `maintenance.expire`.
    pub async fn expire(&self, after: Option<&str>) -> Result<ExpiredPage> {
        storage_key::check_cursor(storage_key::SIGN_INS, after)?;
        let page = self.ports.list(storage_key::SIGN_INS, after, PIECE).await?;
        let mut removed = 0;
        for (key, entry) in page.entries {
            if Duration::from_nanos(entry.age) < SIGN_IN_LIFE {
                continue;
            }
            if let WriteOutcome::Written(_) = self.ports.delete(&key, entry.revision).await? {
                removed += 1;
            }
        }
        Ok(ExpiredPage { removed, next: page.next })
    }

    /// `maintenance.renewals-due`.
    pub async fn renewals_due(&self, horizon: Duration, after: Option<&str>) -> Result<DuePage> {
        storage_key::check_cursor(storage_key::GRANTS, after)?;
        let since = self.ports.monotonic().saturating_sub(IN_USE_FOR);
        let mut in_use = self.tokens.borrow_mut().grants_served_since(since);
        // A personal access token is no grant, and there is nothing to renew it with.
        in_use.retain(|key| key.starts_with(storage_key::GRANTS));
        let mut left = in_use.range::<str, _>((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        let (mut due, mut last) = (Vec::new(), None);
        for grant in left.by_ref().take(PIECE as usize) {
            last = Some(grant.clone());
            let due_in = self.until_renewal(grant).await?.filter(|due_in| *due_in <= horizon);
            due.extend(due_in.map(|due_in| DueRenewal { grant: grant.clone(), due_in: nanoseconds(due_in) }));
        }
        Ok(DuePage { due, next: left.next().and(last) })
    }

    /// How long until a grant may be renewed; none when it cannot be.
    async fn until_renewal(&self, grant: &str) -> Result<Option<Duration>> {
        match self.read(grant).await {
            Ok(stored) => Ok(stored.as_ref().and_then(until_renewal)),
            Err(Failure::NoAnswer(error)) => Err(error),
            // One that cannot be read keeps none of the others. Whoever asks for its token is told of it.
            Err(Failure::Told(_)) => Ok(None),
        }
    }

    /// `maintenance.invalidate`.
    pub fn invalidate(&self, keys: &[String]) {
        self.tokens.borrow_mut().invalidate(keys);
    }
}

fn until_renewal(grant: &Stored<GrantRecord>) -> Option<Duration> {
    let is_person = matches!(storage_key::parse_grant(&grant.key), Some(GrantKey::Person { .. }));
    if grant.record.ended.is_some() || (is_person && grant.record.refresh_token.is_none()) {
        return None;
    }
    let pause = grant.cool_down().map_or(Duration::ZERO, |(left, _)| left);
    Some(grant.until_window().max(pause))
}
