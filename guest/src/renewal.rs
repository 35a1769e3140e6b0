//! Renewing a person's token.
//!
//! Databricks may give single-use refresh tokens, with no time of grace. A refresh token that is sent twice, or a new
//! one that is not stored, ends somebody's session. Hence the order here: everything that storing will need is
//! obtained first; then a claim is written into the grant by compare-and-swap; then one request is sent; then one put.
//! Whoever finds a claim of somebody else waits for its result, and takes over only when the claim has stood longer
//! than its owner can possibly still be at work, and nobody has a usable token to lose.

use std::time::Duration;

use crate::contract::journal::Action;
use crate::contract::maintenance::RenewalOutcome;
use crate::contract::{Error, TokenReference};
use crate::core::{Core, event_of_host, outcome};
use crate::discovery::Workspace;
use crate::error::Result;
use crate::exchange::TOKEN_DEADLINE;
use crate::grants::{PreparedTokens, granted_scopes};
use crate::ports::Ports;
use crate::record::{Claim, CoolDown, Ended, GrantRecord, Stored, WRITE_ATTEMPTS, Written};
use crate::secret::{ClientSecret, RefreshToken};
use crate::storage_key::{self, GrantKey};
use crate::token_call::{EffectOnRefresh, TokenCallFailure};
use crate::token_failure::GrantType;
use crate::token_reply::TokenReply;
use crate::token_request::{self, Client};

/// From the claim's put to the request there are one read and no other wait. A host that took longer was frozen; it
/// must not send, since its claim may soon be taken over.
const UNTIL_SENT: Duration = Duration::from_secs(5);

/// New tokens are held and their put is tried again this long when the store fails just then.
const WRITE_BUDGET: Duration = Duration::from_secs(10);

/// What clocks of one machine may be apart over such a time, and then some.
const SLACK: Duration = Duration::from_secs(5);

/// A claim that has stood this long belongs to nobody who is still at work.
const TAKEOVER: Duration =
    Duration::from_secs(UNTIL_SENT.as_secs() + TOKEN_DEADLINE.as_secs() + WRITE_BUDGET.as_secs() + SLACK.as_secs());

/// A renewal whose outcome is not known is tried once more, then the person is asked: the refresh token may be spent.
const MOST_ATTEMPTS: u32 = 2;

/// After a failure the pause doubles from a second up to this, as the official clients pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a grant's record calls for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing: there will be no more tokens.
    Ended,
    /// Nothing yet.
    Fresh,
    /// Waiting: a renewal is under way elsewhere.
    Claimed,
    /// Waiting: the last one failed.
    CoolingDown(Duration),
    /// A renewal; which attempt at this generation it is.
    Due(u32),
    /// Giving up: too many renewals were interrupted.
    Exhausted,
}

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
            Standing::CoolingDown(left) => return Err(cooling_down(left)),
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

    /// Stores new tokens. Holds on to them for the write budget, whatever the store does meanwhile.
    async fn store_success(
        &self,
        tenant: &str,
        claimed: &Stored<GrantRecord>,
        next: GrantRecord,
    ) -> Result<RenewalOutcome> {
        let began = self.ports.monotonic();
        let mut next = next;
        let mut precondition = claimed.precondition();
        loop {
            match self.write(&claimed.key, &next, None, precondition).await {
                Ok(Written::Done(_)) => return Ok(RenewalOutcome::Renewed),
                Ok(Written::Lost(Some(now))) if now.record.writer == next.writer => return Ok(RenewalOutcome::Renewed),
                Ok(Written::Lost(Some(now))) if may_follow(&next, &now.record) => {
                    // Resealed or found failed meanwhile. Late success beats a failure of its own generation.
                    next.identity.clone_from(&now.record.identity);
                    precondition = now.precondition();
                }
                Ok(Written::Lost(_)) => return Ok(self.drop_late_reply(tenant, &next).await),
                Err(error) if self.ports.monotonic().saturating_sub(began) >= WRITE_BUDGET => return Err(error),
                Err(_) => self.ports.wait(Duration::from_millis(100)).await,
            }
        }
    }

    /// Drops tokens of a lineage that is gone, and says so.
    async fn drop_late_reply(&self, tenant: &str, next: &GrantRecord) -> RenewalOutcome {
        self.journal(event_of_host(tenant, Action::LateReplyDropped, Some(next.reference()))).await;
        RenewalOutcome::Ended
    }

    /// Records a failure by what it says about the refresh token.
    async fn store_failure(
        &self,
        claimed: &Stored<GrantRecord>,
        failure: TokenCallFailure,
        sent_at: Duration,
    ) -> Result<RenewalOutcome> {
        let effect = failure.effect_on_refresh();
        let error = failure.of_person();
        let pause = match effect {
            // The claim stays, so that the next attempt waits until it may be taken over.
            EffectOnRefresh::Unknown => return Err(error),
            EffectOnRefresh::Dead => None,
            EffectOnRefresh::Untouched { retry_after } => {
                Some(self.pause(claimed.record.cool_down.as_ref(), retry_after))
            }
        };
        let since_claim = self.ports.monotonic().saturating_sub(sent_at);
        let ended = pause.is_none();
        // If this cannot be written, the claim stands until it may be taken over. Nothing is spent either way.
        let _ = self.settle(claimed, since_claim, pause).await;
        if ended { Ok(RenewalOutcome::Ended) } else { Err(error) }
    }

    /// Takes the claim back: with a pause, or as ended where there is none. Only while the claim is ours; a reseal in
    /// between does not matter.
    async fn settle(
        &self,
        claimed: &Stored<GrantRecord>,
        since_claim: Duration,
        pause: Option<CoolDown>,
    ) -> Result<()> {
        let mut now = claimed.clone();
        let mut passed = since_claim;
        for _ in 0..WRITE_ATTEMPTS {
            let mut record = now.counted_down(passed);
            record.claim = None;
            record.cool_down.clone_from(&pause);
            record.writer = self.random_name();
            if pause.is_none() {
                record.ended = Some(Ended::SessionEnded);
                record.refresh_token = None;
            }
            match self.write(&now.key, &record, None, now.precondition()).await? {
                Written::Lost(Some(changed)) if is_ours(claimed, &changed) => now = changed,
                _ => return Ok(()),
            }
            passed = Duration::ZERO;
        }
        Ok(())
    }

    /// Ends a grant whose renewal was interrupted too often.
    async fn give_up(&self, tenant: &str, stored: &Stored<GrantRecord>, read_at: Duration) -> Result<RenewalOutcome> {
        let mut record = stored.counted_down(self.ports.monotonic().saturating_sub(read_at));
        record.claim = None;
        record.ended = Some(Ended::OutcomeUnknown);
        record.refresh_token = None;
        record.writer = self.random_name();
        if let Written::Done(_) = self.write(&stored.key, &record, None, stored.precondition()).await? {
            let error: Result<()> = Err(Error::sign_in(Ended::OutcomeUnknown.into()));
            let mut entry = event_of_host(tenant, Action::Renewal, Some(record.reference()));
            entry.outcome = outcome(&error);
            self.journal(entry).await;
        }
        Ok(RenewalOutcome::Ended)
    }

    /// The pause after a failure: doubling, never below what the server asks for, spread by up to a half so that many
    /// grants do not come back together.
    pub(crate) fn pause(&self, before: Option<&CoolDown>, retry_after: Option<Duration>) -> CoolDown {
        let failures = before.map_or(0, |pause| pause.failures).saturating_add(1);
        let doubled = Duration::from_secs(1_u64 << failures.saturating_sub(1).min(6)).min(LONGEST_PAUSE);
        let [random] = self.random::<1>();
        let spread = (doubled / 2).mul_f64(f64::from(random) / 255.0);
        CoolDown { remaining: doubled.max(retry_after.unwrap_or_default()).saturating_add(spread), failures }
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

/// What a record calls for.
pub(crate) fn standing(stored: &Stored<GrantRecord>) -> Standing {
    let record = &stored.record;
    if record.ended.is_some() || record.refresh_token.is_none() {
        return Standing::Ended;
    }
    if !stored.until_window().is_zero() {
        return Standing::Fresh;
    }
    if let Some(claim) = &record.claim {
        // While the old token serves, a second attempt could only do harm.
        let may_take_over = stored.unchanged_for >= TAKEOVER && stored.usable_for().is_zero();
        return match may_take_over {
            false => Standing::Claimed,
            true if claim.attempt >= MOST_ATTEMPTS => Standing::Exhausted,
            true => Standing::Due(claim.attempt.saturating_add(1)),
        };
    }
    match stored.cool_down() {
        Some(left) => Standing::CoolingDown(left),
        None => Standing::Due(1),
    }
}

/// Whether new tokens may be stored over a record that has changed since the claim: only over the same lineage, still
/// at the generation before, and not over a sign-out.
fn may_follow(next: &GrantRecord, now: &GrantRecord) -> bool {
    now.lineage == next.lineage
        && now.generation.checked_add(1) == Some(next.generation)
        && now.ended != Some(Ended::SignedOut)
}

/// Whether a record still carries the claim that was made.
fn is_ours(claimed: &Stored<GrantRecord>, now: &Stored<GrantRecord>) -> bool {
    let id = |stored: &Stored<GrantRecord>| stored.record.claim.as_ref().map(|claim| claim.id.clone());
    id(claimed).is_some() && id(claimed) == id(now)
}

/// The answer while pausing.
pub(crate) fn cooling_down(left: Duration) -> Error {
    Error::unavailable("The last renewal failed, and the next one is being held back for a moment.", Some(left))
}

/// The token that a renewal is to bring.
fn next_reference(record: &GrantRecord) -> TokenReference {
    TokenReference { lineage: record.lineage.clone(), generation: record.generation.saturating_add(1) }
}

/// The account id in the issuer of a host that serves several accounts.
fn account_of(issuer: &str) -> Option<&str> {
    issuer.split_once("/oidc/accounts/").map(|(_, account)| account)
}
