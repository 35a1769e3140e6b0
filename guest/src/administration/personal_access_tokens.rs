//! Entering a personal access token, and taking it back. It is checked with the workspace before it is stored, and never
//! read back.

use zeroize::Zeroizing;

use super::secret;
use crate::contract::journal::Action;
use crate::contract::storage::{Precondition, WriteOutcome};
use crate::contract::{Activity, Caller, Error, IdentityMismatch};
use crate::core::{Core, event, outcome};
use crate::error::{Failure, Result};
use crate::permissions;
use crate::personal_access_token::{identity_binding, token_binding, token_place};
use crate::ports::Ports;
use crate::record::{FabricRecord, Identity, PersonalAccessTokenRecord, Record as _, Stored, WRITE_ATTEMPTS, encode};
use crate::secret::{AccessToken, PersonalAccessToken};
use crate::storage_key;
use crate::text;
use crate::who_am_i::{self, Me};

/// How other things begin that Databricks gives out, and that are entered by mistake.
const OTHERS: [&str; 3] = ["eyJ", "dose", "doau"];

impl<P: Ports> Core<P> {
    /// `administration.set-personal-access-token`. Gives the Databricks user whose it is.
    pub async fn set_personal_access_token(
        &self,
        caller: &Caller,
        fabric: &str,
        token: PersonalAccessToken,
    ) -> Result<String> {
        let fabric = self.fabric(caller, fabric).await?;
        permissions::identity_for(caller, &fabric.record, Activity::PipelineDevelopment)?;
        self.deployment()?;
        if !fabric.record.takes_personal_access_tokens() {
            return Err(Error::invalid(
                "fabric",
                "This fabric authenticates with OAuth: sign in, and enter no personal access token.",
            ));
        }
        let token = checked(&token)?;
        let result = self.verify_and_store(caller, &fabric, &token).await;
        let mut entry = event(caller, Action::PersonalAccessTokenSet);
        entry.fabric = Some(fabric.record.name.clone());
        entry.workspace = Some(fabric.record.workspace.clone());
        entry.databricks_user = result.as_ref().ok().cloned();
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }

    /// `administration.remove-personal-access-token`.
    pub async fn remove_personal_access_token(&self, caller: &Caller, fabric: &str) -> Result<()> {
        let fabric = self.fabric(caller, fabric).await?;
        permissions::identity_for(caller, &fabric.record, Activity::PipelineDevelopment)?;
        if self.forget_personal_access_token(caller, &fabric.record).await? {
            return Ok(());
        }
        Err(Error::NotFound("You have entered no personal access token for this fabric.".to_owned()))
    }

    async fn verify_and_store(
        &self,
        caller: &Caller,
        fabric: &Stored<FabricRecord>,
        token: &AccessToken,
    ) -> Result<String> {
        let FabricRecord { workspace, workspace_id, .. } = &fabric.record;
        let me = self.who_am_i(workspace, workspace_id.as_deref(), token).await.map_err(not_accepted)?;
        expect_owner(caller, &me)?;
        let key = storage_key::personal_access_token(&caller.tenant, &fabric.record.name, &caller.user);
        let record = self.sealed(caller, &fabric.record, &key, token, &me).await?;
        let revision = self.replace(caller, fabric, (&record, &me)).await?;
        // Whoever removes or changes a fabric does that first, and removes the tokens after it: a fabric that is still seen
        // as it was after the write is one whose change will find this token.
        match self.fabric_of(&caller.tenant, &fabric.record.name).await? {
            Some(now) if record.is_for(&now.record) => Ok(me.user_name),
            _ => {
                self.ports.delete(&key, revision).await?;
                Err(Error::Conflict("The fabric was changed meanwhile. Look at it again.".to_owned()))
            }
        }
    }

    /// The record of a token.
    async fn sealed(
        &self,
        caller: &Caller,
        fabric: &FabricRecord,
        key: &str,
        token: &AccessToken,
        me: &Me,
    ) -> Result<PersonalAccessTokenRecord> {
        let tenant = &caller.tenant;
        let identity = Identity { user: caller.user.clone(), databricks_user: me.user_name.clone() };
        let identity = Zeroizing::new(
            serde_json::to_vec(&identity)
                .map_err(|_| Error::Internal("An identity could not be written as JSON.".to_owned()))?,
        );
        let lineage = self.random_name();
        let mut record = PersonalAccessTokenRecord {
            version: PersonalAccessTokenRecord::VERSION,
            workspace: fabric.workspace.clone(),
            workspace_id: fabric.workspace_id.clone(),
            account_id: fabric.account_id.clone(),
            subject: storage_key::digest(&["personal-access-token", tenant, &fabric.workspace, &me.id]),
            identity: self.seal(&identity_binding(tenant, key, &lineage), &identity).await?,
            token: None,
            lineage,
            unknown: serde_json::Map::new(),
        };
        let place = token_place(&record);
        let binding = token_binding(tenant, key, &record.lineage, &place);
        record.token = Some(self.seal(&binding, token.expose().as_bytes()).await?);
        Ok(record)
    }

    /// Writes a token over whatever is there, unless that is somebody else's. Gives the revision.
    async fn replace(
        &self,
        caller: &Caller,
        fabric: &Stored<FabricRecord>,
        (record, me): (&PersonalAccessTokenRecord, &Me),
    ) -> Result<u64> {
        let key = storage_key::personal_access_token(&caller.tenant, &fabric.record.name, &caller.user);
        let value = encode(record)?;
        for _ in 0..WRITE_ATTEMPTS {
            let (before, precondition) = self.standing(&key).await?;
            // Whose tokens they are is fixed by the first one, until it is removed.
            let others =
                before.filter(|before| before.record.is_for(&fabric.record) && before.record.subject != record.subject);
            if let Some(others) = others {
                return Err(mismatch(&self.owner(&caller.tenant, &others).await?.databricks_user, &me.user_name));
            }
            if let WriteOutcome::Written(revision) = self.ports.put(&key, value.clone(), None, precondition).await? {
                self.tokens.borrow_mut().invalidate(&[key]);
                return Ok(revision);
            }
        }
        Err(Error::unavailable("Your personal access token keeps being changed from elsewhere. Try again.", None))
    }

    /// What stands in the token's place. One that is damaged is as good as none: it is entered anew.
    async fn standing(&self, key: &str) -> Result<(Option<Stored<PersonalAccessTokenRecord>>, Precondition), Failure> {
        let Some(entry) = self.ports.get(key).await? else { return Ok((None, Precondition::Absent)) };
        let precondition = Precondition::Revision(entry.revision);
        match Stored::parse(key, entry) {
            Ok(stored) => Ok((Some(stored), precondition)),
            Err(Error::Internal(_)) => Ok((None, precondition)),
            Err(error) => Err(error.into()),
        }
    }
}

/// A token as it was pasted: trimmed, printable, and none of the other things that Databricks gives out.
fn checked(token: &PersonalAccessToken) -> Result<AccessToken> {
    let text = secret("token", token.expose())?;
    if OTHERS.iter().any(|other| text.starts_with(other)) {
        let _wiped = Zeroizing::new(text);
        return Err(Error::invalid(
            "token",
            "This is a secret or token of OAuth, and no personal access token; those begin with `dapi`.",
        ));
    }
    Ok(AccessToken::from(text))
}

/// A person's own token: interactive work runs as the person who asks.
fn expect_owner(caller: &Caller, me: &Me) -> Result<()> {
    let expected = caller.email.as_deref().unwrap_or(&caller.user);
    who_am_i::expect_email(me, caller.email.as_deref()).map_err(|_| mismatch(expected, &me.user_name))?;
    if is_application_id(&me.user_name) {
        return Err(mismatch(expected, &me.user_name));
    }
    Ok(())
}

/// Whether a user name is the application id of a service principal, which is a UUID; people have addresses.
fn is_application_id(user_name: &str) -> bool {
    user_name.len() == 36
        && user_name.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn mismatch(expected: &str, found: &str) -> Error {
    let expected = text::clean(expected, 320);
    Error::IdentityMismatch(IdentityMismatch {
        message: format!(
            "This personal access token belongs to {found}, but one of {expected} was expected, and it was not stored. Enter one of {expected}; to change over, remove the stored one first."
        ),
        expected,
        found: found.to_owned(),
    })
}

/// What a refusal means of a token that is only being entered.
fn not_accepted(error: Error) -> Error {
    match error {
        Error::SignInRequired(_) => Error::invalid(
            "token",
            "The workspace does not accept this token. It may be mistyped, expired, revoked, or of another workspace.",
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_by_mistake_is_recognised_and_never_repeated() {
        let checked = |text: &str| checked(&PersonalAccessToken::from(text.to_owned()));
        assert_eq!(checked(" dapi0123 \n").unwrap().expose(), "dapi0123");
        for text in ["", "  ", "a b", "ü", "eyJraWQiOiJ4In0.e30.s", "dose0123", "doau0123"] {
            let Err(Error::InvalidInput(input)) = checked(text) else { panic!("{text:?} is taken") };
            assert_eq!(input.field, "token");
            assert!(text.trim().is_empty() || text == "a b" || !input.message.contains(text), "{}", input.message);
        }
    }

    #[test]
    fn the_token_of_a_service_principal_is_nobodys_own() {
        assert!(is_application_id("1f7b2c3d-0000-4a1b-9c2d-00112233aabb"));
        for user_name in ["alice@example.com", "", "1f7b2c3d-0000-4a1b-9c2d-00112233aabg", &"a".repeat(36)] {
            assert!(!is_application_id(user_name), "{user_name}");
        }
    }
}
