//! The people and processes that ask.

use fabric_auth::contract::{Caller, CallerKind, TeamMembership, TeamRole};

use crate::settings::TEAM;

/// A member of the team, known to Databricks as `alice@example.com`.
pub fn alice() -> Caller {
    member("alice")
}

/// A member of the team by name, known to Databricks as `<user>@example.com`.
pub fn member(user: &str) -> Caller {
    person(user, Some(&format!("{user}@example.com")), TeamRole::Member)
}

/// Another member of the team.
pub fn bob() -> Caller {
    member("bob")
}

/// An admin of the team.
pub fn team_admin() -> Caller {
    person("tina", None, TeamRole::Admin)
}

/// A cluster admin, who is in no team.
pub fn cluster_admin() -> Caller {
    Caller { cluster_admin: true, teams: Vec::new(), ..person("clara", None, TeamRole::Member) }
}

/// Somebody of another team.
pub fn stranger() -> Caller {
    let teams = vec![TeamMembership { team: "finance".into(), role: TeamRole::Admin }];
    Caller { teams, ..person("sven", None, TeamRole::Member) }
}

/// A scheduler that works for the team.
pub fn workload() -> Caller {
    Caller { kind: CallerKind::Workload, ..person("scheduler", None, TeamRole::Member) }
}

/// A deployment job that a team admin started.
pub fn workload_for_admin() -> Caller {
    let kind = CallerKind::Workload;
    Caller { kind, on_behalf_of: Some("tina".into()), ..person("deployer", None, TeamRole::Admin) }
}

/// Whoever runs the deployment.
pub fn operator() -> Caller {
    Caller { kind: CallerKind::Operator, teams: Vec::new(), ..person("root", None, TeamRole::Member) }
}

fn person(user: &str, email: Option<&str>, role: TeamRole) -> Caller {
    Caller {
        tenant: "acme".into(),
        kind: CallerKind::Person,
        user: user.into(),
        email: email.map(Into::into),
        cluster_admin: false,
        teams: vec![TeamMembership { team: TEAM.into(), role }],
        on_behalf_of: None,
    }
}
