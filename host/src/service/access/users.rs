//! The users of the service: who they are, what they are to the component, and the API tokens that let them in.
//!
//! They are made on the machine of the deployment (`fabric-auth user add`). There is no first user and no password.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::secret;
use super::stored_user::StoredUser;
use crate::clock::SharedClock;
use crate::contract::{Caller, CallerKind, Error, TeamMembership};
use crate::keys::MasterKeys;
use crate::service::records::{Record, RecordStore, Records, name_of};
use crate::storage::Storage;

/// What every API token begins with.
pub const API_TOKEN_PREFIX: &str = "fabric_auth_";

/// How often a record is read anew when somebody else changes it at the same time.
const ATTEMPTS: usize = 5;

/// Whom the service knows.
#[derive(Clone)]
pub struct Users {
    users: Records,
    api_tokens: Records,
}

/// A user of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The name in Prophecy, or the name of a process. 1 to 256 bytes without control characters.
    pub name: String,
    /// A person, or a process that works unattended. Operators are on the machine itself and not users.
    pub kind: CallerKind,
    /// The e-mail address by which Prophecy knows the person.
    pub email: Option<String>,
    /// Whether they administer the Prophecy cluster.
    pub cluster_admin: bool,
    /// Their teams.
    pub teams: Vec<TeamMembership>,
}

/// An API token as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Names it: the beginning of its digest.
    pub id: String,
    /// How long ago it was made.
    pub age: Duration,
    /// How long it still lasts; none if it does not end by itself.
    pub expires_in: Option<Duration>,
}

/// An API token as stored, under its digest.
#[derive(Serialize, Deserialize)]
struct StoredApiToken {
    /// Name of the user's record.
    user: String,
    /// The user's `id`.
    id: String,
    /// Seconds it lasts from its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<u64>,
}

impl Users {
    /// The users of a tenant in this store, whose records are signed with these keys.
    pub fn new(storage: Arc<dyn Storage>, keys: Arc<dyn MasterKeys>, clock: SharedClock, tenant: &str) -> Self {
        Self::of_store(RecordStore::new(storage, keys, clock, tenant))
    }

    pub(super) fn of_store(store: RecordStore) -> Self {
        Self { users: Records::new(store.clone(), "user"), api_tokens: Records::new(store, "api-token") }
    }

    /// Adds a user.
    ///
    /// # Errors
    /// `invalid-input` naming `name`, `kind`, `email` or `teams`; `conflict` when there is one of this name;
    /// `unavailable`, `internal`.
    pub async fn add(&self, user: &User) -> Result<(), Error> {
        let id = secret::make("")?.expose_secret().to_owned();
        let stored = StoredUser::new(id, user)?;
        if self.users.put(&name_of(&user.name), &stored, None).await? {
            return Ok(());
        }
        Err(Error::Conflict(format!("There is a user named {:?} already; change or remove that one.", user.name)))
    }

    /// Gives a user other roles, teams or another address. API tokens and sessions stay, with the new roles.
    ///
    /// # Errors
    /// As [`add`](Self::add), and `not-found`.
    pub async fn replace(&self, user: &User) -> Result<(), Error> {
        let name = name_of(&user.name);
        for _ in 0..ATTEMPTS {
            let present: Record<StoredUser> = self.users.get(&name).await?.ok_or_else(|| not_found(&user.name))?;
            let stored = StoredUser::new(present.value.id, user)?;
            if self.users.put(&name, &stored, Some(present.revision)).await? {
                return Ok(());
            }
        }
        Err(Error::Conflict("Somebody else keeps changing this user; try again.".to_owned()))
    }

    /// All users, by name.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn list(&self) -> Result<Vec<User>, Error> {
        let stored: Vec<(String, Record<StoredUser>)> = self.users.all().await?;
        let mut users: Vec<User> = stored.into_iter().map(|(_, record)| record.value.into()).collect();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }

    /// Whether there is no user at all.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        self.users.is_empty().await
    }

    /// Reads one user, whichever, to find out whether that is possible.
    pub(crate) async fn is_readable(&self) -> Result<(), Error> {
        self.users.first::<StoredUser>().await.map(drop)
    }

    /// A user, by name.
    ///
    /// # Errors
    /// `not-found`, `unavailable`, `internal`.
    pub async fn get(&self, name: &str) -> Result<User, Error> {
        let record: Option<Record<StoredUser>> = self.users.get(&name_of(name)).await?;
        record.map(|record| record.value.into()).ok_or_else(|| not_found(name))
    }

    /// Removes a user with their API tokens, which end their sessions. One whose record cannot be read can be removed, too.
    ///
    /// # Errors
    /// `not-found`, `conflict` when others keep changing it, `unavailable`.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        if !self.users.remove(&name_of(name)).await? {
            return Err(not_found(name));
        }
        match self.revoke_api_tokens(name).await {
            // Those whose key is gone let nobody in anyway, like all that are of a user who is not there.
            Ok(_) | Err(Error::Misconfigured(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes an API token for a user, for as long as `life` says. It is given this once and stored as a digest.
    ///
    /// # Errors
    /// `not-found` for the user, `unavailable`, `internal`.
    pub async fn issue_api_token(&self, name: &str, life: Option<Duration>) -> Result<SecretString, Error> {
        let user = name_of(name);
        let present: Option<Record<StoredUser>> = self.users.get(&user).await?;
        let id = present.ok_or_else(|| not_found(name))?.value.id;
        let token = secret::make(API_TOKEN_PREFIX)?;
        let stored = StoredApiToken { user, id, life: life.map(|life| life.as_secs()) };
        if self.api_tokens.put(&name_of(token.expose_secret()), &stored, None).await? {
            return Ok(token);
        }
        Err(Error::Internal("The operating system gave the same random bytes twice.".to_owned()))
    }

    /// The API tokens of a user.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn api_tokens(&self, name: &str) -> Result<Vec<ApiToken>, Error> {
        let tokens = self.stored_api_tokens(name).await?;
        Ok(tokens.iter().map(|(digest, record)| record.describe(digest)).collect())
    }

    /// Revokes all API tokens of a user, which ends their sessions, and gives how many.
    ///
    /// # Errors
    /// `unavailable`: some may be left.
    pub async fn revoke_api_tokens(&self, name: &str) -> Result<usize, Error> {
        let tokens = self.stored_api_tokens(name).await?;
        for (digest, _) in &tokens {
            self.api_tokens.remove(digest).await?;
        }
        Ok(tokens.len())
    }

    async fn stored_api_tokens(&self, name: &str) -> Result<Vec<(String, Record<StoredApiToken>)>, Error> {
        let user = name_of(name);
        let all: Vec<(String, Record<StoredApiToken>)> = self.api_tokens.all().await?;
        Ok(all.into_iter().filter(|(_, record)| record.value.user == user).collect())
    }

    /// The digest of what may be an API token; none for what cannot be one.
    pub(super) fn digest_of(shown: &str) -> Option<String> {
        secret::record_name(API_TOKEN_PREFIX, shown)
    }

    /// Whom the API token of this digest lets in, now.
    pub(super) async fn of_api_token(&self, digest: &str) -> Result<Option<User>, Error> {
        let Some(token) = self.api_tokens.get::<StoredApiToken>(digest).await? else { return Ok(None) };
        if token.remaining() == Some(Duration::ZERO) {
            return Ok(None);
        }
        let user: Option<Record<StoredUser>> = self.users.get(&token.value.user).await?;
        Ok(user.filter(|user| user.value.id == token.value.id).map(|user| user.value.into()))
    }

    /// Forgets API tokens that have ended.
    pub(super) async fn clear_out(&self) -> Result<(), Error> {
        let all: Vec<(String, Record<StoredApiToken>)> = self.api_tokens.all().await?;
        for (digest, record) in all.iter().filter(|(_, record)| record.remaining() == Some(Duration::ZERO)) {
            self.api_tokens.delete(digest, record.revision).await?;
        }
        Ok(())
    }
}

impl Record<StoredApiToken> {
    fn remaining(&self) -> Option<Duration> {
        self.value.life.map(|life| Duration::from_secs(life).saturating_sub(self.age))
    }

    fn describe(&self, digest: &str) -> ApiToken {
        ApiToken { id: digest.chars().take(12).collect(), age: self.age, expires_in: self.remaining() }
    }
}

impl User {
    /// The user as the component is told of them.
    pub(crate) fn caller(&self, tenant: &str) -> Caller {
        Caller {
            tenant: tenant.to_owned(),
            kind: self.kind,
            user: self.name.clone(),
            email: self.email.clone(),
            cluster_admin: self.cluster_admin,
            teams: self.teams.clone(),
            on_behalf_of: None,
        }
    }
}

fn not_found(name: &str) -> Error {
    Error::NotFound(format!("There is no user named {name:?}. `fabric-auth user list` shows those there are."))
}
