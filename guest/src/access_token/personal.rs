//! Handing out personal access tokens.

use std::cell::Cell;

use zeroize::Zeroizing;

use super::Holder;
use crate::contract::{Caller, TokenDescription};
use crate::core::Core;
use crate::error::Failure;
use crate::personal_access_token::HANDED_OUT_FOR;
use crate::ports::Ports;
use crate::token_cache::{Asking, CacheKey, CachedToken};

impl<P: Ports> Core<P> {
    /// Serves the caller's personal access token. Nothing when the machine stood still for longer than it is handed out.
    pub(super) async fn serve_personal_access_token(
        &self,
        caller: &Caller,
        holder: Holder,
        key: &CacheKey,
        asking: Asking,
    ) -> Result<Option<(Zeroizing<String>, TokenDescription)>, Failure> {
        let stored = self.usable_personal_access_token(caller, &holder.fabric.record).await?;
        if let Some(served) = self.confirmed(key, &stored.reference(), asking) {
            return Ok(Some(served));
        }
        let cached = CachedToken {
            token: self.open_personal_access_token(&caller.tenant, &stored).await?,
            description: TokenDescription {
                reference: stored.reference(),
                identity: holder.identity,
                databricks_user: self.owner(&caller.tenant, &stored).await?.databricks_user,
                workspace_url: stored.record.workspace.clone(),
                workspace_id: holder.fabric.record.workspace_id.clone(),
                // Databricks does not tell them.
                scopes: Vec::new(),
                // Filled in when it is served.
                expires_in: 0,
            },
            usable_until: asking.at.saturating_add(HANDED_OUT_FOR),
            confirmed_at: asking.at,
            served_at: Cell::new(asking.at),
            grant: holder.grant,
            fabric: holder.fabric.key,
        };
        let served = cached.served(self.ports.monotonic());
        if served.is_some() {
            self.tokens.borrow_mut().insert(key.clone(), cached, asking);
        }
        Ok(served)
    }
}
