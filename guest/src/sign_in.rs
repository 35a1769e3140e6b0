//! Signing a person in (U2M): authorization code with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 9700).
//!
//! What is kept between the two halves is in [`crate::pending_sign_in`].

use std::time::Duration;

use zeroize::Zeroizing;

use crate::app_connections::ClientSecrets;
use crate::callback::{self, Answer, Callback};
use crate::contract::databricks_oauth::{CompletedSignIn, PendingSignIn};
use crate::contract::deployment::Description;
use crate::contract::journal::Action;
use crate::contract::{Caller, Error, SignInReason};
use crate::core::{Core, event, outcome};
use crate::discovery::Workspace;
use crate::error::{Result, nanoseconds};
use crate::grants::SignedIn;
use crate::pending_sign_in::{NewSignIn, SIGN_IN_LIFE, TakenSignIn};
use crate::permissions;
use crate::pkce;
use crate::ports::Ports;
use crate::record::{DiscoveryRecord, FabricRecord, SignInRecord};
use crate::secret::{AuthorizationCode, BindingSecret, ClientSecret, CodeVerifier};
use crate::text;
use crate::token_call::TokenCallFailure;
use crate::token_failure::GrantType;
use crate::token_reply::TokenReply;
use crate::token_request::{self, Client};

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
        // A client secret that does not open is told now, not once the person has signed in.
        self.client_secret(&caller.tenant, &app).await?;
        self.make_room(caller).await?;
        let server = self.discover(&Workspace::from(&fabric.record)).await?;
        let result = self.store_sign_in(caller, &fabric.record, &app, &server, &redirect_url).await;
        let mut entry = event(caller, Action::SignInBegun);
        entry.fabric = Some(fabric.record.name.clone());
        entry.workspace = Some(fabric.record.workspace.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        let new = result?;
        let authorization_url = authorization_url(&server, &app.client_id, &redirect_url, &new);
        Ok((authorization_url, new.binding, PendingSignIn { redirect_url, expires_in: nanoseconds(SIGN_IN_LIFE) }))
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
        let taken = self.take_sign_in(caller, &callback.state, &binding).await?;
        let result = self.finish(&deployment, caller, &taken, callback).await;
        // Where the store gave no certain answer the grant may yet be written: the mark of this sign-in stays, so that
        // ending grants finds it.
        if !matches!(result, Err(Error::Unavailable(_))) {
            self.forget_sign_in(&taken).await;
        }
        let mut entry = event(caller, Action::SignInCompleted);
        entry.fabric = Some(taken.pending.record.fabric.clone());
        entry.workspace = Some(taken.pending.record.workspace.clone());
        entry.databricks_user = result.as_ref().ok().map(|completed| completed.databricks_user.clone());
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }

    async fn finish(
        &self,
        deployment: &Description,
        caller: &Caller,
        taken: &TakenSignIn,
        callback: Callback,
    ) -> Result<CompletedSignIn> {
        let verifier = self.code_verifier_of(caller, &taken.pending).await?;
        check_issuer(&taken.pending.record, callback.issuer.as_deref())?;
        match callback.answer {
            Answer::Refused { code, description } => {
                let record = &taken.pending.record;
                let app = self.app_connection(deployment, &caller.tenant, Some(&record.app_connection)).await;
                let set_for = app.ok().and_then(|app| app.set_for);
                Err(callback::refusal(&code, &description, &record.scopes, set_for))
            }
            Answer::Code(code) => self.exchange_code(deployment, caller, taken, code, verifier).await,
        }
    }

    /// Exchanges the code, asks who signed in, and stores the grant.
    async fn exchange_code(
        &self,
        deployment: &Description,
        caller: &Caller,
        taken: &TakenSignIn,
        code: AuthorizationCode,
        verifier: CodeVerifier,
    ) -> Result<CompletedSignIn> {
        let record = &taken.pending.record;
        // A grant that cannot be read is not written over, so that the code would be spent for nothing.
        let former = taken.former.as_ref().map_err(Clone::clone)?;
        let app = self.app_connection(deployment, &caller.tenant, Some(&record.app_connection)).await?;
        if app.client_id != record.client_id {
            return Err(Error::Conflict("The app connection was changed while you signed in. Begin again.".to_owned()));
        }
        let secrets = self.client_secrets(&caller.tenant, &app).await?;
        let prepared = self.prepare_grant().await?;

        let exchanged = self.exchange(record, &secrets, &code, &verifier).await;
        let Exchanged { reply, asked_at, by_previous } = exchanged.map_err(|failure| failure.of_person(app.set_for))?;
        let me = self.who_am_i(&record.workspace, record.workspace_id.as_deref(), &reply.access_token).await?;
        let signed_in = SignedIn { caller, pending: record, former, app: &app, reply: &reply, me: &me, asked_at };
        let completed = self.store_new_grant(signed_in, prepared).await;
        if by_previous {
            self.note_secret_refused(&caller.tenant, &app, &record.workspace).await;
        } else {
            self.note_secret_worked(&app).await;
        }
        completed
    }

    /// Presents the code with the client secret in force. Where that is refused, with the previous one at once: a client
    /// is authenticated before its code is looked at. If that is refused too, an admin must know of the first refusal; any
    /// other answer tells that the previous one is taken.
    async fn exchange(
        &self,
        record: &SignInRecord,
        secrets: &ClientSecrets,
        code: &AuthorizationCode,
        verifier: &CodeVerifier,
    ) -> Result<Exchanged, TokenCallFailure> {
        let present = async |secret: Option<&ClientSecret>, by_previous: bool| {
            let client = Client { id: &record.client_id, secret };
            let request = token_request::authorization_code(
                &record.token_endpoint,
                &client,
                code,
                &record.redirect_url,
                verifier,
            );
            let asked_at = self.ports.monotonic();
            let reply = self.request_token(GrantType::AuthorizationCode, request, &record.workspace).await?;
            Ok::<_, TokenCallFailure>(Exchanged { reply, asked_at, by_previous })
        };
        let first = present(secrets.present.as_ref(), false).await;
        match (first, &secrets.previous) {
            (Err(refused), Some(previous)) if refused.is_invalid_client() => {
                let second = present(Some(previous), true).await;
                second.map_err(|second| if second.is_invalid_client() { refused } else { second })
            }
            (first, _) => first,
        }
    }
}

/// What a code was exchanged for.
struct Exchanged {
    reply: TokenReply,
    /// When it was asked for.
    asked_at: Duration,
    /// Whether with the previous client secret, after the present one was refused.
    by_previous: bool,
}

/// Whether the caller is somebody who can sign in, on a fabric where that is what people do.
fn may_sign_in(caller: &Caller, fabric: &FabricRecord) -> Result<()> {
    permissions::identity_for(caller, fabric, crate::contract::Activity::PipelineDevelopment)?;
    if fabric.takes_personal_access_tokens() {
        return Err(Error::invalid(
            "fabric",
            "People do not sign in on this fabric: it takes personal access tokens. Enter yours.",
        ));
    }
    Ok(())
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
fn authorization_url(server: &DiscoveryRecord, client_id: &str, redirect_url: &str, new: &NewSignIn) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_url)
        .append_pair("scope", &new.scopes.join(" "))
        .append_pair("state", new.state.expose())
        .append_pair("code_challenge", &pkce::code_challenge(&new.verifier))
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
    use crate::secret::SignInState;

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

    fn new_sign_in() -> NewSignIn {
        NewSignIn {
            state: SignInState::from("st".to_owned()),
            binding: BindingSecret::from("secret".to_owned()),
            verifier: CodeVerifier::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned()),
            scopes: vec!["all-apis".to_owned(), "offline_access".to_owned()],
        }
    }

    /// PB-078, PB-100, PB-161.
    #[test]
    fn the_authorization_request_has_the_parameters_of_databricks_own_clients() {
        let redirect = "https://app.example/api/databricks/oauthredirect";
        assert_eq!(
            authorization_url(&server(), "app", redirect, &new_sign_in()),
            "https://x/oidc/v1/authorize?response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fapi%2Fdatabricks%2Foauthredirect&scope=all-apis+offline_access&state=st&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
    }

    #[test]
    fn a_query_in_the_endpoint_is_added_to() {
        let server = DiscoveryRecord { authorization_endpoint: "https://x/a?b=c".into(), ..server() };
        let url = authorization_url(&server, "app", "r", &new_sign_in());
        assert!(url.starts_with("https://x/a?b=c&response_type=code&"));
    }
}
