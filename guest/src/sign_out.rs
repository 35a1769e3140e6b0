//! Signing out, and whether somebody is signed in.

use crate::access_token::{missing_scopes, sign_in_reason};
use crate::contract::databricks_oauth::{CompletedSignOut, SignInState};
use crate::contract::journal::Action;
use crate::contract::{Activity, Caller, SignInReason};
use crate::core::{Core, event, outcome};
use crate::discovery::Workspace;
use crate::error::{Result, nanoseconds};
use crate::grant_ending::{EndedGrant, Revocation};
use crate::permissions;
use crate::ports::Ports;
use crate::record::{Ended, GrantRecord, Stored};
use crate::storage_key;

/// How many grants are listed at a time. A person has one for each client id at an issuer.
const PIECE: u32 = 100;

impl<P: Ports> Core<P> {
    /// `databricks-oauth.sign-out`.
    pub async fn sign_out(&self, caller: &Caller, fabric: &str) -> Result<CompletedSignOut> {
        let fabric = self.fabric(caller, fabric).await?;
        permissions::identity_for(caller, &fabric.record, Activity::PipelineDevelopment)?;
        self.deployment()?;
        if fabric.record.takes_personal_access_tokens() {
            let grant_ended = self.forget_personal_access_token(caller, &fabric.record).await?;
            return Ok(CompletedSignOut { grant_ended, revoked: false });
        }
        let workspace = Workspace::from(&fabric.record);
        let server = self.last_seen_server(&workspace).await?;
        let result = self.end_grants_at(caller, &server.issuer).await;
        let mut entry = event(caller, Action::SignOut);
        entry.fabric = Some(fabric.record.name.clone());
        entry.workspace = Some(fabric.record.workspace.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        let ended = result?;
        let mut tokens = 0;
        let mut revoked = 0;
        for grant in &ended {
            let (Some(former), Some(token)) = (&grant.former, &grant.refresh_token) else { continue };
            tokens += 1;
            let revocation = self.revoke(&caller.tenant, &workspace, &former.record, token).await;
            revoked += u32::from(revocation == Revocation::Done);
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

    /// `databricks-oauth.sign-in-status`.
    pub async fn sign_in_status(&self, caller: &Caller, fabric: &str) -> Result<SignInState> {
        let fabric = self.fabric(caller, fabric).await?;
        permissions::identity_for(caller, &fabric.record, Activity::PipelineDevelopment)?;
        if fabric.record.takes_personal_access_tokens() {
            return self.personal_access_token_status(caller, &fabric.record).await;
        }
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
        let session = grant.session();
        Ok(SignInState {
            required: sign_in_reason(&grant).or(not_covered.then_some(SignInReason::ScopeNotCovered)),
            databricks_user: Some(self.identity(&caller.tenant, &grant).await?.databricks_user),
            scopes: grant.record.scopes.clone(),
            access_token_expires_in: Some(grant.usable_for()).filter(|left| !left.is_zero()).map(nanoseconds),
            renewable: session.is_some(),
            session_expires_in: session.map(nanoseconds),
        })
    }
}

/// The state of somebody who has nothing here.
pub(crate) fn signed_out(reason: SignInReason) -> SignInState {
    SignInState {
        required: Some(reason),
        databricks_user: None,
        scopes: Vec::new(),
        access_token_expires_in: None,
        renewable: false,
        session_expires_in: None,
    }
}
