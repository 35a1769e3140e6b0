//! A user as the store keeps them, and what is checked before.

use serde::{Deserialize, Serialize};

use super::users::User;
use crate::contract::{CallerKind, Error, TeamMembership, TeamRole};

/// Longest name of a user, in bytes, as the contract has it.
const MAX_NAME_BYTES: usize = 256;

/// A user as stored. `id` is random: a user who is removed and added again is another one, whom old API tokens do not let
/// in.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredUser {
    pub(super) id: String,
    pub(super) name: String,
    kind: StoredKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    cluster_admin: bool,
    teams: Vec<StoredTeam>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredKind {
    Person,
    Workload,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredTeam {
    team: String,
    admin: bool,
}

impl StoredUser {
    pub(super) fn new(id: String, user: &User) -> Result<Self, Error> {
        let kind = match user.kind {
            CallerKind::Person => StoredKind::Person,
            CallerKind::Workload if user.cluster_admin => {
                return Err(Error::invalid("cluster_admin", "Only a person administers the cluster."));
            }
            CallerKind::Workload => StoredKind::Workload,
            CallerKind::Operator => return Err(Error::invalid("kind", "A user is a person or a workload.")),
        };
        check_text("name", &user.name)?;
        user.email.iter().try_for_each(|email| check_text("email", email))?;
        user.teams.iter().try_for_each(|membership| check_text("teams", &membership.team))?;
        Ok(Self {
            id,
            name: user.name.clone(),
            kind,
            email: user.email.clone(),
            cluster_admin: user.cluster_admin,
            teams: user.teams.iter().map(StoredTeam::from).collect(),
        })
    }
}

impl From<StoredUser> for User {
    fn from(stored: StoredUser) -> Self {
        Self {
            name: stored.name,
            kind: match stored.kind {
                StoredKind::Person => CallerKind::Person,
                StoredKind::Workload => CallerKind::Workload,
            },
            email: stored.email,
            cluster_admin: stored.cluster_admin,
            teams: stored.teams.into_iter().map(TeamMembership::from).collect(),
        }
    }
}

impl From<&TeamMembership> for StoredTeam {
    fn from(membership: &TeamMembership) -> Self {
        Self { team: membership.team.clone(), admin: membership.role == TeamRole::Admin }
    }
}

impl From<StoredTeam> for TeamMembership {
    fn from(stored: StoredTeam) -> Self {
        Self { team: stored.team, role: if stored.admin { TeamRole::Admin } else { TeamRole::Member } }
    }
}

fn check_text(field: &str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() || text.len() > MAX_NAME_BYTES || text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "It must be 1 to 256 bytes of text without control characters."));
    }
    Ok(())
}
