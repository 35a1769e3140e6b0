//! Ending grants, so that nothing that is under way brings them back.
//!
//! A grant that ends leaves a tombstone in its place: a renewal that comes back later finds that its lineage is gone. One
//! that cannot be read is taken away; nothing is written over a record that is not there any more. A sign-in that is
//! pending is forgotten, and one that is just being completed is barred by a tombstone where its grant will be.

use std::time::Duration;

use crate::contract::Error;
use crate::contract::storage::{Entry, Precondition, WriteOutcome};
use crate::core::Core;
use crate::discovery::Workspace;
use crate::error::Result;
use crate::exchange::CALL_DEADLINE;
use crate::ports::Ports;
use crate::record::{Ended, GrantRecord, SignInRecord, Stored, WRITE_ATTEMPTS, encode};
use crate::secret::RefreshToken;
use crate::storage_key;
use crate::token_request::{self, Client};

/// A grant that was ended.
pub(crate) struct EndedGrant {
    /// What it was. None where it could not be read.
    pub former: Option<Stored<GrantRecord>>,
    /// Its refresh token, where there was one that opened.
    pub refresh_token: Option<RefreshToken>,
}

impl<P: Ports> Core<P> {
    /// Ends a grant. Gives what it was; none when it had ended already or was never there.
    pub(crate) async fn end_grant(&self, tenant: &str, key: &str) -> Result<Option<EndedGrant>> {
        let mut standing = self.ports.get(key).await?;
        for _ in 0..WRITE_ATTEMPTS {
            let Some(entry) = standing else { return Ok(None) };
            let revision = entry.revision;
            let former = Stored::<GrantRecord>::parse(key, entry).ok();
            let outcome = match &former {
                Some(grant) if grant.record.ended == Some(Ended::SignedOut) => return Ok(None),
                Some(grant) => {
                    let tombstone = encode(&tombstone(&grant.record, self.random_name()))?;
                    self.ports.put(key, tombstone, None, grant.precondition()).await?
                }
                None => self.ports.delete(key, revision).await?,
            };
            match outcome {
                WriteOutcome::Written(_) => {
                    self.tokens.borrow_mut().invalidate(&[key.to_owned()]);
                    return Ok(Some(self.ended(tenant, former).await));
                }
                WriteOutcome::Lost(now) => standing = now,
            }
        }
        Err(keeps_changing())
    }

    /// Forgetting comes first and has happened; whether the refresh token can still be opened decides only whether it can
    /// be revoked.
    async fn ended(&self, tenant: &str, former: Option<Stored<GrantRecord>>) -> EndedGrant {
        let refresh_token = match &former {
            Some(grant) => self.refresh_token_of(tenant, grant).await.unwrap_or_default(),
            None => None,
        };
        EndedGrant { former, refresh_token }
    }

    /// Ends a sign-in that has begun: one that is pending is gone, and one that is just being completed will not be
    /// stored. Gives the grant that was ended with it, which the person had before.
    pub(crate) async fn end_sign_in(&self, tenant: &str, key: &str, entry: Entry) -> Result<Option<EndedGrant>> {
        let mut standing = Some(entry);
        for _ in 0..WRITE_ATTEMPTS {
            let Some(entry) = standing else { return Ok(None) };
            let revision = entry.revision;
            let sign_in = Stored::<SignInRecord>::parse(key, entry).ok();
            if let Some(taken) = sign_in.filter(|sign_in| sign_in.record.used_up) {
                let ended = self.bar(tenant, &taken).await?;
                // It is barred; if it cannot be removed now it is cleared out with those that nobody completed.
                let _ = self.ports.delete(key, revision).await;
                return Ok(ended);
            }
            match self.ports.delete(key, revision).await? {
                WriteOutcome::Written(_) => return Ok(None),
                WriteOutcome::Lost(now) => standing = now,
            }
        }
        Err(keeps_changing())
    }

    /// Leaves a tombstone where a sign-in that is being completed will store its grant, one that is newer than what it has
    /// seen there. Gives the grant that stood there.
    async fn bar(&self, tenant: &str, taken: &Stored<SignInRecord>) -> Result<Option<EndedGrant>> {
        let SignInRecord { issuer, client_id, .. } = &taken.record;
        let Some(key) = storage_key::grant_of_sign_in(tenant, &taken.key, issuer, client_id) else { return Ok(None) };
        let mut ended = None;
        for _ in 0..WRITE_ATTEMPTS {
            let (mark, precondition) = match self.ports.get(&key).await? {
                None => (mark(&taken.record, self.random_name(), self.random_name()), Precondition::Absent),
                Some(entry) => match Stored::<GrantRecord>::parse(&key, entry) {
                    Ok(grant) if grant.record.ended == Some(Ended::SignedOut) => {
                        (tombstone(&grant.record, self.random_name()), grant.precondition())
                    }
                    _ => {
                        ended = self.end_grant(tenant, &key).await?.or(ended);
                        if ended.as_ref().is_some_and(|ended| ended.former.is_some()) {
                            return Ok(ended);
                        }
                        continue;
                    }
                },
            };
            if let WriteOutcome::Written(_) = self.ports.put(&key, encode(&mark)?, None, precondition).await? {
                return Ok(ended);
            }
        }
        Err(keeps_changing())
    }

    /// Revokes a refresh token where the server advertises how (RFC 7009). Best effort: it is forgotten here already.
    pub(crate) async fn revoke(
        &self,
        tenant: &str,
        workspace: &Workspace<'_>,
        grant: &GrantRecord,
        token: &RefreshToken,
    ) -> Revocation {
        let Ok(server) = self.discover(workspace).await else { return Revocation::Failed };
        // Another server has no business with this token.
        if server.issuer != grant.issuer {
            return Revocation::Failed;
        }
        let Some(endpoint) = server.revocation_endpoint else { return Revocation::NotOffered };
        let Ok(deployment) = self.deployment() else { return Revocation::Failed };
        let Ok(app) = self.app_connection(&deployment, tenant, grant.app_connection.as_deref()).await else {
            return Revocation::Failed;
        };
        // The secret of another client is no business of this token's.
        if app.client_id != grant.client_id {
            return Revocation::Failed;
        }
        let Ok(secret) = self.client_secret(tenant, &app).await else { return Revocation::Failed };
        let client = Client { id: &grant.client_id, secret: secret.as_ref() };
        let request = token_request::revocation(&endpoint, &client, token);
        match self.send(request, CALL_DEADLINE).await {
            Ok(reply) if reply.status == 200 => Revocation::Done,
            _ => Revocation::Failed,
        }
    }
}

/// What became of revoking a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// The server has confirmed it.
    Done,
    /// The server advertises no way.
    NotOffered,
    /// It was not confirmed.
    Failed,
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

/// The tombstone of a grant that is not there yet.
fn mark(sign_in: &SignInRecord, lineage: String, writer: String) -> GrantRecord {
    GrantRecord {
        workspace: sign_in.workspace.clone(),
        workspace_id: sign_in.workspace_id.clone(),
        issuer: sign_in.issuer.clone(),
        client_id: sign_in.client_id.clone(),
        app_connection: Some(sign_in.app_connection.clone()),
        ended: Some(Ended::SignedOut),
        writer,
        ..GrantRecord::blank(lineage)
    }
}

fn keeps_changing() -> Error {
    Error::unavailable("A sign-in keeps being changed from elsewhere. Try again.", None)
}
