//! The people: who they are, and everything they do.

pub(crate) mod admin;
pub(crate) mod callers;
pub(crate) mod people;

use fabric_auth_guest::contract::{Caller, CallerKind, TeamMembership, TeamRole};
use fabric_auth_guest::storage_key;

use crate::books::CLIENT_ID;
use crate::workspace::ROOT;

pub(crate) const TENANT: &str = "acme";
pub(crate) const FABRIC: &str = "dev";
pub(crate) const TEAM: &str = "data";

/// Signs in once and never asks for anything.
pub(crate) const IDLE: &str = "idle";

/// The name of a person.
pub(crate) fn user(number: usize) -> String {
    ["alice", "bob", "carol"][number % 3].to_owned()
}

pub(crate) fn person(user: &str) -> Caller {
    Caller {
        tenant: TENANT.to_owned(),
        kind: CallerKind::Person,
        user: user.to_owned(),
        email: Some(format!("{user}@example.com")),
        cluster_admin: false,
        teams: vec![TeamMembership { team: TEAM.to_owned(), role: TeamRole::Member }],
        on_behalf_of: None,
    }
}

pub(crate) fn cluster_admin() -> Caller {
    Caller { cluster_admin: true, email: None, ..person("clara") }
}

/// Where a person's grant stands.
pub(crate) fn grant_key(user: &str) -> String {
    storage_key::person_grant(TENANT, &format!("{ROOT}/oidc"), CLIENT_ID, user)
}
