//! Handing out access tokens.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::contract::journal::Action;
use crate::contract::{Activity, Caller, Error, IdentityKind, SignInReason, TokenDescription};
use crate::core::{Core, event};
use crate::discovery::Workspace;
use crate::error::{Result, nanoseconds};
use crate::fabrics::service_principal_missing;
use crate::permissions;
use crate::ports::Ports;
use crate::record::{DiscoveryRecord, FabricRecord, GrantRecord, Stored};
use crate::storage_key;
use crate::token_cache::{CacheKey, CachedToken, Standing};

/// A caller whose token has expired waits this long for a renewal. Longer than the time after which a claim of a
/// crashed host is taken over and renewed, so that such a caller is served in the end.
const PATIENCE: Duration = Duration::from_secs(85);

/// Between two looks at the store while another host renews: first short, since that mostly takes a fraction of a
/// second, then longer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whose token an activity on a fabric calls for, and where it is kept.
pub(crate) struct Holder {
    /// Key of the grant.
    pub grant: String,
    /// Person or service principal.
    pub identity: IdentityKind,
    /// The fabric.
    pub fabric: Stored<FabricRecord>,
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
        match self.serve_from_store(caller, fabric, activity, &key).await {
            Err(error @ Error::Unavailable(_)) => self.serve_from_cache(&key, true).ok_or(error),
            result => result,
        }
    }

    /// Finds whose token an activity calls for, if the caller may ask for it.
    pub(crate) async fn holder(&self, caller: &Caller, fabric: &str, activity: Activity) -> Result<Holder> {
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
    ) -> Result<Holder> {
        let grant = match identity {
            IdentityKind::Person => self.person_grant_key(caller, &fabric.record).await?,
            IdentityKind::ServicePrincipal => {
                if fabric.record.service_principal_client_id.is_none() {
                    return Err(service_principal_missing(&fabric.record.name));
                }
                storage_key::service_principal_grant(&caller.tenant, &fabric.record.name)
            }
        };
        Ok(Holder { grant, identity, fabric })
    }

    /// Where a person's grant for a fabric's workspace is kept.
    pub(crate) async fn person_grant_key(&self, caller: &Caller, fabric: &FabricRecord) -> Result<String> {
        let server = self.last_seen_server(&Workspace::from(fabric)).await?;
        self.grant_key_at(caller, fabric, &server).await
    }

    /// Where a person's grant from this server is kept.
    pub(crate) async fn grant_key_at(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
        server: &DiscoveryRecord,
    ) -> Result<String> {
        let deployment = self.deployment()?;
        let app = self.app_connection(&deployment, &caller.tenant, fabric.app_connection.as_deref()).await?;
        Ok(storage_key::person_grant(&caller.tenant, &server.issuer, &app.client_id, &caller.user))
    }

    /// A grant with a token that may be served, renewed first where it has expired.
    pub(crate) async fn usable_grant(&self, holder: &Holder) -> Result<Stored<GrantRecord>> {
        let began = self.ports.monotonic();
        let mut pause = FIRST_PAUSE;
        let mut renewed = false;
        loop {
            if let Some(grant) = self.look(holder).await? {
                return Ok(grant);
            }
            if renewed {
                if self.ports.monotonic().saturating_sub(began) >= PATIENCE {
                    let message = "Another host has been renewing this token for too long. Try again.";
                    return Err(Error::unavailable(message, Some(LONGEST_PAUSE)));
                }
                self.ports.wait(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            if let Err(error) = self.ports.run(&holder.grant).await {
                // Another host may have succeeded where this one failed.
                return self.look(holder).await?.ok_or(error);
            }
            renewed = true;
        }
    }

    /// The grant, if its token may be served; nothing if it must be renewed first.
    ///
    /// # Errors
    /// `sign-in-required` when no renewal will help.
    async fn look(&self, holder: &Holder) -> Result<Option<Stored<GrantRecord>>> {
        let stored: Option<Stored<GrantRecord>> = self.read(&holder.grant).await?;
        let fabric = &holder.fabric.record;
        let Some(grant) = stored else {
            return match holder.identity {
                IdentityKind::Person => Err(Error::sign_in(SignInReason::NeverSignedIn)),
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
                    return Err(Error::sign_in(reason));
                }
                let missing = missing_scopes(&grant.record, fabric);
                if missing.is_empty() {
                    Ok(Some(grant).filter(|_| usable))
                } else {
                    Err(Error::scope_not_covered(missing))
                }
            }
        }
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
        if !serve {
            return None;
        }
        if now >= cached.window_at {
            self.ports.start(&cached.grant);
        }
        let mut description = cached.description.clone();
        description.expires_in = nanoseconds(cached.usable_until.saturating_sub(now));
        Some((Zeroizing::new(cached.token.expose().to_owned()), description))
    }

    async fn serve_from_store(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
        key: &CacheKey,
    ) -> Result<(Zeroizing<String>, TokenDescription)> {
        let asked_at = self.ports.monotonic();
        let holder = self.holder(caller, fabric, activity).await?;
        let grant = self.usable_grant(&holder).await?;
        if grant.until_window().is_zero() && grant.record.ended.is_none() {
            self.ports.start(&grant.key);
        }
        if let Some(served) = self.confirmed(key, &grant, asked_at) {
            return Ok(served);
        }
        let token = self.access_token_of(&caller.tenant, &grant).await?;
        let description = self.describe(caller, &holder, &grant).await?;
        if holder.identity == IdentityKind::ServicePrincipal {
            self.journal_use(caller, &holder, &grant).await;
        }
        let served = (Zeroizing::new(token.expose().to_owned()), description.clone());
        let now = self.ports.monotonic();
        let cached = CachedToken {
            token,
            description,
            usable_until: now.saturating_add(grant.usable_for()),
            window_at: now.saturating_add(grant.until_window()),
            // Counted from before the store was asked: what it said was true then.
            confirmed_at: asked_at,
            grant: holder.grant,
            fabric: holder.fabric.key,
        };
        self.tokens.borrow_mut().insert(key.clone(), cached);
        Ok(served)
    }

    /// Serves from memory what the store has just confirmed to be the token in force.
    fn confirmed(
        &self,
        key: &CacheKey,
        grant: &Stored<GrantRecord>,
        asked_at: Duration,
    ) -> Option<(Zeroizing<String>, TokenDescription)> {
        self.tokens.borrow_mut().confirm(key, &grant.record.reference(), asked_at);
        self.serve_from_cache(key, false)
    }

    async fn describe(
        &self,
        caller: &Caller,
        holder: &Holder,
        grant: &Stored<GrantRecord>,
    ) -> Result<TokenDescription> {
        let databricks_user = match holder.identity {
            IdentityKind::Person => self.identity(&caller.tenant, grant).await?.databricks_user,
            IdentityKind::ServicePrincipal => grant.record.client_id.clone(),
        };
        Ok(TokenDescription {
            reference: grant.record.reference(),
            identity: holder.identity,
            databricks_user,
            workspace_url: grant.record.workspace.clone(),
            scopes: grant.record.scopes.clone(),
            expires_in: nanoseconds(grant.usable_for()),
        })
    }

    async fn journal_use(&self, caller: &Caller, holder: &Holder, grant: &Stored<GrantRecord>) {
        let mut entry = event(caller, Action::ServicePrincipalUsed);
        entry.fabric = Some(holder.fabric.record.name.clone());
        entry.workspace = Some(holder.fabric.record.workspace.clone());
        entry.databricks_user = Some(grant.record.client_id.clone());
        entry.token = Some(grant.record.reference());
        self.journal(entry).await;
    }
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
