//! What the host calls by itself: clearing out what nobody completed.

use std::time::Duration;

use crate::contract::Error;
use crate::contract::maintenance::{DuePage, ExpiredPage};
use crate::contract::storage::WriteOutcome;
use crate::core::Core;
use crate::error::Result;
use crate::ports::Ports;
use crate::sign_in::SIGN_IN_LIFE;
use crate::storage_key;

/// How many records one call looks at.
const PIECE: u32 = 100;

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
    pub fn renewals_due(&self, _horizon: u64, _after: Option<&str>) -> Result<DuePage> {
        Err(Error::Unsupported("Listing renewals ahead of time is not supported yet.".to_owned()))
    }

    /// `maintenance.invalidate`.
    pub fn invalidate(&self, keys: &[String]) {
        self.tokens.borrow_mut().invalidate(keys);
    }
}
