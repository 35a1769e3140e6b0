//! Options that every command takes, and the caller they make.
//!
//! Whoever runs the command line on the machine of a deployment operates it: the caller is a cluster admin named after
//! the operating-system user. `--user` and `--role` let the operator see what somebody else would.

use std::env;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fabric_auth::contract::{Caller, CallerKind, TeamMembership, TeamRole};

use super::output::Format;

/// The environment variable that stands for `--output`.
pub(super) const OUTPUT_VARIABLE: &str = "FABRIC_AUTH_OUTPUT";

/// Options that every command takes.
#[derive(Args)]
pub(super) struct Options {
    /// Configuration file [default: fabric-auth.toml]
    #[arg(long, global = true, value_name = "FILE", env = "FABRIC_AUTH_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// How data and errors are written
    #[arg(long, global = true, value_name = "FORMAT", env = OUTPUT_VARIABLE, default_value = "text")]
    pub(super) output: Format,
    /// Component to run in place of the built-in one; the configuration must hold its digest (component.sha256)
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) component: Option<PathBuf>,
    /// Prophecy user to act as [default: the operating-system user: USER, LOGNAME, or else its name in the system]
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    /// Role to act in
    #[arg(long, global = true, value_name = "ROLE", default_value = "operator")]
    role: Role,
    /// Team that a person belongs to, may be repeated; stands before the command
    #[arg(id = "membership", long = "team", value_name = "TEAM")]
    memberships: Vec<String>,
}

/// Who the caller is taken for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Operates the deployment and administers the cluster.
    Operator,
    /// A person without cluster admin, member of the teams given with --team.
    Person,
}

impl Options {
    /// Whether the caller operates the deployment, which the key ring is for.
    pub(super) fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    /// The caller, of this tenant.
    pub(super) fn caller(&self, tenant: &str) -> Caller {
        let membership = |team: &String| TeamMembership { team: team.clone(), role: TeamRole::Member };
        Caller {
            tenant: tenant.to_owned(),
            kind: if self.is_operator() { CallerKind::Operator } else { CallerKind::Person },
            user: self.user.clone().unwrap_or_else(operating_system_user),
            email: None,
            cluster_admin: self.is_operator(),
            teams: self.memberships.iter().map(membership).collect(),
            on_behalf_of: None,
        }
    }
}

/// The name of the operating-system user: as the environment has it, or else as the system has it for the user's
/// number, or a name made of that number where the system has none (a container without such a user).
fn operating_system_user() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|variable| env::var(variable).ok().filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| {
        let number = uzers::get_effective_uid();
        let known = uzers::get_user_by_uid(number).and_then(|user| user.name().to_str().map(str::to_owned));
        known.unwrap_or_else(|| format!("uid-{number}"))
    })
}
