//! Signing out, and whether somebody is signed in.

use std::time::Duration;

use crate::access_token::{missing_scopes, sign_in_reason};
use crate::contract::databricks_oauth::{CompletedSignOut, SignInState};
use crate::contract::journal::Action;
use crate::contract::{Activity, Caller, Error, SignInReason};
use crate::core::{Core, event, outcome};
use crate::discovery::Workspace;
use crate::error::{Result, nanoseconds};
use crate::exchange::CALL_DEADLINE;
use crate::permissions;
use crate::ports::Ports;
use crate::record::{Ended, FabricRecord, GrantRecord, Stored, WRITE_ATTEMPTS, Written};
use crate::secret::RefreshToken;
use crate::storage_key;
use crate::token_request::{self, Client};

/// How many grants are listed at a time. A person has one for each client id at an issuer.
const PIECE: u32 = 100;

/// A grant as it was before it was ended, and its refresh token, where there was one that opened.
type EndedGrant = (Stored<GrantRecord>, Option<RefreshToken>);

impl<P: Ports> Core<P> {
    /// `databricks-oauth.sign-out`.
    pub async fn sign_out(&self, caller: &Caller, fabric: &str) -> Result<CompletedSignOut> {
        let fabric = self.fabric(caller, fabric).await?;
        permissions::identity_for(caller, &fabric.record, Activity::PipelineDevelopment)?;
        self.deployment()?;
        let server = self.last_seen_server(&Workspace::from(&fabric.record)).await?;
        let result = self.end_grants_at(caller, &server.issuer).await;
        let mut entry = event(caller, Action::SignOut);
        entry.fabric = Some(fabric.record.name.clone());
        entry.workspace = Some(fabric.record.workspace.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        let ended = result?;
        let mut tokens = 0;
        let mut revoked = 0;
        for (grant, refresh_token) in &ended {
            let Some(token) = refresh_token else { continue };
            tokens += 1;
            revoked += u32::from(self.revoke(&caller.tenant, &fabric.record, grant, token).await);
        }
        Ok(CompletedSignOut { grant_ended: !ended.is_empty(), revoked: tokens > 0 && revoked == tokens })
    }

    /// Ends every grant that a person has from an issuer. There is one for each client id that they have signed in
    /// through, and the app connection may have been given another one, or be gone.
    async fn end_grants_at(&self, caller: &Caller, issuer: &str) -> Result<Vec<EndedGrant>> {
        let prefix = storage_key::person_grants_at(&caller.tenant, issuer, &caller.user);
        let mut ended = Vec::new();
        let mut obstacle = None;
        let mut after = None;
        loop {
            let page = self.ports.list(&prefix, after.as_deref(), PIECE).await?;
            for (key, _) in page.entries {
                match self.end_grant(&caller.tenant, &key).await {
                    Ok(grant) => ended.extend(grant),
                    // One that cannot be ended keeps none of the others.
                    Err(error) => obstacle = Some(error),
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return obstacle.map_or(Ok(ended), Err),
            }
        }
    }

    /// Puts a tombstone in a grant's place. Gives the grant as it was and its refresh token, if it was alive.
    async fn end_grant(&self, tenant: &str, key: &str) -> Result<Option<EndedGrant>> {
        let mut before: Option<Stored<GrantRecord>> = self.read(key).await?;
        for _ in 0..WRITE_ATTEMPTS {
            let Some(grant) = before.filter(|grant| grant.record.ended != Some(Ended::SignedOut)) else {
                return Ok(None);
            };
            match self.write(key, &tombstone(&grant.record, self.random_name()), None, grant.precondition()).await? {
                Written::Done(_) => {
                    self.tokens.borrow_mut().invalidate(std::slice::from_ref(&grant.key));
                    // Forgetting comes first and has happened; whether the token can still be opened decides only
                    // whether it can be revoked.
                    let refresh_token = self.refresh_token_of(tenant, &grant).await.unwrap_or_default();
                    return Ok(Some((grant, refresh_token)));
                }
                Written::Lost(now) => before = now,
            }
        }
        Err(Error::unavailable("Your sign-in keeps being changed from elsewhere. Try again.", None))
    }

    /// Revokes a refresh token where the server advertises how (RFC 7009). Best effort: it is forgotten here already.
    async fn revoke(
        &self,
        tenant: &str,
        fabric: &FabricRecord,
        grant: &Stored<GrantRecord>,
        token: &RefreshToken,
    ) -> bool {
        let Ok(server) = self.discover(&Workspace::from(fabric)).await else { return false };
        let Some(endpoint) = server.revocation_endpoint else { return false };
        let Ok(deployment) = self.deployment() else { return false };
        let Ok(app) = self.app_connection(&deployment, tenant, grant.record.app_connection.as_deref()).await else {
            return false;
        };
        // The secret of another client is no business of this token's.
        if app.client_id != grant.record.client_id {
            return false;
        }
        let Ok(secret) = self.client_secret(tenant, &app).await else { return false };
        let client = Client { id: &grant.record.client_id, secret: secret.as_ref() };
        let request = token_request::revocation(&endpoint, &client, token);
        self.send(request, CALL_DEADLINE).await.is_ok_and(|reply| reply.status == 200)
    }

    /// `databricks-oauth.sign-in-status`.
    pub async fn sign_in_status(&self, caller: &Caller, fabric: &str) -> Result<SignInState> {
        let fabric = self.fabric(caller, fabric).await?;
        permissions::identity_for(caller, &fabric.record, Activity::PipelineDevelopment)?;
        let Some(server) = self.known_server(&Workspace::from(&fabric.record)).await? else {
            // A sign-in begins with discovery, so nobody has signed in to this workspace yet.
            return Ok(signed_out(SignInReason::NeverSignedIn));
        };
        let key = self.grant_key_at(caller, &fabric.record, &server).await?;
        let Some(grant): Option<Stored<GrantRecord>> = self.read(&key).await? else {
            return Ok(signed_out(SignInReason::NeverSignedIn));
        };
        if grant.record.ended == Some(Ended::SignedOut) {
            return Ok(signed_out(SignInReason::SignedOut));
        }
        let not_covered = !missing_scopes(&grant.record, &fabric.record).is_empty();
        let renewable = grant.record.ended.is_none() && grant.record.refresh_token.is_some();
        Ok(SignInState {
            required: sign_in_reason(&grant).or(not_covered.then_some(SignInReason::ScopeNotCovered)),
            databricks_user: Some(self.identity(&caller.tenant, &grant).await?.databricks_user),
            scopes: grant.record.scopes.clone(),
            access_token_expires_in: Some(grant.usable_for()).filter(|left| !left.is_zero()).map(nanoseconds),
            renewable,
            session_expires_in: renewable.then(|| nanoseconds(grant.session_remaining())),
        })
    }
}

/// What is left of a grant that was ended: enough for a late reply to see that its lineage is gone, and no more.
fn tombstone(grant: &GrantRecord, writer: String) -> GrantRecord {
    GrantRecord {
        ended: Some(Ended::SignedOut),
        scopes: Vec::new(),
        subject: None,
        identity: None,
        access_token: None,
        refresh_token: None,
        remaining: Duration::ZERO,
        session_remaining: Duration::ZERO,
        reusable_for: Duration::ZERO,
        unresolved: 0,
        claim: None,
        cool_down: None,
        writer,
        ..grant.clone()
    }
}

fn signed_out(reason: SignInReason) -> SignInState {
    SignInState {
        required: Some(reason),
        databricks_user: None,
        scopes: Vec::new(),
        access_token_expires_in: None,
        renewable: false,
        session_expires_in: None,
    }
}
