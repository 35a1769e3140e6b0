//! Ending other people's grants: one, all of somebody who has left, all that serve a workspace, everybody's.
//!
//! A selection is gone through in three parts. First the sign-ins that have begun, so that none of them is stored after its
//! person's grants have been gone through; then the grants; then the personal access tokens.

#[cfg(test)]
mod tests;

use super::{cursor, next_cursor};
use crate::contract::administration::{EndedGrants, GrantSelection};
use crate::contract::journal::{Action, Outcome};
use crate::contract::storage::Entry;
use crate::contract::{Caller, Error};
use crate::core::{Core, event};
use crate::discovery::Workspace;
use crate::error::Result;
use crate::grant_ending::{EndedGrant, Revocation};
use crate::permissions;
use crate::ports::Ports;
use crate::record::{FabricRecord, GrantRecord, SignInRecord, Stored};
use crate::storage_key::{self, GrantKey};

/// How many records one call looks at.
const PIECE: u32 = 100;

/// The parts of a selection, by their place in the order.
const SIGN_INS: usize = 0;
const GRANTS: usize = 1;

/// What a selection comes to.
struct Scope {
    /// Where the records of each part stand.
    prefixes: [String; 3],
    /// Which of them are meant.
    whose: Whose,
}

/// Which records under the prefixes are meant.
enum Whose {
    /// All of them.
    Everybodys,
    /// Of the personal access tokens, this user's; everything else stands under the user's own prefix.
    Users(String),
    /// Those for this workspace.
    Workspace(Place),
}

/// A workspace of an authorization server.
struct Place {
    root: String,
    /// Where it is known.
    issuer: Option<String>,
    /// The account, where the fabric names it: a host may serve several.
    account_id: Option<String>,
}

impl Place {
    /// Whether something is for this workspace.
    fn holds(&self, workspace: &str, issuer: &str) -> bool {
        let is_its_issuer = match (&self.issuer, &self.account_id) {
            (Some(known), _) => known == issuer,
            (None, Some(account)) => issuer.rsplit_once("/oidc/accounts/").is_some_and(|(_, of)| of == account),
            (None, None) => true,
        };
        self.root == workspace && is_its_issuer
    }
}

/// What one call has done.
struct Progress<'a> {
    caller: &'a Caller,
    ended: u32,
    obstacle: Option<Error>,
    /// Whether refresh tokens are still being revoked. One that fails is the last: a server that does not answer must not
    /// hold up the ending of the others.
    revokes: bool,
}

impl<P: Ports> Core<P> {
    /// `administration.end-grants`.
    pub async fn end_grants(
        &self,
        caller: &Caller,
        selection: GrantSelection,
        after: Option<&str>,
    ) -> Result<EndedGrants> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        let mut progress = Progress { caller, ended: 0, obstacle: None, revokes: true };
        if let GrantSelection::One(grant) = &selection {
            return self.end_one(progress, grant, after).await;
        }
        let scope = self.scope(caller, &selection).await?;
        let (part, after) = cursor(&scope.prefixes, after)?;
        let prefix = scope.prefixes.get(part).ok_or_else(super::unknown_cursor)?;
        let page = self.ports.list(prefix, after.as_deref(), PIECE).await?;
        for (key, entry) in page.entries {
            match part {
                SIGN_INS if scope.has_sign_in(&key, &entry) => {
                    let ended = self.end_sign_in(&caller.tenant, &key, entry).await;
                    self.note_ended(&mut progress, ended).await;
                }
                GRANTS if scope.has_grant(&key, &entry) => {
                    let ended = self.end_grant(&caller.tenant, &key).await;
                    self.note_ended(&mut progress, ended).await;
                }
                SIGN_INS | GRANTS => {}
                _ if scope.has_personal_access_token(&caller.tenant, &key) => {
                    match self.remove_personal_access_token_at(caller, &key).await {
                        Ok(removed) => progress.ended += u32::from(removed),
                        Err(error) => progress.obstacle = Some(error),
                    }
                }
                _ => {}
            }
        }
        progress.so_far(next_cursor(scope.prefixes.len(), part, page.next))
    }

    async fn end_one(&self, mut progress: Progress<'_>, grant: &str, after: Option<&str>) -> Result<EndedGrants> {
        let tenant = &progress.caller.tenant;
        if after.is_some() {
            return Err(super::unknown_cursor());
        }
        let unknown = || Error::NotFound("There is no such grant, or it has ended already.".to_owned());
        let is_theirs =
            matches!(storage_key::parse_grant(grant), Some(GrantKey::Person { tenant: of }) if of == *tenant);
        if !is_theirs || storage_key::check_cursor(&storage_key::person_grants(tenant), Some(grant)).is_err() {
            return Err(unknown());
        }
        let ended = self.end_grant(tenant, grant).await;
        self.note_ended(&mut progress, ended).await;
        if progress.ended == 0 && progress.obstacle.is_none() {
            return Err(unknown());
        }
        progress.so_far(None)
    }

    /// What a selection means now.
    async fn scope(&self, caller: &Caller, selection: &GrantSelection) -> Result<Scope> {
        let tenant = &caller.tenant;
        let mut sign_ins = storage_key::sign_ins(tenant);
        let mut grants = storage_key::person_grants(tenant);
        let mut tokens = storage_key::personal_access_tokens(tenant);
        let whose = match selection {
            GrantSelection::OfUser(user) => {
                permissions::bounded("selection", user, 256)?;
                sign_ins = storage_key::sign_ins_of(tenant, user);
                grants = storage_key::person_grants_of(tenant, user);
                Whose::Users(user.clone())
            }
            GrantSelection::OfFabric(name) => {
                permissions::bounded("selection", name, 128)?;
                let FabricRecord { workspace, account_id, .. } = &self.fabric(caller, name).await?.record;
                let place = Workspace { root: workspace, account_id: account_id.as_deref() };
                // Nobody is asked, so that grants end though the workspace is gone.
                let issuer = self.known_server(&place).await?.map(|server| server.issuer);
                tokens = storage_key::personal_access_tokens_on(tenant, name);
                Whose::Workspace(Place { root: workspace.clone(), issuer, account_id: account_id.clone() })
            }
            GrantSelection::One(_) | GrantSelection::All => Whose::Everybodys,
        };
        Ok(Scope { prefixes: [sign_ins, grants, tokens], whose })
    }

    /// Counts a grant that was ended, writes it down, and has its refresh token revoked where that is offered.
    async fn note_ended(&self, progress: &mut Progress<'_>, result: Result<Option<EndedGrant>>) {
        let mut entry = event(progress.caller, Action::GrantEnded);
        let ended = match result {
            Ok(None) => return,
            Ok(Some(ended)) => ended,
            Err(error) => {
                // One that cannot be ended keeps none of the others.
                entry.outcome = Outcome::Failed(error.case().to_owned());
                progress.obstacle = Some(error);
                return self.journal(entry).await;
            }
        };
        progress.ended += 1;
        let tenant = &progress.caller.tenant;
        let mut is_as_stored = false;
        if let Some(former) = &ended.former {
            entry.workspace = Some(former.record.workspace.clone());
            entry.token = Some(former.record.reference());
            let identity = self.identity(tenant, former).await;
            is_as_stored = identity.is_ok();
            entry.databricks_user = identity.ok().map(|identity| identity.databricks_user);
        }
        self.journal(entry).await;
        // The workspace stands in clear. Only what shows that nobody has changed it lets a secret go there.
        let revokes = progress.revokes && is_as_stored;
        if let (true, Some(former), Some(token)) = (revokes, &ended.former, &ended.refresh_token) {
            let workspace = Workspace::from(&former.record);
            let revocation = self.revoke(tenant, &workspace, &former.record, token).await;
            progress.revokes = revocation != Revocation::Failed;
        }
    }
}

impl Progress<'_> {
    fn so_far(self, next: Option<String>) -> Result<EndedGrants> {
        let Self { ended, obstacle, .. } = self;
        obstacle.map_or(Ok(EndedGrants { ended, next }), Err)
    }
}

impl Scope {
    /// Whether a sign-in that has begun is meant. One that cannot be read completes nothing, and is for no workspace.
    fn has_sign_in(&self, key: &str, entry: &Entry) -> bool {
        let Whose::Workspace(place) = &self.whose else { return true };
        let sign_in = Stored::<SignInRecord>::parse(key, entry.clone());
        sign_in.is_ok_and(|sign_in| place.holds(&sign_in.record.workspace, &sign_in.record.issuer))
    }

    /// Whether a grant is meant. Of one that cannot be read nobody knows for which workspace it was.
    fn has_grant(&self, key: &str, entry: &Entry) -> bool {
        let Whose::Workspace(place) = &self.whose else { return true };
        let grant = Stored::<GrantRecord>::parse(key, entry.clone());
        grant.is_ok_and(|grant| place.holds(&grant.record.workspace, &grant.record.issuer))
    }

    /// Whether a personal access token is meant.
    fn has_personal_access_token(&self, tenant: &str, key: &str) -> bool {
        match &self.whose {
            Whose::Everybodys | Whose::Workspace(_) => true,
            Whose::Users(user) => storage_key::is_personal_access_token_of(tenant, user, key),
        }
    }
}
