//! Grants: what a sign-in leaves behind, and how its secrets are bound to it.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::app_connections::AppConnection;
use crate::contract::databricks_oauth::CompletedSignIn;
use crate::contract::{Caller, Error};
use crate::core::Core;
use crate::discovery::is_on;
use crate::error::{Failure, Result};
use crate::former_grant::FormerGrant;
use crate::ports::Ports;
use crate::record::{GrantRecord, Identity, Record as _, SignInRecord, Stored, WRITE_ATTEMPTS, Written, over};
use crate::sealed_field::Preparation;
use crate::sealing::Binding;
use crate::secret::{AccessToken, RefreshToken};
use crate::storage_key;
use crate::token_reply::TokenReply;
use crate::who_am_i::{self, Me};

/// Everything that storing new tokens needs, obtained before they are asked for.
pub struct PreparedTokens {
    access_token: Preparation,
    refresh_token: Preparation,
    /// Marks the write.
    pub writer: String,
}

/// The same for a new grant.
pub struct PreparedGrant {
    tokens: PreparedTokens,
    identity: Preparation,
    lineage: String,
}

/// What a sign-in came to: who, on what terms, and what Databricks gave.
#[derive(Clone, Copy)]
pub struct SignedIn<'a> {
    /// The Prophecy user.
    pub caller: &'a Caller,
    /// What was asked for.
    pub pending: &'a SignInRecord,
    /// What stood in the grant's place before.
    pub former: &'a FormerGrant,
    /// Through which app connection.
    pub app: &'a AppConnection,
    /// The tokens.
    pub reply: &'a TokenReply,
    /// Who the workspace says it is.
    pub me: &'a Me,
    /// When the tokens were asked for.
    pub asked_at: Duration,
}

/// The tokens of one generation, sealed.
pub struct SealedTokens {
    /// The access token.
    pub access_token: String,
    /// The refresh token, where there is one.
    pub refresh_token: Option<String>,
}

impl PreparedTokens {
    /// Seals the tokens of a generation.
    pub fn seal(
        self,
        tenant: &str,
        key: &str,
        lineage: &str,
        generation: u64,
        access_token: &AccessToken,
        refresh_token: Option<&RefreshToken>,
    ) -> Result<SealedTokens> {
        let binding = |field| Binding { tenant, key, lineage, generation, field };
        Ok(SealedTokens {
            access_token: self.access_token.seal(&binding(ACCESS_TOKEN), access_token.expose().as_bytes())?,
            refresh_token: match refresh_token {
                Some(token) => Some(self.refresh_token.seal(&binding(REFRESH_TOKEN), token.expose().as_bytes())?),
                None => None,
            },
        })
    }
}

/// Name of the sealed access token.
pub const ACCESS_TOKEN: &str = "access-token";

/// Name of the sealed refresh token.
pub const REFRESH_TOKEN: &str = "refresh-token";

/// Name of the sealed identity. It stays the same over the generations of a lineage, so it is bound to none.
pub const IDENTITY: &str = "identity";

/// The scopes that a reply granted, sorted. One that names none granted what was asked for (RFC 6749 section 5.1).
pub fn granted_scopes(reply: &TokenReply, asked: &[String]) -> Vec<String> {
    reply.scopes.as_ref().map_or_else(|| asked.to_vec(), |scopes| scopes.iter().cloned().collect())
}

impl Stored<GrantRecord> {
    /// What a token of the present generation is bound to.
    pub fn binding<'a>(&'a self, tenant: &'a str, field: &'a str) -> Binding<'a> {
        let generation = if field == IDENTITY { 0 } else { self.record.generation };
        Binding { tenant, key: &self.key, lineage: &self.record.lineage, generation, field }
    }
}

impl<P: Ports> Core<P> {
    /// Obtains what storing new tokens will need.
    pub(crate) async fn prepare_tokens(&self) -> Result<PreparedTokens> {
        Ok(PreparedTokens {
            access_token: self.prepare_seal().await?,
            refresh_token: self.prepare_seal().await?,
            writer: self.random_name(),
        })
    }

    /// Obtains what storing a new grant will need.
    pub(crate) async fn prepare_grant(&self) -> Result<PreparedGrant> {
        Ok(PreparedGrant {
            tokens: self.prepare_tokens().await?,
            identity: self.prepare_seal().await?,
            lineage: self.random_name(),
        })
    }

    /// A name that is never drawn twice: 128 random bits.
    pub(crate) fn random_name(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.random::<16>())
    }

    /// Stores what a sign-in gave, as a new lineage, unless the person is somebody else than before, or their grants were
    /// ended while they signed in.
    pub(crate) async fn store_new_grant(
        &self,
        signed_in: SignedIn<'_>,
        prepared: PreparedGrant,
    ) -> Result<CompletedSignIn> {
        let SignedIn { caller, pending, me, .. } = signed_in;
        who_am_i::expect_email(me, caller.email.as_deref())?;
        let key = storage_key::person_grant(&caller.tenant, &pending.issuer, &pending.client_id, &caller.user);
        let record = new_grant(&signed_in, prepared, &key)?;
        self.replace_grant(signed_in, &key, &record).await?;
        Ok(CompletedSignIn {
            fabric: pending.fabric.clone(),
            databricks_user: me.user_name.clone(),
            scopes: record.scopes,
            renewable: record.refresh_token.is_some(),
        })
    }

    /// Writes a new lineage over whatever is there. A renewal of the old one that is under way finds it gone.
    ///
    /// `record` has its durations as of when the tokens were asked for. They are counted down right before each write:
    /// reading what is there may have taken long.
    async fn replace_grant(&self, signed_in: SignedIn<'_>, key: &str, record: &GrantRecord) -> Result<()> {
        let SignedIn { caller, me, asked_at, former, .. } = signed_in;
        let mut before: Option<Stored<GrantRecord>> = self.read(key).await?;
        for _ in 0..WRITE_ATTEMPTS {
            if !former.still_stands(before.as_ref().map(|before| &before.record)) {
                return Err(Error::Conflict(
                    "Your sign-ins to Databricks were ended while you signed in. Begin again.".to_owned(),
                ));
            }
            if let Some(before) = &before {
                self.expect_same_subject(caller, before, record, me).await?;
            }
            let counted = record.counted_down(self.ports.monotonic().saturating_sub(asked_at));
            match self.write(key, &counted, None, over(before.as_ref())).await? {
                Written::Done(_) => return Ok(()),
                Written::Lost(now) => before = now,
            }
        }
        Err(Error::unavailable("Your sign-in keeps being changed from elsewhere. Try again.", None))
    }

    /// The Databricks identity is fixed at the first sign-in, until the person signs out.
    async fn expect_same_subject(
        &self,
        caller: &Caller,
        before: &Stored<GrantRecord>,
        record: &GrantRecord,
        me: &Me,
    ) -> Result<()> {
        if before.record.subject.is_none() || before.record.subject == record.subject {
            return Ok(());
        }
        let expected = self.identity(&caller.tenant, before).await?.databricks_user;
        Err(who_am_i::mismatch(&expected, &me.user_name))
    }

    /// Who a person's grant belongs to.
    pub(crate) async fn identity(&self, tenant: &str, grant: &Stored<GrantRecord>) -> Result<Identity, Failure> {
        let damaged = || Error::Internal("A stored grant does not say whose it is.".to_owned());
        let sealed = grant.record.identity.as_deref().ok_or_else(damaged)?;
        let text = self.open(&grant.binding(tenant, IDENTITY), sealed).await?;
        let identity: Identity = serde_json::from_str(&text).map_err(|_| damaged())?;
        // The sealed name, with issuer and client id as they stand in clear, must lead back to this very record:
        // whoever changes those in the store does not redirect a grant.
        let GrantRecord { issuer, client_id, workspace, .. } = &grant.record;
        let in_place = storage_key::person_grant(tenant, issuer, client_id, &identity.user) == grant.key;
        if in_place && is_on(workspace, issuer) { Ok(identity) } else { Err(damaged().into()) }
    }

    /// The access token in hand.
    pub(crate) async fn access_token_of(
        &self,
        tenant: &str,
        grant: &Stored<GrantRecord>,
    ) -> Result<AccessToken, Failure> {
        let sealed = grant.record.access_token.as_deref().unwrap_or_default();
        let mut token = self.open(&grant.binding(tenant, ACCESS_TOKEN), sealed).await?;
        Ok(AccessToken::from(std::mem::take(&mut *token)))
    }

    /// The refresh token in hand.
    pub(crate) async fn refresh_token_of(
        &self,
        tenant: &str,
        grant: &Stored<GrantRecord>,
    ) -> Result<Option<RefreshToken>> {
        let Some(sealed) = grant.record.refresh_token.as_deref() else { return Ok(None) };
        let mut token = self.open(&grant.binding(tenant, REFRESH_TOKEN), sealed).await?;
        Ok(Some(RefreshToken::from(std::mem::take(&mut *token))))
    }
}

/// The record of a new grant, its durations as of when its tokens were asked for.
fn new_grant(signed_in: &SignedIn<'_>, prepared: PreparedGrant, key: &str) -> Result<GrantRecord> {
    let SignedIn { caller, pending, app, reply, me, .. } = *signed_in;
    let PreparedGrant { tokens, identity, lineage } = prepared;
    let writer = tokens.writer.clone();
    let sealed = tokens.seal(&caller.tenant, key, &lineage, 1, &reply.access_token, reply.refresh_token.as_ref())?;
    let identity_json = Zeroizing::new(
        serde_json::to_vec(&Identity { user: caller.user.clone(), databricks_user: me.user_name.clone() })
            .map_err(|_| Error::Internal("An identity could not be written as JSON.".to_owned()))?,
    );
    let binding = Binding { tenant: &caller.tenant, key, lineage: &lineage, generation: 0, field: IDENTITY };
    let identity = identity.seal(&binding, &identity_json)?;
    Ok(GrantRecord {
        version: GrantRecord::VERSION,
        workspace: pending.workspace.clone(),
        workspace_id: pending.workspace_id.clone(),
        issuer: pending.issuer.clone(),
        client_id: pending.client_id.clone(),
        app_connection: Some(app.name.clone()),
        lineage,
        generation: 1,
        ended: None,
        scopes: granted_scopes(reply, &pending.scopes),
        subject: Some(storage_key::digest(&["subject", &caller.tenant, &pending.issuer, &me.id])),
        identity: Some(identity),
        access_token: Some(sealed.access_token),
        refresh_token: sealed.refresh_token,
        life: reply.lifetime,
        remaining: reply.lifetime,
        session_remaining: app.session(),
        reusable_for: app.reusable_for(false),
        unresolved: 0,
        claim: None,
        cool_down: None,
        writer,
        unknown: serde_json::Map::new(),
    })
}
