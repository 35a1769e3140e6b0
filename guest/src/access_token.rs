//! Handing out access tokens.

mod personal;
#[cfg(test)]
pub(crate) mod tests;
mod waiting;

#[cfg(test)]
pub(crate) use waiting::PATIENCE;

use std::cell::Cell;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::contract::journal::Action;
use crate::contract::{Activity, Caller, Error, IdentityKind, SignInReason, TokenDescription, TokenReference};
use crate::core::{Core, event};
use crate::discovery::Workspace;
use crate::error::{Failure, Result};
use crate::fabrics::service_principal_missing;
use crate::permissions;
use crate::ports::Ports;
use crate::record::{DiscoveryRecord, FabricRecord, GrantRecord, Stored};
use crate::storage_key;
use crate::token_cache::{Asking, CacheKey, CachedToken, Standing};

/// So often a token is looked up anew that ended before it could be handed out.
const ROUNDS: u32 = 4;

/// By the next round such a token has ended for good, and is renewed.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(50);

/// Whose token an activity on a fabric calls for, and where it is kept.
pub(crate) struct Holder {
    /// Key of the grant, or of the personal access token.
    pub grant: String,
    /// Person or service principal.
    pub identity: IdentityKind,
    /// The fabric.
    pub fabric: Stored<FabricRecord>,
}

impl Holder {
    /// Whether the token is a personal access token, and its record no grant.
    pub(crate) fn is_personal_access_token(&self) -> bool {
        self.identity == IdentityKind::Person && self.fabric.record.takes_personal_access_tokens()
    }
}

impl<P: Ports> Core<P> {
    /// `databricks-oauth.access-token`.
    pub async fn access_token(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
    ) -> Result<(Zeroizing<String>, TokenDescription)> {
        let key = CacheKey::new(caller, fabric, activity);
        if let Some(served) = self.serve_from_cache(&key, false) {
            return Ok(served);
        }
        for _ in 0..ROUNDS {
            match self.serve_from_store(caller, fabric, activity, &key).await {
                Ok(Some(served)) => return Ok(served),
                Ok(None) => self.ports.wait(BETWEEN_ROUNDS).await,
                Err(Failure::NoAnswer(error)) => return self.serve_from_cache(&key, true).ok_or(error),
                Err(Failure::Told(error)) => {
                    // The store has answered, and what it said does not confirm what is in memory.
                    self.tokens.borrow_mut().remove(&key);
                    return Err(error);
                }
            }
        }
        Err(too_slow())
    }

    /// Finds whose token an activity calls for, if the caller may ask for it.
    pub(crate) async fn holder(&self, caller: &Caller, fabric: &str, activity: Activity) -> Result<Holder, Failure> {
        let fabric = self.fabric(caller, fabric).await?;
        let identity = permissions::identity_for(caller, &fabric.record, activity)?;
        self.holder_of(caller, fabric, identity).await
    }

    /// Where the token of an identity on a fabric is kept.
    pub(crate) async fn holder_of(
        &self,
        caller: &Caller,
        fabric: Stored<FabricRecord>,
        identity: IdentityKind,
    ) -> Result<Holder, Failure> {
        let grant = match identity {
            IdentityKind::Person if fabric.record.takes_personal_access_tokens() => {
                self.deployment()?;
                storage_key::personal_access_token(&caller.tenant, &fabric.record.name, &caller.user)
            }
            IdentityKind::Person => self.person_grant_key(caller, &fabric.record).await?,
            IdentityKind::ServicePrincipal => {
                self.deployment()?;
                if fabric.record.service_principal_client_id.is_none() {
                    return Err(service_principal_missing(&fabric.record.name).into());
                }
                storage_key::service_principal_grant(&caller.tenant, &fabric.record.name)
            }
        };
        Ok(Holder { grant, identity, fabric })
    }

    /// Where a person's grant for a fabric's workspace is kept.
    pub(crate) async fn person_grant_key(&self, caller: &Caller, fabric: &FabricRecord) -> Result<String, Failure> {
        let server = self.last_seen_server(&Workspace::from(fabric)).await?;
        self.grant_key_at(caller, fabric, &server).await
    }

    /// Where a person's grant from this server is kept.
    pub(crate) async fn grant_key_at(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
        server: &DiscoveryRecord,
    ) -> Result<String, Failure> {
        let deployment = self.deployment()?;
        let app = self.app_connection(&deployment, &caller.tenant, fabric.app_connection.as_deref()).await?;
        Ok(storage_key::person_grant(&caller.tenant, &server.issuer, &app.client_id, &caller.user))
    }

    /// Serves from memory. `in_need`: also what was not confirmed lately, since the store does not answer.
    fn serve_from_cache(&self, key: &CacheKey, in_need: bool) -> Option<(Zeroizing<String>, TokenDescription)> {
        let now = self.ports.monotonic();
        let tokens = self.tokens.borrow();
        let cached = tokens.get(key)?;
        let serve = match cached.standing(now) {
            Standing::Confirmed => true,
            Standing::MayServeUnconfirmed => in_need,
            Standing::Over => false,
        };
        serve.then(|| cached.served(now)).flatten()
    }

    /// Serves what the store holds, renewed first where it must be. Nothing when the token ended before it could be
    /// handed out: a machine may stand still at any moment.
    async fn serve_from_store(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
        key: &CacheKey,
    ) -> Result<Option<(Zeroizing<String>, TokenDescription)>, Failure> {
        let mut asking = self.tokens.borrow().asking(self.ports.monotonic());
        let mut holder = self.holder(caller, fabric, activity).await?;
        if holder.is_personal_access_token() {
            return self.serve_personal_access_token(caller, holder, key, asking).await;
        }
        let grant = match self.look(&holder).await? {
            Some(grant) => grant,
            None => {
                // Rejected, replaced or expired: memory does not stand in for it, even if the store goes away now.
                self.tokens.borrow_mut().remove(key);
                self.renewed_grant(&holder).await?;
                // Meanwhile the fabric may have changed, and what this caller may do.
                asking = self.tokens.borrow().asking(self.ports.monotonic());
                holder = self.holder(caller, fabric, activity).await?;
                if holder.is_personal_access_token() {
                    return Ok(None);
                }
                // Gone again already: it ended, or what it depends on was changed just then.
                let Some(grant) = self.look(&holder).await? else { return Ok(None) };
                grant
            }
        };
        if grant.until_window().is_zero() && grant.record.ended.is_none() {
            self.ports.start(&grant.key);
        }
        if let Some(served) = self.confirmed(key, &grant.record.reference(), asking) {
            return Ok(Some(served));
        }
        let token = self.access_token_of(&caller.tenant, &grant).await?;
        let description = self.describe(caller, &holder, &grant).await?;
        if holder.identity == IdentityKind::ServicePrincipal {
            self.journal_use(caller, &holder, &grant).await;
        }
        let cached = CachedToken {
            token,
            description,
            // Counted from before the store was asked: what it said was true then.
            usable_until: asking.at.saturating_add(grant.usable_for()),
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

    /// Serves from memory what the store has just confirmed to be the token in force, however long that took it.
    fn confirmed(
        &self,
        key: &CacheKey,
        reference: &TokenReference,
        asking: Asking,
    ) -> Option<(Zeroizing<String>, TokenDescription)> {
        let confirmed = self.tokens.borrow_mut().confirm(key, reference, asking);
        confirmed.then(|| self.serve_from_cache(key, true)).flatten()
    }

    async fn describe(
        &self,
        caller: &Caller,
        holder: &Holder,
        grant: &Stored<GrantRecord>,
    ) -> Result<TokenDescription, Failure> {
        let databricks_user = match holder.identity {
            IdentityKind::Person => self.identity(&caller.tenant, grant).await?.databricks_user,
            IdentityKind::ServicePrincipal => grant.record.client_id.clone(),
        };
        Ok(TokenDescription {
            reference: grant.record.reference(),
            identity: holder.identity,
            databricks_user,
            workspace_url: grant.record.workspace.clone(),
            workspace_id: holder.fabric.record.workspace_id.clone(),
            scopes: grant.record.scopes.clone(),
            // Filled in when it is served.
            expires_in: 0,
        })
    }

    /// Tells the journal of a hand-out, once for each caller and token: hand-outs from memory stay free of writes.
    async fn journal_use(&self, caller: &Caller, holder: &Holder, grant: &Stored<GrantRecord>) {
        let mut entry = event(caller, Action::ServicePrincipalUsed);
        entry.fabric = Some(holder.fabric.record.name.clone());
        entry.workspace = Some(holder.fabric.record.workspace.clone());
        entry.databricks_user = Some(grant.record.client_id.clone());
        entry.token = Some(grant.record.reference());
        let is_first = self.hand_outs.borrow_mut().is_first(&entry);
        if is_first {
            self.journal(entry).await;
        }
    }
}

fn too_slow() -> Error {
    Error::unavailable(
        "The token ended before it could be handed out, or what it depends on keeps being changed. Try again.",
        None,
    )
}

/// Why a person must sign in, by their grant; none while there is a usable token or a way to renew it.
pub(crate) fn sign_in_reason(grant: &Stored<GrantRecord>) -> Option<SignInReason> {
    if !grant.usable_for().is_zero() {
        return None;
    }
    match grant.record.ended {
        Some(ended) => Some(ended.into()),
        None if grant.record.refresh_token.is_none() => Some(SignInReason::NoRefreshToken),
        None => None,
    }
}

/// Scopes that a fabric wants and a grant does not have.
pub(crate) fn missing_scopes(grant: &GrantRecord, fabric: &FabricRecord) -> Vec<String> {
    fabric.scopes.iter().filter(|scope| !grant.scopes.contains(scope)).cloned().collect()
}
