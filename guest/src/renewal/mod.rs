//! Renewing a person's token.
//!
//! Databricks may give single-use refresh tokens, with no time of grace. A refresh token that is sent twice, or a new
//! one that is not stored, ends somebody's session. Hence the order here: everything that storing will need is
//! obtained first; then a claim is written into the grant by compare-and-swap; then one request is sent; then one put.
//! Only where the client secret was refused are claim and request repeated, once, with the secret before it.
//! Whoever finds a claim of somebody else waits for its result, and takes over only when the claim has stood longer
//! than its owner can possibly still be at work, and nobody has a usable token to lose.

mod claiming;
mod sending;
mod settling;
mod standing;
#[cfg(test)]
pub(crate) use standing::tests;

use std::time::Duration;

use crate::app_connections::{AppConnection, ClientSecrets};
use crate::breaker::{Admitted, Sign};
use crate::contract::journal::{Action, Outcome};
use crate::contract::maintenance::RenewalOutcome;
use crate::contract::{Error, TokenReference};
use crate::cool_down::still_failing;
use crate::core::{Core, event_of_host};
use crate::discovery::Workspace;
use crate::error::Result;
use crate::grants::{PreparedTokens, granted_scopes};
use crate::ports::Ports;
use crate::record::{GrantRecord, Stored};
use crate::secret::RefreshToken;
use crate::storage_key::{self, GrantKey};
use crate::token_reply::TokenReply;
use claiming::Claimed;
use sending::Asked;
use settling::NewTokens;
use standing::{Standing, is_exhausted, standing};

/// A grant as it was read or written, and when, by this host's clock.
#[derive(Clone)]
struct Seen {
    stored: Stored<GrantRecord>,
    at: Duration,
}

/// What a renewal has in hand before it claims.
struct Prepared {
    token_endpoint: String,
    admitted: Admitted,
    secrets: ClientSecrets,
    refresh_token: RefreshToken,
    tokens: PreparedTokens,
    /// What a new refresh token's life is assumed to be.
    session: Duration,
    /// How long its being reusable may be assumed if the reply proves it, and if it does not.
    reusable_for: [Duration; 2],
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
        let Some(mut seen) = self.look_at(key).await? else { return Ok(RenewalOutcome::Ended) };
        match standing(&seen.stored, &self.policy) {
            Standing::Ended => return Ok(RenewalOutcome::Ended),
            Standing::Fresh => return Ok(RenewalOutcome::Fresh),
            Standing::Claimed => return Ok(RenewalOutcome::ClaimedElsewhere),
            Standing::CoolingDown(left, cause) => {
                return Err(still_failing(left, &cause, &seen.stored.record.workspace, None));
            }
            Standing::Due => {}
            Standing::Abandoned => match self.look_again(&seen).await? {
                Some(again) => seen = again,
                None => return Ok(RenewalOutcome::ClaimedElsewhere),
            },
        }
        if is_exhausted(&seen.stored, &self.policy) {
            return self.give_up(tenant, &seen).await;
        }
        let Some((app, prepared)) = self.prepare_renewal(tenant, &seen.stored).await? else {
            return Ok(RenewalOutcome::Ended);
        };
        let Some(claimed) = self.claim(&seen, &prepared.tokens.writer).await? else {
            return Ok(RenewalOutcome::ClaimedElsewhere);
        };
        let Some(claimed) = self.confirm(claimed).await? else {
            return Ok(RenewalOutcome::ClaimedElsewhere);
        };
        self.refresh(tenant, claimed, &app, prepared).await
    }

    /// Writes down how a renewal ended: of which token, or which one it brought. One that came too late to change
    /// anything is none.
    async fn journal_renewal(&self, tenant: &str, before: &GrantRecord, result: &Result<RenewalOutcome>) {
        let (token, outcome) = match result {
            Ok(RenewalOutcome::Renewed) => (next_reference(before), Outcome::Succeeded),
            Ok(RenewalOutcome::Ended) => (before.reference(), Outcome::Failed("sign-in-required".to_owned())),
            Ok(RenewalOutcome::Fresh | RenewalOutcome::ClaimedElsewhere) => return,
            Err(error) => (before.reference(), Outcome::Failed(error.case().to_owned())),
        };
        let mut entry = event_of_host(tenant, Action::Renewal, Some(token));
        entry.workspace = Some(before.workspace.clone());
        entry.outcome = outcome;
        self.journal(entry).await;
    }

    /// Obtains everything that can fail, while nothing is spent yet.
    async fn prepare_renewal(
        &self,
        tenant: &str,
        stored: &Stored<GrantRecord>,
    ) -> Result<Option<(AppConnection, Prepared)>> {
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
        let workspace = Workspace::from(&stored.record);
        let server = self.discover(&workspace).await?;
        if server.issuer != stored.record.issuer {
            return Err(Error::WrongWorkspace(format!(
                "{} now names another issuer than the one that gave this grant. Nothing was sent there.",
                stored.record.workspace
            )));
        }
        let prepared = Prepared {
            admitted: self.admit_to_endpoint(&server.token_endpoint, &stored.key, &stored.record.workspace).await?,
            token_endpoint: server.token_endpoint,
            secrets: self.client_secrets(tenant, &app).await?,
            refresh_token,
            tokens: self.prepare_tokens().await?,
            session: app.session(),
            reusable_for: [app.reusable_for(true), app.reusable_for(false)],
        };
        Ok(Some((app, prepared)))
    }

    /// Sends the refresh token, stores what came of it, and then tells everybody else whom it concerns.
    async fn refresh(
        &self,
        tenant: &str,
        claimed: Claimed,
        app: &AppConnection,
        prepared: Prepared,
    ) -> Result<RenewalOutcome> {
        let before = claimed.seen.stored.record.clone();
        let admitted = prepared.admitted.clone();
        let Asked { claimed, at, answer, by_previous } = self.send_refresh_token(claimed, app, &prepared).await;
        let (result, sign, worked) = match answer {
            Ok(reply) => {
                let record = next_generation(tenant, &claimed.seen, prepared, &reply, at)?;
                let tokens = NewTokens { record, asked_at: at };
                (self.store_success(tenant, &claimed.seen, tokens).await, Sign::Answered, true)
            }
            Err(failure) => {
                let sign = failure.sign();
                (self.store_failure(&claimed.seen, failure, app.set_for).await, sign, false)
            }
        };
        self.observe_endpoint(admitted, &sign).await;
        self.journal_renewal(tenant, &before, &result).await;
        match (worked, by_previous) {
            (true, false) => self.note_secret_worked(app).await,
            (true, true) => self.note_secret_refused(tenant, app, &before.workspace).await,
            (false, _) => {}
        }
        result
    }
}

/// The record of generation n + 1, its durations as of `asked_at`. A reply without a refresh token keeps the old one
/// (RFC 6749 section 6), and like one that brings the old one again it proves that it can be sent again.
fn next_generation(
    tenant: &str,
    claimed: &Seen,
    prepared: Prepared,
    reply: &TokenReply,
    asked_at: Duration,
) -> Result<GrantRecord> {
    let before = &claimed.stored.record;
    let reference = next_reference(before);
    let writer = format!("{}.stored", prepared.tokens.writer);
    let refresh_token = reply.refresh_token.as_ref().unwrap_or(&prepared.refresh_token);
    let proved = refresh_token.expose() == prepared.refresh_token.expose();
    let [if_proved, if_not] = prepared.reusable_for;
    let session_remaining = match reply.refresh_token {
        Some(_) => prepared.session,
        None => claimed.stored.counted_down(asked_at.saturating_sub(claimed.at)).session_remaining,
    };
    let sealed = prepared.tokens.seal(
        tenant,
        &claimed.stored.key,
        &reference.lineage,
        reference.generation,
        &reply.access_token,
        Some(refresh_token),
    )?;
    Ok(GrantRecord {
        generation: reference.generation,
        ended: None,
        scopes: granted_scopes(reply, &before.scopes),
        access_token: Some(sealed.access_token),
        refresh_token: sealed.refresh_token,
        life: reply.lifetime,
        remaining: reply.lifetime,
        session_remaining,
        reusable_for: if proved { if_proved } else { if_not },
        unresolved: 0,
        claim: None,
        cool_down: None,
        writer,
        ..before.clone()
    })
}

/// The token that a renewal is to bring.
fn next_reference(record: &GrantRecord) -> TokenReference {
    TokenReference { lineage: record.lineage.clone(), generation: record.generation.saturating_add(1) }
}
