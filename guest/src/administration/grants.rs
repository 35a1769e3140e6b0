//! Listing grants.

use crate::access_token::sign_in_reason;
use crate::contract::administration::{GrantDescription, GrantPage};
use crate::contract::journal::Action;
use crate::contract::{Caller, Error};
use crate::core::Core;
use crate::error::{Result, nanoseconds};
use crate::permissions;
use crate::ports::Ports;
use crate::record::{Ended, GrantRecord, Listed, Stored, Unreadable};
use crate::storage_key;

/// How many grants one call looks at. Each is opened to tell whose it is.
const PIECE: u32 = 100;

impl<P: Ports> Core<P> {
    /// `administration.list-grants`.
    pub async fn list_grants(&self, caller: &Caller, after: Option<&str>) -> Result<GrantPage> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        let prefix = storage_key::person_grants(&caller.tenant);
        storage_key::check_cursor(&prefix, after)?;
        let page = self.ports.list(&prefix, after, PIECE).await?;
        let Listed { records, mut unreadable } = Listed::<GrantRecord>::parse(page.entries);
        let mut grants = Vec::new();
        for stored in records.into_iter().filter(|stored| stored.record.ended != Some(Ended::SignedOut)) {
            let key = stored.key.clone();
            match self.describe_grant(&caller.tenant, stored).await {
                Ok(grant) => grants.push(grant),
                // Whose it is does not open: this one is damaged, and the others are not.
                Err(error @ Error::Internal(_)) => unreadable.push(Unreadable { key, error }),
                Err(error) => return Err(error),
            }
        }
        for unreadable in &unreadable {
            self.journal_unreadable(&caller.tenant, Action::GrantUnreadable, unreadable).await;
        }
        Ok(GrantPage { grants, next: page.next })
    }

    async fn describe_grant(&self, tenant: &str, stored: Stored<GrantRecord>) -> Result<GrantDescription> {
        let identity = self.identity(tenant, &stored).await?;
        Ok(GrantDescription {
            user: identity.user,
            databricks_user: identity.databricks_user,
            required: sign_in_reason(&stored),
            session_expires_in: stored.session().map(nanoseconds),
            generation: stored.record.generation,
            age: nanoseconds(stored.age),
            workspace: stored.record.workspace,
            grant: stored.key,
        })
    }
}
