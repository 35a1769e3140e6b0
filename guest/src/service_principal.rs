//! Tokens of a fabric's service principal (M2M): client credentials (RFC 6749 section 4.4).
//!
//! There is no refresh token and nothing that is spent, so there is no claim: two hosts that ask at once each get a
//! token, and the later one is kept. What is held carries the lineage of the fabric's credentials; a token that was
//! obtained with other credentials is not served.

use std::time::Duration;

use crate::contract::Error;
use crate::contract::journal::Action;
use crate::contract::maintenance::RenewalOutcome;
use crate::cool_down::still_failing;
use crate::core::{Core, event_of_host, outcome};
use crate::discovery::Workspace;
use crate::error::Result;
use crate::grants::granted_scopes;
use crate::ports::Ports;
use crate::record::{DiscoveryRecord, FabricRecord, GrantRecord, Record as _, Stored, WRITE_ATTEMPTS, Written, over};
use crate::secret::ClientSecret;
use crate::token_failure::GrantType;
use crate::token_reply::TokenReply;
use crate::token_request;

/// What a service principal asks for where the fabric says nothing else.
const DEFAULT_SCOPE: &str = "all-apis";

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
        if let Some(before) = before.as_ref().filter(|before| before.record.lineage == fabric.record.lineage) {
            if !before.until_window().is_zero() {
                return Ok(RenewalOutcome::Fresh);
            }
            if let Some((left, pause)) = before.cool_down() {
                return Err(still_failing(left, &pause.cause));
            }
        }
        let result = self.obtain_and_store(tenant, &fabric, key, before).await;
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
    ) -> Result<TokenReply> {
        let scopes = scopes_of(fabric);
        let request = token_request::client_credentials(&server.token_endpoint, client_id, secret, &scopes);
        self.request_token(GrantType::ClientCredentials, request, &fabric.workspace)
            .await
            .map_err(|failure| failure.of_service_principal(&fabric.name))
    }

    async fn obtain_and_store(
        &self,
        tenant: &str,
        fabric: &Stored<FabricRecord>,
        key: &str,
        before: Option<Stored<GrantRecord>>,
    ) -> Result<RenewalOutcome> {
        let (client_id, secret) = self.service_principal_secret(tenant, fabric).await?;
        let server = self.discover(&Workspace::from(&fabric.record)).await?;
        let blank = blank(&fabric.record, &server, &client_id);
        let sent_at = self.ports.monotonic();
        let asked = self.client_credentials(&fabric.record, &server, &client_id, &secret).await;
        let elapsed = self.ports.monotonic().saturating_sub(sent_at);
        match asked {
            Ok(reply) => self.store_token(tenant, key, before, blank, &reply, elapsed).await,
            Err(error) => {
                self.store_pause(key, before, blank, &error, elapsed).await;
                Err(error)
            }
        }
    }

    /// Stores a token over whatever is there.
    async fn store_token(
        &self,
        tenant: &str,
        key: &str,
        mut before: Option<Stored<GrantRecord>>,
        blank: GrantRecord,
        reply: &TokenReply,
        elapsed: Duration,
    ) -> Result<RenewalOutcome> {
        for _ in 0..WRITE_ATTEMPTS {
            let lineage = &blank.lineage;
            let generation = generation_of(before.as_ref(), lineage).saturating_add(1);
            let tokens = self.prepare_tokens().await?;
            let writer = tokens.writer.clone();
            let sealed = tokens.seal(tenant, key, lineage, generation, &reply.access_token, None)?;
            let record = GrantRecord {
                generation,
                scopes: granted_scopes(reply, &blank.scopes),
                access_token: Some(sealed.access_token),
                life: reply.lifetime,
                remaining: reply.lifetime.saturating_sub(elapsed),
                writer,
                ..blank.clone()
            };
            match self.write(key, &record, None, over(before.as_ref())).await? {
                Written::Done(_) => return Ok(RenewalOutcome::Renewed),
                Written::Lost(now) => before = now,
            }
        }
        Err(Error::unavailable("The service principal's token keeps being replaced from elsewhere. Try again.", None))
    }

    /// Keeps failures from becoming a storm. A token that is still in hand stays.
    async fn store_pause(
        &self,
        key: &str,
        before: Option<Stored<GrantRecord>>,
        blank: GrantRecord,
        error: &Error,
        elapsed: Duration,
    ) {
        let kept = before.as_ref().filter(|before| before.record.lineage == blank.lineage);
        let mut record = kept.map_or(blank, |kept| kept.counted_down(elapsed));
        record.cool_down = Some(self.pause(record.cool_down.as_ref(), retry_after(error), error));
        record.writer = self.random_name();
        // If this cannot be stored the next caller asks again; nothing else is lost.
        let _ = self.write(key, &record, None, over(before.as_ref())).await;
    }
}

/// A record without a token, for the fabric's present credentials; its scopes are those that will be asked for.
fn blank(fabric: &FabricRecord, server: &DiscoveryRecord, client_id: &str) -> GrantRecord {
    GrantRecord {
        version: GrantRecord::VERSION,
        workspace: fabric.workspace.clone(),
        workspace_id: fabric.workspace_id.clone().or_else(|| server.workspace_id.clone().filter(|_| server.unified)),
        issuer: server.issuer.clone(),
        client_id: client_id.to_owned(),
        app_connection: None,
        lineage: fabric.lineage.clone(),
        generation: 0,
        ended: None,
        scopes: scopes_of(fabric),
        subject: None,
        identity: None,
        access_token: None,
        refresh_token: None,
        life: Duration::ZERO,
        remaining: Duration::ZERO,
        session_remaining: Duration::ZERO,
        claim: None,
        cool_down: None,
        writer: String::new(),
        unknown: serde_json::Map::new(),
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
