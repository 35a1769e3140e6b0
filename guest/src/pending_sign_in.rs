//! Sign-ins that have begun: stored, found again, used up.
//!
//! A pending sign-in is a record of its own, found by the digest of `state` under the digest of its user, so that a
//! callback finds nothing but a sign-in of the very person who comes back with it. All that it says stands in clear, and
//! its sealed code verifier is bound to all of it: whoever changes the record in the store can end the sign-in, but not
//! have its code and verifier sent elsewhere.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::app_connections::AppConnection;
use crate::contract::storage::Precondition;
use crate::contract::{Caller, Error, Retry};
use crate::core::Core;
use crate::error::{Failure, Result, nanoseconds};
use crate::former_grant::FormerGrant;
use crate::pkce;
use crate::ports::Ports;
use crate::record::{DiscoveryRecord, FabricRecord, Record as _, SignInRecord, Stored, Written};
use crate::sealing::Binding;
use crate::secret::{BindingSecret, CodeVerifier, SignInState};
use crate::storage_key;

/// How long a person may take. Databricks' own page gives up sooner; a code is dead long before.
pub const SIGN_IN_LIFE: Duration = Duration::from_secs(600);

/// How many sign-ins of one person may be pending. More tabs than anybody opens; it bounds what a loop can store.
const MOST_PENDING: usize = 16;

/// A sign-in that was stored, with what stands nowhere in its record.
pub struct NewSignIn {
    /// `state` of the authorization request.
    pub state: SignInState,
    /// For the browser that begins it.
    pub binding: BindingSecret,
    /// The code verifier.
    pub verifier: CodeVerifier,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
}

/// A sign-in that is being completed. Its record stays until it is forgotten, well or badly completed.
pub struct TakenSignIn {
    /// What was stored when it began.
    pub pending: Stored<SignInRecord>,
    /// What stood where its grant will be kept, as of before it was used up.
    pub former: Result<FormerGrant>,
    /// For forgetting it.
    revision: u64,
}

impl<P: Ports> Core<P> {
    /// Makes state, binding secret and verifier, and stores what completing needs.
    pub(crate) async fn store_sign_in(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
        app: &AppConnection,
        server: &DiscoveryRecord,
        redirect_url: &str,
    ) -> Result<NewSignIn> {
        let new = NewSignIn {
            state: SignInState::from(self.random_text()),
            binding: BindingSecret::from(self.random_text()),
            verifier: pkce::code_verifier(Zeroizing::new(self.random())),
            scopes: app.scopes_with(&fabric.scopes),
        };
        let mut record = SignInRecord {
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
            scopes: new.scopes.clone(),
            binding: binding_digest(&new.binding),
            lineage: self.random_text(),
            code_verifier: String::new(),
            used_up: false,
            unknown: serde_json::Map::new(),
        };
        let key = storage_key::sign_in(&caller.tenant, &caller.user, new.state.expose());
        let place = verifier_place(&record);
        let binding = verifier_binding(&caller.tenant, &key, &record.lineage, &place);
        record.code_verifier = self.seal(&binding, new.verifier.expose().as_bytes()).await?;
        match self.write(&key, &record, None, Precondition::Absent).await? {
            Written::Done(_) => Ok(new),
            Written::Lost(_) => Err(Error::Internal("Two sign-ins drew the same random state.".to_owned())),
        }
    }

    /// Keeps one person's pending sign-ins few: forgets those that are over, refuses when there are too many.
    pub(crate) async fn make_room(&self, caller: &Caller) -> Result<()> {
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
    ///
    /// What stands in the grant's place is read first: whoever ends the person's grants after that finds this sign-in,
    /// pending or used up, and in the latter case leaves a mark in the grant's place.
    pub(crate) async fn take_sign_in(
        &self,
        caller: &Caller,
        state: &SignInState,
        binding: &BindingSecret,
    ) -> Result<TakenSignIn> {
        let unknown = || {
            Error::NotFound("This sign-in is not known: it was completed already, took longer than ten minutes, or was begun by somebody else. Begin again.".to_owned())
        };
        let key = storage_key::sign_in(&caller.tenant, &caller.user, state.expose());
        let pending: Option<Stored<SignInRecord>> = self.read(&key).await?;
        let pending = pending.filter(|pending| !pending.record.used_up).ok_or_else(unknown)?;
        let same: bool = binding_digest(binding).as_bytes().ct_eq(pending.record.binding.as_bytes()).into();
        if !same {
            return Err(Error::invalid(
                "binding",
                "This sign-in was begun in another browser. Complete it there, or begin again here.",
            ));
        }
        if pending.age >= SIGN_IN_LIFE {
            self.ports.delete(&key, pending.revision).await?;
            return Err(unknown());
        }
        let former = self.former_grant(caller, &pending.record).await;
        match self.write(&key, &pending.record.taken(), None, pending.precondition()).await? {
            Written::Done(revision) => Ok(TakenSignIn { pending, former, revision }),
            Written::Lost(_) => Err(unknown()),
        }
    }

    /// Forgets a sign-in that was completed, well or badly. If that fails it is cleared out with those that nobody
    /// completed.
    pub(crate) async fn forget_sign_in(&self, taken: &TakenSignIn) {
        let _ = self.ports.delete(&taken.pending.key, taken.revision).await;
    }

    /// Opens a sign-in's code verifier, and shows by that that its record is what was stored when it began. Nothing of a
    /// record is to be believed before.
    ///
    /// # Errors
    /// `internal` when the record was changed.
    pub(crate) async fn code_verifier_of(
        &self,
        caller: &Caller,
        pending: &Stored<SignInRecord>,
    ) -> Result<CodeVerifier> {
        let Stored { record, key, .. } = pending;
        let place = verifier_place(record);
        let binding = verifier_binding(&caller.tenant, key, &record.lineage, &place);
        let mut verifier = self.open(&binding, &record.code_verifier).await.map_err(|failure| match failure {
            Failure::Told(Error::Internal(_)) => changed_in_store(),
            other => other.into(),
        })?;
        Ok(CodeVerifier::from(std::mem::take(&mut *verifier)))
    }

    fn random_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(*Zeroizing::new(self.random::<32>()))
    }
}

/// What a pending sign-in's sealed code verifier is bound to.
fn verifier_binding<'a>(tenant: &'a str, key: &'a str, lineage: &'a str, place: &'a str) -> Binding<'a> {
    Binding { tenant, key, lineage, generation: 0, field: place }
}

/// The place of a code verifier: field, and all that the record says in clear. Its lineage stands in the binding itself.
fn verifier_place(record: &SignInRecord) -> String {
    let SignInRecord {
        version: _,
        fabric,
        workspace,
        workspace_id,
        issuer,
        token_endpoint,
        issuer_required,
        app_connection,
        client_id,
        redirect_url,
        scopes,
        binding,
        lineage: _,
        code_verifier: _,
        used_up: _,
        unknown: _,
    } = record;
    let presence = |present: bool| if present { "present" } else { "absent" };
    let mut parts = vec![
        "code-verifier",
        fabric,
        workspace,
        presence(workspace_id.is_some()),
        workspace_id.as_deref().unwrap_or_default(),
        issuer,
        token_endpoint,
        presence(*issuer_required),
        app_connection,
        client_id,
        redirect_url,
        binding,
    ];
    parts.extend(scopes.iter().map(String::as_str));
    storage_key::digest(&parts)
}

fn binding_digest(binding: &BindingSecret) -> String {
    storage_key::digest(&["binding", binding.expose()])
}

fn changed_in_store() -> Error {
    Error::Internal(
        "The record of this sign-in was changed in the store after it began, so nothing was sent to Databricks. Begin again; if it happens again, tell whoever operates this deployment."
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> SignInRecord {
        SignInRecord {
            version: 1,
            fabric: "dev".into(),
            workspace: "https://x".into(),
            workspace_id: None,
            issuer: "https://x/oidc".into(),
            token_endpoint: "https://x/oidc/v1/token".into(),
            issuer_required: false,
            app_connection: "main".into(),
            client_id: "app".into(),
            redirect_url: "https://prophecy.example.com/callback".into(),
            scopes: vec!["all-apis".into(), "offline_access".into()],
            binding: "digest".into(),
            lineage: "lineage".into(),
            code_verifier: "sealed".into(),
            used_up: false,
            unknown: serde_json::Map::new(),
        }
    }

    #[test]
    fn nothing_of_a_sign_in_that_is_used_up_completes_it_again() {
        let taken = record().taken();
        assert!(taken.used_up && taken.binding.is_empty() && taken.code_verifier.is_empty());
        assert_eq!((taken.issuer, taken.client_id), (record().issuer, record().client_id));
    }

    #[test]
    fn whatever_a_record_says_in_clear_is_part_of_its_verifiers_place() {
        let others = [
            SignInRecord { fabric: "prod".into(), ..record() },
            SignInRecord { workspace: "https://y".into(), ..record() },
            SignInRecord { workspace_id: Some(String::new()), ..record() },
            SignInRecord { workspace_id: Some("12".into()), ..record() },
            SignInRecord { issuer: "https://y/oidc".into(), ..record() },
            SignInRecord { token_endpoint: "https://y/oidc/v1/token".into(), ..record() },
            SignInRecord { issuer_required: true, ..record() },
            SignInRecord { app_connection: "other".into(), ..record() },
            SignInRecord { client_id: "other".into(), ..record() },
            SignInRecord { redirect_url: "https://evil.example/callback".into(), ..record() },
            SignInRecord { scopes: vec!["all-apis".into()], ..record() },
            SignInRecord { scopes: vec!["all-apisoffline_access".into()], ..record() },
            SignInRecord { binding: "other".into(), ..record() },
        ];
        let mut places: Vec<String> = others.iter().map(verifier_place).collect();
        places.push(verifier_place(&record()));
        let count = places.len();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), count);
    }
}
