//! Renewing a person's token.
//!
//! Databricks may give single-use refresh tokens, with no time of grace. A refresh token that is sent twice, or a new
//! one that is not stored, ends somebody's session. Hence the order here: everything that storing will need is
//! obtained first; then a claim is written into the grant by compare-and-swap; then one request is sent; then one put.
//! Whoever finds a claim of somebody else waits for its result, and takes over only when the claim has stood longer
//! than its owner can possibly still be at work, and nobody has a usable token to lose.

mod settling;
mod standing;

use std::time::Duration;

use crate::contract::journal::Action;
use crate::contract::maintenance::RenewalOutcome;
use crate::contract::{Error, TokenReference};
use crate::cool_down::still_failing;
use crate::core::{Core, event_of_host, outcome};
use crate::discovery::Workspace;
use crate::error::Result;
use crate::grants::{PreparedTokens, granted_scopes};
use crate::ports::Ports;
use crate::record::{Claim, CoolDown, GrantRecord, Stored, Written};
use crate::secret::{ClientSecret, RefreshToken};
use crate::storage_key::{self, GrantKey};
use crate::token_failure::GrantType;
use crate::token_reply::TokenReply;
use crate::token_request::{self, Client};
use standing::{Standing, standing};

/// From the claim's put to the request there are one read and no other wait. A host that took longer was frozen; it
/// must not send, since its claim may soon be taken over.
const UNTIL_SENT: Duration = Duration::from_secs(5);

/// What a renewal has in hand before it claims.
struct Prepared {
    token_endpoint: String,
    client_id: String,
    client_secret: Option<ClientSecret>,
    refresh_token: RefreshToken,
    tokens: PreparedTokens,
    /// What a new refresh token's life is assumed to be.
    session: Duration,
}

impl<P: Ports> Core<P> {
    /// `maintenance.renew`.
    pub async fn renew(&self, grant: &str) -> Result<RenewalOutcome> {
        match storage_key::parse_grant(grant) {
            Some(GrantKey::Person { tenant }) => self.renew_person(&tenant, grant).await,
            Some(GrantKey::ServicePrincipal { tenant, fabric }) => {
                self.renew_service_principal(&tenant, &fabric, grant).await
            }
            None => Err(Error::invalid("grant", "This is not the key of a grant.")),
        }
    }

    async fn renew_person(&self, tenant: &str, key: &str) -> Result<RenewalOutcome> {
        let read_at = self.ports.monotonic();
        let Some(stored) = self.read::<GrantRecord>(key).await? else { return Ok(RenewalOutcome::Ended) };
        let attempt = match standing(&stored) {
            Standing::Ended => return Ok(RenewalOutcome::Ended),
            Standing::Fresh => return Ok(RenewalOutcome::Fresh),
            Standing::Claimed => return Ok(RenewalOutcome::ClaimedElsewhere),
            Standing::CoolingDown(left, cause) => return Err(still_failing(left, &cause)),
            Standing::Exhausted => return self.give_up(tenant, &stored, read_at).await,
            Standing::Due(attempt) => attempt,
        };
        let Some(prepared) = self.prepare_renewal(tenant, &stored).await? else { return Ok(RenewalOutcome::Ended) };
        let claim_began = self.ports.monotonic();
        let Some(claimed) = self.claim(&stored, attempt, &prepared.tokens.writer, read_at).await? else {
            return Ok(RenewalOutcome::ClaimedElsewhere);
        };
        if !self.still_ours(&claimed, claim_began).await? {
            return Ok(RenewalOutcome::ClaimedElsewhere);
        }
        let result = self.refresh(tenant, &claimed, prepared).await;
        let mut entry = event_of_host(tenant, Action::Renewal, Some(next_reference(&claimed.record)));
        entry.workspace = Some(claimed.record.workspace.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }

    /// Obtains everything that can fail, while nothing is spent yet.
    async fn prepare_renewal(&self, tenant: &str, stored: &Stored<GrantRecord>) -> Result<Option<Prepared>> {
        let deployment = self.deployment()?;
        let Some(refresh_token) = self.refresh_token_of(tenant, stored).await? else { return Ok(None) };
        // Also shows that issuer and client id are those the grant was given by.
        self.identity(tenant, stored).await?;
        let app = self.app_connection(&deployment, tenant, stored.record.app_connection.as_deref()).await?;
        if app.client_id != stored.record.client_id {
            return Err(Error::AppConnectionMissing(format!(
                "The app connection `{}` now has another client id; people who signed in through the former one must sign in again.",
                app.name
            )));
        }
        let workspace = Workspace { root: &stored.record.workspace, account_id: account_of(&stored.record.issuer) };
        let server = self.discover(&workspace).await?;
        if server.issuer != stored.record.issuer {
            return Err(Error::WrongWorkspace(format!(
                "{} now names another issuer than the one that gave this grant. Nothing was sent there.",
                stored.record.workspace
            )));
        }
        Ok(Some(Prepared {
            token_endpoint: server.token_endpoint,
            client_id: app.client_id.clone(),
            client_secret: self.client_secret(tenant, &app).await?,
            refresh_token,
            tokens: self.prepare_tokens().await?,
            session: app.session(),
        }))
    }

    /// Writes the claim. `None` when somebody else was first.
    async fn claim(
        &self,
        stored: &Stored<GrantRecord>,
        attempt: u32,
        writer: &str,
        read_at: Duration,
    ) -> Result<Option<Stored<GrantRecord>>> {
        let id = self.random_name();
        let mut record = stored.counted_down(self.ports.monotonic().saturating_sub(read_at));
        record.claim = Some(Claim { id: id.clone(), attempt });
        record.cool_down = record.cool_down.map(|pause| CoolDown { remaining: Duration::ZERO, ..pause });
        record.writer = writer.to_owned();
        match self.write(&stored.key, &record, Some(id.clone()), stored.precondition()).await {
            Ok(Written::Done(revision)) => Ok(Some(stored.rewritten(record, revision))),
            Ok(Written::Lost(_)) => Ok(None),
            // The write may have happened all the same: the claim id tells.
            Err(error) => match self.read::<GrantRecord>(&stored.key).await? {
                Some(now) if now.record.claim.as_ref().is_some_and(|claim| claim.id == id) => Ok(Some(now)),
                _ => Err(error),
            },
        }
    }

    /// Reads the claim once more right before sending.
    async fn still_ours(&self, claimed: &Stored<GrantRecord>, claim_began: Duration) -> Result<bool> {
        let now: Option<Stored<GrantRecord>> = self.read(&claimed.key).await?;
        let ours = now.is_some_and(|now| now.revision == claimed.revision);
        Ok(ours && self.ports.monotonic().saturating_sub(claim_began) < UNTIL_SENT)
    }

    /// Sends the one request and stores what came of it.
    async fn refresh(&self, tenant: &str, claimed: &Stored<GrantRecord>, prepared: Prepared) -> Result<RenewalOutcome> {
        let client = Client { id: &prepared.client_id, secret: prepared.client_secret.as_ref() };
        let request = token_request::refresh_token(&prepared.token_endpoint, &client, &prepared.refresh_token);
        let sent_at = self.ports.monotonic();
        match self.request_token(GrantType::RefreshToken, request, &claimed.record.workspace).await {
            Ok(reply) => {
                let next = self.next_generation(tenant, claimed, prepared, &reply, sent_at)?;
                self.store_success(tenant, claimed, next).await
            }
            Err(failure) => self.store_failure(claimed, failure, sent_at).await,
        }
    }

    /// The record of generation n + 1. A reply without a refresh token keeps the old one (RFC 6749 section 6).
    fn next_generation(
        &self,
        tenant: &str,
        claimed: &Stored<GrantRecord>,
        prepared: Prepared,
        reply: &TokenReply,
        sent_at: Duration,
    ) -> Result<GrantRecord> {
        // Counted from before the request, since nobody knows when in between Databricks made the token.
        let elapsed = self.ports.monotonic().saturating_sub(sent_at);
        let NextLife { remaining, session_remaining } = NextLife::of(claimed, reply, prepared.session, elapsed);
        let reference = next_reference(&claimed.record);
        let writer = format!("{}.stored", prepared.tokens.writer);
        let refresh_token = reply.refresh_token.as_ref().unwrap_or(&prepared.refresh_token);
        let sealed = prepared.tokens.seal(
            tenant,
            &claimed.key,
            &reference.lineage,
            reference.generation,
            &reply.access_token,
            Some(refresh_token),
        )?;
        Ok(GrantRecord {
            generation: reference.generation,
            ended: None,
            scopes: granted_scopes(reply, &claimed.record.scopes),
            access_token: Some(sealed.access_token),
            refresh_token: sealed.refresh_token,
            life: reply.lifetime,
            remaining,
            session_remaining,
            claim: None,
            cool_down: None,
            writer,
            ..claimed.record.clone()
        })
    }
}

/// What remains of the two lives of a new generation.
struct NextLife {
    remaining: Duration,
    session_remaining: Duration,
}

impl NextLife {
    fn of(claimed: &Stored<GrantRecord>, reply: &TokenReply, session: Duration, elapsed: Duration) -> Self {
        let session = if reply.refresh_token.is_some() { session } else { claimed.session_remaining() };
        Self { remaining: reply.lifetime.saturating_sub(elapsed), session_remaining: session.saturating_sub(elapsed) }
    }
}

/// The token that a renewal is to bring.
fn next_reference(record: &GrantRecord) -> TokenReference {
    TokenReference { lineage: record.lineage.clone(), generation: record.generation.saturating_add(1) }
}

/// The account id in the issuer of a host that serves several accounts.
fn account_of(issuer: &str) -> Option<&str> {
    issuer.split_once("/oidc/accounts/").map(|(_, account)| account)
}
