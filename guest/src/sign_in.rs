//! Signing a person in (U2M): authorization code with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 9700).
//!
//! A pending sign-in is a record of its own, found by the digest of `state` under the digest of its user, so that a
//! callback finds nothing but a sign-in of the very person who comes back with it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::app_connections::AppConnection;
use crate::callback::{self, Answer, Callback};
use crate::contract::databricks_oauth::{CompletedSignIn, PendingSignIn};
use crate::contract::deployment::Description;
use crate::contract::journal::Action;
use crate::contract::storage::{Precondition, WriteOutcome};
use crate::contract::{Caller, Error, Retry, SignInReason};
use crate::core::{Core, event, outcome};
use crate::discovery::Workspace;
use crate::error::{Result, nanoseconds};
use crate::grants::SignedIn;
use crate::permissions;
use crate::pkce;
use crate::ports::Ports;
use crate::record::{DiscoveryRecord, FabricRecord, Record as _, SignInRecord, Stored, Written};
use crate::sealing::Binding;
use crate::secret::{AuthorizationCode, BindingSecret, CodeVerifier, SignInState};
use crate::storage_key;
use crate::text;
use crate::token_failure::GrantType;
use crate::token_request::{self, Client};

/// How long a person may take. Databricks' own page gives up sooner; a code is dead long before.
pub const SIGN_IN_LIFE: Duration = Duration::from_secs(600);

/// How many sign-ins of one person may be pending. More tabs than anybody opens; it bounds what a loop can store.
const MOST_PENDING: usize = 16;

impl<P: Ports> Core<P> {
    /// `databricks-oauth.begin-sign-in`: gives the authorization URL, the binding secret and a description.
    pub async fn begin_sign_in(
        &self,
        caller: &Caller,
        fabric: &str,
        redirect_url: Option<String>,
    ) -> Result<(String, BindingSecret, PendingSignIn)> {
        let deployment = self.deployment()?;
        let fabric = self.fabric(caller, fabric).await?;
        may_sign_in(caller, &fabric.record)?;
        let redirect_url = redirect_url_of(&deployment, redirect_url)?;
        let app = self.app_connection(&deployment, &caller.tenant, fabric.record.app_connection.as_deref()).await?;
        self.make_room(caller).await?;
        let server = self.discover(&Workspace::from(&fabric.record)).await?;
        let result = self.store_sign_in(caller, &fabric.record, &app, &server, &redirect_url).await;
        let mut entry = event(caller, Action::SignInBegun);
        entry.fabric = Some(fabric.record.name.clone());
        entry.workspace = Some(fabric.record.workspace.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        let (authorization_url, binding) = result?;
        Ok((authorization_url, binding, PendingSignIn { redirect_url, expires_in: nanoseconds(SIGN_IN_LIFE) }))
    }

    /// `databricks-oauth.complete-sign-in`.
    pub async fn complete_sign_in(
        &self,
        caller: &Caller,
        callback_query: Zeroizing<String>,
        binding: BindingSecret,
    ) -> Result<CompletedSignIn> {
        permissions::check_caller(caller)?;
        let deployment = self.deployment()?;
        let callback = callback::parse(&callback_query)?;
        let pending = self.take_sign_in(caller, &callback.state, &binding).await?;
        let result = self.finish(&deployment, caller, &pending, callback).await;
        let mut entry = event(caller, Action::SignInCompleted);
        entry.fabric = Some(pending.record.fabric.clone());
        entry.workspace = Some(pending.record.workspace.clone());
        entry.databricks_user = result.as_ref().ok().map(|completed| completed.databricks_user.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }

    /// Makes state, binding secret and verifier, and stores what completing needs.
    async fn store_sign_in(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
        app: &AppConnection,
        server: &DiscoveryRecord,
        redirect_url: &str,
    ) -> Result<(String, BindingSecret)> {
        let state = SignInState::from(self.random_text());
        let binding = BindingSecret::from(self.random_text());
        let verifier = pkce::code_verifier(Zeroizing::new(self.random()));
        let lineage = self.random_text();
        let key = storage_key::sign_in(&caller.tenant, &caller.user, state.expose());
        let scopes = app.scopes_with(&fabric.scopes);
        let url = authorization_url(server, &app.client_id, redirect_url, &scopes, &state, &verifier);
        let sealed = self.seal(&verifier_binding(&caller.tenant, &key, &lineage), verifier.expose().as_bytes()).await?;
        let record = SignInRecord {
            version: SignInRecord::VERSION,
            fabric: fabric.name.clone(),
            workspace: fabric.workspace.clone(),
            workspace_id: fabric
                .workspace_id
                .clone()
                .or_else(|| server.workspace_id.clone().filter(|_| server.unified)),
            issuer: server.issuer.clone(),
            token_endpoint: server.token_endpoint.clone(),
            issuer_required: server.sends_issuer,
            app_connection: app.name.clone(),
            client_id: app.client_id.clone(),
            redirect_url: redirect_url.to_owned(),
            scopes,
            binding: binding_digest(&binding),
            lineage,
            code_verifier: sealed,
            unknown: serde_json::Map::new(),
        };
        match self.write(&key, &record, None, Precondition::Absent).await? {
            Written::Done(_) => Ok((url, binding)),
            Written::Lost(_) => Err(Error::Internal("Two sign-ins drew the same random state.".to_owned())),
        }
    }

    /// Keeps one person's pending sign-ins few: forgets those that are over, refuses when there are too many.
    async fn make_room(&self, caller: &Caller) -> Result<()> {
        let prefix = storage_key::sign_ins_of(&caller.tenant, &caller.user);
        let page = self.ports.list(&prefix, None, 100).await?;
        let mut pending = 0;
        for (key, entry) in page.entries {
            if Duration::from_nanos(entry.age) >= SIGN_IN_LIFE {
                self.ports.delete(&key, entry.revision).await?;
            } else {
                pending += 1;
            }
        }
        if pending >= MOST_PENDING {
            return Err(Error::Throttled(Retry {
                retry_after: Some(nanoseconds(Duration::from_secs(60))),
                message: "Too many sign-ins of yours are waiting to be completed. Finish one, or wait a few minutes."
                    .to_owned(),
            }));
        }
        Ok(())
    }

    /// Finds the sign-in that a callback belongs to and uses it up. What does not belong together leaves it there for
    /// the browser that began it.
    async fn take_sign_in(
        &self,
        caller: &Caller,
        state: &SignInState,
        binding: &BindingSecret,
    ) -> Result<Stored<SignInRecord>> {
        let unknown = || {
            Error::NotFound("This sign-in is not known: it was completed already, took longer than ten minutes, or was begun by somebody else. Begin again.".to_owned())
        };
        let key = storage_key::sign_in(&caller.tenant, &caller.user, state.expose());
        let pending: Stored<SignInRecord> = self.read(&key).await?.ok_or_else(unknown)?;
        let same: bool = binding_digest(binding).as_bytes().ct_eq(pending.record.binding.as_bytes()).into();
        if !same {
            return Err(Error::invalid(
                "binding",
                "This sign-in was begun in another browser. Complete it there, or begin again here.",
            ));
        }
        match self.ports.delete(&key, pending.revision).await? {
            WriteOutcome::Written(_) if pending.age < SIGN_IN_LIFE => Ok(pending),
            _ => Err(unknown()),
        }
    }

    async fn finish(
        &self,
        deployment: &Description,
        caller: &Caller,
        pending: &Stored<SignInRecord>,
        callback: Callback,
    ) -> Result<CompletedSignIn> {
        check_issuer(&pending.record, callback.issuer.as_deref())?;
        match callback.answer {
            Answer::Refused { code, description } => Err(callback::refusal(&code, &description)),
            Answer::Code(code) => self.exchange_code(deployment, caller, pending, code).await,
        }
    }

    /// Exchanges the code, asks who signed in, and stores the grant.
    async fn exchange_code(
        &self,
        deployment: &Description,
        caller: &Caller,
        pending: &Stored<SignInRecord>,
        code: AuthorizationCode,
    ) -> Result<CompletedSignIn> {
        let record = &pending.record;
        let app = self.app_connection(deployment, &caller.tenant, Some(&record.app_connection)).await?;
        if app.client_id != record.client_id {
            return Err(Error::Conflict("The app connection was changed while you signed in. Begin again.".to_owned()));
        }
        let secret = self.client_secret(&caller.tenant, &app).await?;
        let binding = verifier_binding(&caller.tenant, &pending.key, &record.lineage);
        let mut verifier = self.open(&binding, &record.code_verifier).await?;
        let verifier = CodeVerifier::from(std::mem::take(&mut *verifier));
        let prepared = self.prepare_grant().await?;

        let client = Client { id: &record.client_id, secret: secret.as_ref() };
        let request =
            token_request::authorization_code(&record.token_endpoint, &client, &code, &record.redirect_url, &verifier);
        let sent_at = self.ports.monotonic();
        let reply = self
            .request_token(GrantType::AuthorizationCode, request, &record.workspace)
            .await
            .map_err(|failure| failure.of_person())?;
        let me = self.who_am_i(&record.workspace, record.workspace_id.as_deref(), &reply.access_token).await?;
        let elapsed = self.ports.monotonic().saturating_sub(sent_at);
        let signed_in = SignedIn { caller, pending: record, app: &app, reply: &reply, me: &me, elapsed };
        self.store_new_grant(signed_in, prepared).await
    }

    fn random_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(*Zeroizing::new(self.random::<32>()))
    }
}

/// Whether the caller is somebody who can sign in.
fn may_sign_in(caller: &Caller, fabric: &FabricRecord) -> Result<()> {
    permissions::identity_for(caller, fabric, crate::contract::Activity::PipelineDevelopment).map(|_| ())
}

/// The redirect URL: one of the deployment's, byte for byte, since Databricks compares it so.
fn redirect_url_of(deployment: &Description, wanted: Option<String>) -> Result<String> {
    match wanted {
        Some(wanted) if deployment.redirect_urls.contains(&wanted) => Ok(wanted),
        Some(_) => Err(Error::invalid(
            "redirect-url",
            format!(
                "This is not one of the deployment's redirect URLs: {}.",
                text::clean(&deployment.redirect_urls.join(", "), 512)
            ),
        )),
        None => deployment.redirect_urls.first().cloned().ok_or_else(|| {
            Error::Misconfigured("The deployment names no redirect URL (`deployment.redirect_urls`).".to_owned())
        }),
    }
}

/// The authorization request (RFC 6749 section 4.1.1). Exactly the parameters that Databricks' own clients send.
fn authorization_url(
    server: &DiscoveryRecord,
    client_id: &str,
    redirect_url: &str,
    scopes: &[String],
    state: &SignInState,
    verifier: &CodeVerifier,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_url)
        .append_pair("scope", &scopes.join(" "))
        .append_pair("state", state.expose())
        .append_pair("code_challenge", &pkce::code_challenge(verifier))
        .append_pair("code_challenge_method", "S256");
    let separator = if server.authorization_endpoint.contains('?') { '&' } else { '?' };
    format!("{}{separator}{}", server.authorization_endpoint, query.finish())
}

/// Compares the issuer of an answer with the one that was chosen (RFC 9207 section 2.4): plainly, and it never
/// chooses anything.
fn check_issuer(pending: &SignInRecord, issuer: Option<&str>) -> Result<()> {
    match issuer {
        Some(issuer) if issuer == pending.issuer => Ok(()),
        None if !pending.issuer_required => Ok(()),
        _ => Err(Error::invalid(
            "callback-query",
            "The answer does not come from the authorization server that was asked (`iss`). Begin again; if it happens again, tell your administrator.",
        )),
    }
}

fn verifier_binding<'a>(tenant: &'a str, key: &'a str, lineage: &'a str) -> Binding<'a> {
    Binding { tenant, key, lineage, generation: 0, field: "code-verifier" }
}

fn binding_digest(binding: &BindingSecret) -> String {
    storage_key::digest(&["binding", binding.expose()])
}

/// Why a code that Databricks does not take means beginning again.
pub fn code_refused() -> Error {
    let mut error = Error::sign_in(SignInReason::NeverSignedIn);
    if let Error::SignInRequired(required) = &mut error {
        required.message =
            "Databricks did not accept the sign-in code; it is used up or too old. Begin again.".to_owned();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> DiscoveryRecord {
        DiscoveryRecord {
            version: 1,
            issuer: "https://x/oidc".into(),
            authorization_endpoint: "https://x/oidc/v1/authorize".into(),
            token_endpoint: "https://x/oidc/v1/token".into(),
            revocation_endpoint: None,
            sends_issuer: false,
            workspace_id: None,
            unified: false,
            unknown: serde_json::Map::new(),
        }
    }

    /// PB-078, PB-100, PB-161.
    #[test]
    fn the_authorization_request_has_the_parameters_of_databricks_own_clients() {
        let state = SignInState::from("st".to_owned());
        let verifier = CodeVerifier::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        let scopes = ["all-apis".to_owned(), "offline_access".to_owned()];
        let redirect = "https://app.example/api/databricks/oauthredirect";
        assert_eq!(
            authorization_url(&server(), "app", redirect, &scopes, &state, &verifier),
            "https://x/oidc/v1/authorize?response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fapi%2Fdatabricks%2Foauthredirect&scope=all-apis+offline_access&state=st&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
    }

    #[test]
    fn a_query_in_the_endpoint_is_added_to() {
        let server = DiscoveryRecord { authorization_endpoint: "https://x/a?b=c".into(), ..server() };
        let url = authorization_url(
            &server,
            "app",
            "r",
            &[],
            &SignInState::from("s".to_owned()),
            &CodeVerifier::from("v".to_owned()),
        );
        assert!(url.starts_with("https://x/a?b=c&response_type=code&"));
    }
}
