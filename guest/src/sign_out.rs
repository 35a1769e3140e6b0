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
use crate::token_request::{self, Client};

impl<P: Ports> Core<P> {
    /// `databricks-oauth.sign-out`.
    pub async fn sign_out(&self, caller: &Caller, fabric: &str) -> Result<CompletedSignOut> {
        let fabric = self.fabric(caller, fabric).await?;
        permissions::identity_for(caller, &fabric.record, Activity::PipelineDevelopment)?;
        let key = self.person_grant_key(caller, &fabric.record).await?;
        let result = self.end_grant(&caller.tenant, &key).await;
        let mut entry = event(caller, Action::SignOut);
        entry.fabric = Some(fabric.record.name.clone());
        entry.workspace = Some(fabric.record.workspace.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        let Some((grant, refresh_token)) = result? else {
            return Ok(CompletedSignOut { grant_ended: false, revoked: false });
        };
        self.tokens.borrow_mut().invalidate(&[key]);
        let revoked = self.revoke(&caller.tenant, &fabric.record, &grant, refresh_token).await;
        Ok(CompletedSignOut { grant_ended: true, revoked })
    }

    /// Puts a tombstone in a grant's place. Gives the grant as it was and its refresh token, if it was alive.
    async fn end_grant(&self, tenant: &str, key: &str) -> Result<Option<(Stored<GrantRecord>, Option<RefreshToken>)>> {
        let mut before: Option<Stored<GrantRecord>> = self.read(key).await?;
        for _ in 0..WRITE_ATTEMPTS {
            let Some(grant) = before.filter(|grant| grant.record.ended != Some(Ended::SignedOut)) else {
                return Ok(None);
            };
            match self.write(key, &tombstone(&grant.record, self.random_name()), None, grant.precondition()).await? {
                Written::Done(_) => {
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
        token: Option<RefreshToken>,
    ) -> bool {
        let Some(token) = token else { return false };
        let Ok(server) = self.discover(&Workspace::from(fabric)).await else { return false };
        let Some(endpoint) = server.revocation_endpoint else { return false };
        let Ok(deployment) = self.deployment() else { return false };
        let Ok(app) = self.app_connection(&deployment, tenant, grant.record.app_connection.as_deref()).await else {
            return false;
        };
        let Ok(secret) = self.client_secret(tenant, &app).await else { return false };
        let client = Client { id: &grant.record.client_id, secret: secret.as_ref() };
        let request = token_request::revocation(&endpoint, &client, &token);
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
