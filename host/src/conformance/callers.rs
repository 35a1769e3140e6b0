//! The people and processes that cases name.

use super::case::CallerName;
use super::known_values::KnownValues;
use crate::contract::{Caller, CallerKind, TeamMembership, TeamRole};

/// The team of the fabric.
pub(super) const TEAM: &str = "data";

/// A caller that a case names.
pub(super) fn caller(name: CallerName, known: &KnownValues) -> Result<Caller, String> {
    Ok(match name {
        CallerName::Person => {
            let email = Some(known.get("person_email")?.to_owned());
            Caller { email, ..member(known.get("person")?, TeamRole::Member) }
        }
        CallerName::AnotherPerson => member(known.get("another_person")?, TeamRole::Member),
        CallerName::TeamAdmin => team_admin(),
        CallerName::Workload => Caller {
            kind: CallerKind::Workload,
            on_behalf_of: Some("tina".to_owned()),
            ..member("scheduler", TeamRole::Admin)
        },
    })
}

/// Who creates the fabric.
pub(super) fn team_admin() -> Caller {
    member("tina", TeamRole::Admin)
}

/// Who registers the app connection.
pub(super) fn cluster_admin() -> Caller {
    Caller { cluster_admin: true, teams: Vec::new(), ..member("clara", TeamRole::Member) }
}

fn member(user: &str, role: TeamRole) -> Caller {
    Caller {
        tenant: "acme".to_owned(),
        kind: CallerKind::Person,
        user: user.to_owned(),
        email: None,
        cluster_admin: false,
        teams: vec![TeamMembership { team: TEAM.to_owned(), role }],
        on_behalf_of: None,
    }
}
