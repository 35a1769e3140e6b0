//! Tokens of a fabric's service principal (M2M): client credentials (RFC 6749 section 4.4).
//!
//! There is no refresh token and nothing that is spent, so there is no claim: two hosts that ask at once each get a
//! token, and the later one is kept. What is held carries the lineage of the fabric's credentials; a token that was
//! obtained with other credentials is not served.

use std::time::Duration;

use crate::breaker::Sign;
use crate::contract::Error;
use crate::contract::journal::Action;
use crate::contract::maintenance::RenewalOutcome;
use crate::cool_down::still_failing;
use crate::core::{Core, event_of_host, outcome};
use crate::discovery::Workspace;
use crate::error::Result;
use crate::grants::granted_scopes;
use crate::permissions;
use crate::ports::Ports;
use crate::record::{DiscoveryRecord, FabricRecord, GrantRecord, Stored, WRITE_ATTEMPTS, Written, over};
use crate::secret::ClientSecret;
use crate::token_call::{Principal, TokenCallFailure};
use crate::token_failure::GrantType;
use crate::token_reply::TokenReply;
use crate::token_request;

/// What a service principal asks for where the fabric says nothing else.
const DEFAULT_SCOPE: &str = "all-apis";

/// Where the token of a fabric's service principal is kept.
#[derive(Clone, Copy)]
struct Place<'a> {
    tenant: &'a str,
    fabric: &'a str,
    key: &'a str,
}

impl<P: Ports> Core<P> {
    /// Obtains a new token unless the one in hand is fresh.
    pub(crate) async fn renew_service_principal(
        &self,
        tenant: &str,
        fabric: &str,
        key: &str,
    ) -> Result<RenewalOutcome> {
        let Some(fabric) = self.fabric_of(tenant, fabric).await? else {
            return Ok(RenewalOutcome::Ended);
        };
        let before: Option<Stored<GrantRecord>> = self.read(key).await?;
        let read_at = self.ports.monotonic();
        if let Some(before) = before.as_ref().filter(|before| before.record.lineage == fabric.record.lineage) {
            if !before.until_window().is_zero() {
                return Ok(RenewalOutcome::Fresh);
            }
            if let Some((left, pause)) = before.cool_down() {
                let principal = Some(Principal::from(&fabric));
                return Err(still_failing(left, &pause.cause, &before.record.workspace, principal));
            }
        }
        let result = self.obtain_and_store(tenant, &fabric, key, (before, read_at)).await;
        let mut entry = event_of_host(tenant, Action::ServicePrincipalToken, None);
        entry.fabric = Some(fabric.record.name.clone());
        entry.workspace = Some(fabric.record.workspace.clone());
        entry.databricks_user.clone_from(&fabric.record.service_principal_client_id);
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }

    /// Asks the token endpoint as a service principal. Also what Test Connection does with credentials from a form.
    pub(crate) async fn client_credentials(
        &self,
        fabric: &FabricRecord,
        server: &DiscoveryRecord,
        client_id: &str,
        secret: &ClientSecret,
    ) -> Result<TokenReply, TokenCallFailure> {
        let scopes = scopes_of(fabric);
        let request = token_request::client_credentials(&server.token_endpoint, client_id, secret, &scopes);
        self.request_token(GrantType::ClientCredentials, request, &fabric.workspace).await
    }

    async fn obtain_and_store(
        &self,
        tenant: &str,
        fabric: &Stored<FabricRecord>,
        key: &str,
        (before, read_at): (Option<Stored<GrantRecord>>, Duration),
    ) -> Result<RenewalOutcome> {
        let (client_id, secret) = self.service_principal_secret(tenant, fabric).await?;
        let server = self.discover(&Workspace::from(&fabric.record)).await?;
        let blank = blank(&fabric.record, &server, &client_id);
        let place = Place { tenant, fabric: &fabric.record.name, key };
        let admitted = self.admit_to_endpoint(&server.token_endpoint, key, &fabric.record.workspace).await?;
        let asked_at = self.ports.monotonic();
        let asked = self.client_credentials(&fabric.record, &server, &client_id, &secret).await;
        match asked {
            Ok(reply) => {
                let stored = self.store_token(place, before, blank, &reply, asked_at).await;
                self.observe_endpoint(admitted, &Sign::Answered).await;
                stored
            }
            Err(failure) => {
                let sign = failure.sign();
                let error = failure.of_service_principal(Principal::from(fabric));
                self.store_pause(place, (before, read_at), blank, &error).await;
                self.observe_endpoint(admitted, &sign).await;
                Err(error)
            }
        }
    }

    /// Stores a token over whatever is there, as long as its fabric is.
    ///
    /// # Errors
    /// `not-found` when the fabric was removed meanwhile.
    async fn store_token(
        &self,
        place: Place<'_>,
        mut before: Option<Stored<GrantRecord>>,
        blank: GrantRecord,
        reply: &TokenReply,
        asked_at: Duration,
    ) -> Result<RenewalOutcome> {
        for _ in 0..WRITE_ATTEMPTS {
            let lineage = &blank.lineage;
            let generation = generation_of(before.as_ref(), lineage).saturating_add(1);
            let tokens = self.prepare_tokens().await?;
            let writer = tokens.writer.clone();
            let sealed = tokens.seal(place.tenant, place.key, lineage, generation, &reply.access_token, None)?;
            let record = GrantRecord {
                generation,
                scopes: granted_scopes(reply, &blank.scopes),
                access_token: Some(sealed.access_token),
                life: reply.lifetime,
                remaining: reply.lifetime,
                writer,
                ..blank.clone()
            };
            match self.keep(place, (&record, asked_at), before.as_ref()).await? {
                Some(Written::Done(_)) => return Ok(RenewalOutcome::Renewed),
                Some(Written::Lost(now)) => before = now,
                None => return Err(permissions::no_such_fabric()),
            }
        }
        Err(Error::unavailable("The service principal's token keeps being replaced from elsewhere. Try again.", None))
    }

    /// Keeps failures from becoming a storm. A token that is still in hand stays.
    async fn store_pause(
        &self,
        place: Place<'_>,
        (before, read_at): (Option<Stored<GrantRecord>>, Duration),
        blank: GrantRecord,
        error: &Error,
    ) {
        let kept = before.as_ref().filter(|before| before.record.lineage == blank.lineage);
        let now = self.ports.monotonic();
        let mut record = kept.map_or(blank, |kept| kept.counted_down(now.saturating_sub(read_at)));
        record.cool_down = Some(self.pause(record.cool_down.as_ref(), retry_after(error), error));
        record.writer = self.random_name();
        // If this cannot be stored the next caller asks again; nothing else is lost.
        let _ = self.keep(place, (&record, now), before.as_ref()).await;
    }

    /// Writes the record unless the fabric is gone. Removing a fabric takes the fabric first and this record after it,
    /// so a fabric that is still seen after the write is one whose removal will find the record. `None` when it was removed
    /// meanwhile; then nothing is left of the record either.
    ///
    /// `as_of` is when the record's durations were right; they are counted down right before the write.
    async fn keep(
        &self,
        place: Place<'_>,
        (record, as_of): (&GrantRecord, Duration),
        before: Option<&Stored<GrantRecord>>,
    ) -> Result<Option<Written<GrantRecord>>> {
        let Place { tenant, fabric, key } = place;
        if self.fabric_of(tenant, fabric).await?.is_none() {
            return Ok(None);
        }
        let record = record.counted_down(self.ports.monotonic().saturating_sub(as_of));
        match self.write(key, &record, None, over(before)).await? {
            // Nothing else takes the record away.
            Written::Lost(None) if before.is_some() => Ok(None),
            Written::Done(revision) if self.fabric_of(tenant, fabric).await?.is_none() => {
                self.ports.delete(key, revision).await?;
                Ok(None)
            }
            written => Ok(Some(written)),
        }
    }
}

/// A record without a token, for the fabric's present credentials; its scopes are those that will be asked for.
fn blank(fabric: &FabricRecord, server: &DiscoveryRecord, client_id: &str) -> GrantRecord {
    GrantRecord {
        workspace: fabric.workspace.clone(),
        workspace_id: fabric.workspace_id.clone().or_else(|| server.workspace_id.clone().filter(|_| server.unified)),
        issuer: server.issuer.clone(),
        client_id: client_id.to_owned(),
        scopes: scopes_of(fabric),
        ..GrantRecord::blank(fabric.lineage.clone())
    }
}

fn generation_of(before: Option<&Stored<GrantRecord>>, lineage: &str) -> u64 {
    before.filter(|before| before.record.lineage == lineage).map_or(0, |before| before.record.generation)
}

/// The scopes to ask for, sorted.
fn scopes_of(fabric: &FabricRecord) -> Vec<String> {
    if fabric.service_principal_scopes.is_empty() {
        return vec![DEFAULT_SCOPE.to_owned()];
    }
    fabric.service_principal_scopes.clone()
}

fn retry_after(error: &Error) -> Option<Duration> {
    match error {
        Error::Throttled(retry) | Error::Unavailable(retry) => retry.retry_after.map(Duration::from_nanos),
        _ => None,
    }
}
