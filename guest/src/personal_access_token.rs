//! Personal access tokens: on a fabric that takes them, each person enters their own, and it is handed out as it is.
//!
//! Databricks tells neither their end nor their scopes, so that they are handed out for a bounded time, and there is
//! nothing to renew. The record of each is a person's on one fabric; see [`crate::administration`] for how it comes there.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::contract::databricks_oauth::{RejectionVerdict, SignInState};
use crate::contract::journal::{Action, Event};
use crate::contract::{Caller, Error, SignInReason, SignInRequired, TokenReference};
use crate::core::{Core, event, outcome};
use crate::error::{Failure, Result};
use crate::ports::Ports;
use crate::record::{FabricRecord, Identity, PersonalAccessTokenRecord, Stored, WRITE_ATTEMPTS, Written};
use crate::sealing::Binding;
use crate::secret::AccessToken;
use crate::sign_out::signed_out;
use crate::storage_key;

/// Whoever is handed one asks again after this long. It bounds how long one is used that was replaced or taken away;
/// the contract names it.
pub const HANDED_OUT_FOR: Duration = Duration::from_secs(300);

/// Every one that is entered is a lineage of its own, with this one generation.
const GENERATION: u64 = 1;

/// Name of the sealed identity.
const IDENTITY: &str = "identity";

impl Stored<PersonalAccessTokenRecord> {
    /// Names the token.
    pub fn reference(&self) -> TokenReference {
        TokenReference { lineage: self.record.lineage.clone(), generation: GENERATION }
    }

    /// What the sealed token is bound to: beside its record, the workspace that it may be sent to. Changed in the store
    /// by somebody without the keys, it does not open.
    pub fn token_binding<'a>(&'a self, tenant: &'a str, place: &'a str) -> Binding<'a> {
        token_binding(tenant, &self.key, &self.record.lineage, place)
    }

    /// What the sealed identity is bound to.
    pub fn identity_binding<'a>(&'a self, tenant: &'a str) -> Binding<'a> {
        identity_binding(tenant, &self.key, &self.record.lineage)
    }
}

/// What a sealed personal access token is bound to.
pub fn token_binding<'a>(tenant: &'a str, key: &'a str, lineage: &'a str, place: &'a str) -> Binding<'a> {
    Binding { tenant, key, lineage, generation: GENERATION, field: place }
}

/// What the sealed identity beside it is bound to.
pub fn identity_binding<'a>(tenant: &'a str, key: &'a str, lineage: &'a str) -> Binding<'a> {
    Binding { tenant, key, lineage, generation: GENERATION, field: IDENTITY }
}

/// The place of a personal access token: field and workspace.
pub fn token_place(record: &PersonalAccessTokenRecord) -> String {
    let PersonalAccessTokenRecord { workspace, workspace_id, account_id, .. } = record;
    let [workspace_id, account_id] = [workspace_id, account_id].map(|id| id.as_deref().unwrap_or_default());
    storage_key::digest(&["personal-access-token", workspace, workspace_id, account_id])
}

impl<P: Ports> Core<P> {
    /// The caller's personal access token for a fabric, if one was entered for the workspace that it has now.
    pub(crate) async fn personal_access_token(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
    ) -> Result<Option<Stored<PersonalAccessTokenRecord>>, Failure> {
        let key = storage_key::personal_access_token(&caller.tenant, &fabric.name, &caller.user);
        let stored: Option<Stored<PersonalAccessTokenRecord>> = self.read(&key).await?;
        Ok(stored.filter(|stored| stored.record.is_for(fabric)))
    }

    /// The same, where it may be handed out.
    ///
    /// # Errors
    /// `sign-in-required` when there is none, or Databricks has refused it.
    pub(crate) async fn usable_personal_access_token(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
    ) -> Result<Stored<PersonalAccessTokenRecord>, Failure> {
        let stored = self.personal_access_token(caller, fabric).await?;
        match reason(stored.as_ref()) {
            Some(reason) => Err(required(reason).into()),
            None => Ok(stored.ok_or_else(|| required(SignInReason::NeverSignedIn))?),
        }
    }

    /// Opens a personal access token.
    pub(crate) async fn open_personal_access_token(
        &self,
        tenant: &str,
        stored: &Stored<PersonalAccessTokenRecord>,
    ) -> Result<AccessToken, Failure> {
        let place = token_place(&stored.record);
        let sealed = stored.record.token.as_deref().unwrap_or_default();
        let mut token = self.open(&stored.token_binding(tenant, &place), sealed).await?;
        Ok(AccessToken::from(std::mem::take(&mut *token)))
    }

    /// Who a personal access token belongs to.
    pub(crate) async fn owner(
        &self,
        tenant: &str,
        stored: &Stored<PersonalAccessTokenRecord>,
    ) -> Result<Identity, Failure> {
        let text: Zeroizing<String> = self.open(&stored.identity_binding(tenant), &stored.record.identity).await?;
        let damaged = || Error::Internal("A stored personal access token does not say whose it is.".to_owned());
        Ok(serde_json::from_str(&text).map_err(|_| damaged())?)
    }

    /// What `sign-in-status` tells on a fabric that takes personal access tokens.
    pub(crate) async fn personal_access_token_status(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
    ) -> Result<SignInState> {
        let Some(stored) = self.personal_access_token(caller, fabric).await? else {
            return Ok(signed_out(SignInReason::NeverSignedIn));
        };
        let databricks_user = Some(self.owner(&caller.tenant, &stored).await?.databricks_user);
        Ok(SignInState {
            required: reason(Some(&stored)),
            databricks_user,
            scopes: Vec::new(),
            access_token_expires_in: None,
            renewable: false,
            session_expires_in: None,
        })
    }

    /// Takes a personal access token out of service that Databricks has refused, if it is the one in force. Who it belonged
    /// to stays, so that the next one must be the same person's.
    pub(crate) async fn reject_personal_access_token(
        &self,
        key: &str,
        token: &TokenReference,
    ) -> Result<RejectionVerdict> {
        let mut stored: Option<Stored<PersonalAccessTokenRecord>> = self.read(key).await?;
        for _ in 0..WRITE_ATTEMPTS {
            let Some(now) = stored else { return Ok(RejectionVerdict::AlreadyReplaced) };
            if now.record.lineage != token.lineage || token.generation != GENERATION {
                return Ok(RejectionVerdict::AlreadyReplaced);
            }
            if now.record.token.is_none() {
                return Ok(RejectionVerdict::TokenRejected);
            }
            let record = PersonalAccessTokenRecord { token: None, ..now.record.clone() };
            match self.write(key, &record, None, now.precondition()).await? {
                Written::Done(_) => return Ok(RejectionVerdict::TokenRejected),
                Written::Lost(other) => stored = other,
            }
        }
        Err(Error::unavailable("The personal access token keeps being changed from elsewhere. Try again.", None))
    }

    /// Removes the caller's personal access token for a fabric. Gives whether there was one.
    pub(crate) async fn forget_personal_access_token(&self, caller: &Caller, fabric: &FabricRecord) -> Result<bool> {
        let key = storage_key::personal_access_token(&caller.tenant, &fabric.name, &caller.user);
        self.remove_personal_access_token_at(caller, &key).await
    }

    /// Removes the personal access token under a key, whoever it belongs to, and writes it down. Gives whether there was
    /// one. One that is damaged is removed as well.
    pub(crate) async fn remove_personal_access_token_at(&self, caller: &Caller, key: &str) -> Result<bool> {
        let mut entry = self.removal(caller, key).await;
        let result = self.remove(key).await;
        self.tokens.borrow_mut().invalidate(&[key.to_owned()]);
        if !matches!(result, Ok(false)) {
            entry.outcome = outcome(&result);
            self.journal(entry).await;
        }
        result
    }

    /// Removes everybody's personal access tokens for a fabric, which has no use for them any more. Nobody is served one
    /// meanwhile: a fabric that takes none, or is on another workspace, hands none out.
    pub(crate) async fn remove_personal_access_tokens_on(&self, tenant: &str, fabric: &str) -> Result<()> {
        let removed = self.remove_all(&storage_key::personal_access_tokens_on(tenant, fabric)).await?;
        self.tokens.borrow_mut().invalidate(&removed);
        Ok(())
    }

    /// The entry of a removal, with what can be read of the token.
    async fn removal(&self, caller: &Caller, key: &str) -> Event {
        let mut entry = event(caller, Action::PersonalAccessTokenRemoved);
        entry.fabric = storage_key::fabric_of_personal_access_token(&caller.tenant, key);
        if let Ok(Some(stored)) = self.read::<PersonalAccessTokenRecord>(key).await {
            entry.databricks_user =
                self.owner(&caller.tenant, &stored).await.ok().map(|identity| identity.databricks_user);
            entry.token = Some(stored.reference());
            entry.workspace = Some(stored.record.workspace);
        }
        entry
    }
}

/// Why a person must enter a token; none while there is one that may be handed out.
fn reason(stored: Option<&Stored<PersonalAccessTokenRecord>>) -> Option<SignInReason> {
    match stored {
        None => Some(SignInReason::NeverSignedIn),
        Some(stored) if stored.record.token.is_none() => Some(SignInReason::SessionEnded),
        Some(_) => None,
    }
}

/// A person has to enter a personal access token.
fn required(reason: SignInReason) -> Error {
    let message = match reason {
        SignInReason::SessionEnded => {
            "Databricks no longer accepts your personal access token: it has expired or was revoked. Enter a new one for this fabric."
        }
        _ => {
            "This fabric takes personal access tokens, and you have entered none. Make one in Databricks (Settings > Developer > Access tokens) and enter it for this fabric."
        }
    };
    Error::SignInRequired(SignInRequired { reason, missing_scopes: Vec::new(), message: message.to_owned() })
}

/// What a refusal means to somebody who uses a personal access token: there is no session that could have ended.
pub fn in_its_words(error: Error) -> Error {
    match error {
        Error::SignInRequired(_) => required(SignInReason::SessionEnded),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record as _;

    fn record() -> PersonalAccessTokenRecord {
        PersonalAccessTokenRecord {
            version: PersonalAccessTokenRecord::VERSION,
            workspace: "https://x".into(),
            workspace_id: None,
            account_id: None,
            lineage: "l".into(),
            subject: "digest".into(),
            identity: "sealed".into(),
            token: Some("sealed".into()),
            unknown: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_token_is_bound_to_its_workspace() {
        let others = [
            PersonalAccessTokenRecord { workspace: "https://y".into(), ..record() },
            PersonalAccessTokenRecord { workspace_id: Some("1".into()), ..record() },
            PersonalAccessTokenRecord { account_id: Some("1".into()), ..record() },
        ];
        let mut places: Vec<String> = others.iter().chain([&record()]).map(token_place).collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), 4);
    }

    #[test]
    fn who_has_entered_none_and_whose_was_refused_are_told_apart() {
        let stored = |record| Stored {
            record,
            key: "personal-access-token/acme/dev/x".into(),
            revision: 1,
            age: Duration::ZERO,
            unchanged_for: Duration::ZERO,
        };
        assert_eq!(reason(None), Some(SignInReason::NeverSignedIn));
        assert_eq!(reason(Some(&stored(record()))), None);
        let refused = PersonalAccessTokenRecord { token: None, ..record() };
        assert_eq!(reason(Some(&stored(refused))), Some(SignInReason::SessionEnded));
    }
}
