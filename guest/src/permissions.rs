//! Who may do what: one table, denied by default, so that every runtime enforces the same rules.

use crate::contract::{Activity, Caller, CallerKind, Error, IdentityKind, TeamRole};
use crate::error::Result;
use crate::record::FabricRecord;

/// Checks that a caller is one.
///
/// # Errors
/// `invalid-input` naming the field that is empty or too long.
pub fn check_caller(caller: &Caller) -> Result<()> {
    bounded("caller.tenant", &caller.tenant, 64)?;
    bounded("caller.user", &caller.user, 256)?;
    if let Some(on_behalf_of) = &caller.on_behalf_of {
        bounded("caller.on-behalf-of", on_behalf_of, 256)?;
    }
    if let Some(email) = &caller.email {
        bounded("caller.email", email, 320)?;
    }
    Ok(())
}

/// Checks that a name is there and not too long.
///
/// # Errors
/// `invalid-input` naming the field.
pub fn bounded(field: &str, value: &str, longest: usize) -> Result<()> {
    if value.is_empty() || value.len() > longest {
        return Err(Error::invalid(field, format!("This must be 1 to {longest} bytes long; it is {}.", value.len())));
    }
    if value.chars().any(char::is_control) {
        return Err(Error::invalid(field, "This must not contain control characters."));
    }
    Ok(())
}

/// Whose identity an activity on this fabric carries, if this caller may ask for it.
///
/// # Errors
/// `forbidden`, saying who may.
pub fn identity_for(caller: &Caller, fabric: &FabricRecord, activity: Activity) -> Result<IdentityKind> {
    let identity = match activity {
        Activity::PipelineDevelopment | Activity::JobConfiguration | Activity::OnDemandRun => IdentityKind::Person,
        Activity::ScheduledRun | Activity::ProjectRelease | Activity::ProjectDeployment => {
            IdentityKind::ServicePrincipal
        }
        Activity::MetadataCrawl => fabric.metadata_crawl_identity.into(),
    };
    use_fabric(caller, fabric)?;
    match (identity, caller.kind) {
        (_, CallerKind::Operator) | (IdentityKind::Person, CallerKind::Person) => Ok(identity),
        (IdentityKind::ServicePrincipal, CallerKind::Workload) => {
            if matches!(activity, Activity::ProjectRelease | Activity::ProjectDeployment) {
                on_behalf_of_team_admin(caller, fabric)?;
            }
            Ok(identity)
        }
        (IdentityKind::ServicePrincipal, CallerKind::Person) => Err(Error::Forbidden(
            "This activity runs as the service principal, whose token only unattended work and the operator receive."
                .to_owned(),
        )),
        (IdentityKind::Person, CallerKind::Workload) => Err(Error::Forbidden(
            "This activity runs as the person who asks, so only a person can ask for it.".to_owned(),
        )),
    }
}

/// Whether the caller may use the fabric at all.
///
/// # Errors
/// `not-found`, as for a fabric that is not there: who is not in the team need not learn that it exists.
pub fn use_fabric(caller: &Caller, fabric: &FabricRecord) -> Result<()> {
    if caller.kind == CallerKind::Operator || role_in(caller, &fabric.team).is_some() {
        return Ok(());
    }
    Err(no_such_fabric())
}

/// Whether the caller may see the fabric's settings: who may use it, and cluster admins.
///
/// # Errors
/// As [`use_fabric`].
pub fn see_fabric(caller: &Caller, fabric: &FabricRecord) -> Result<()> {
    if is_cluster_admin(caller) { Ok(()) } else { use_fabric(caller, fabric) }
}

/// The answer for a fabric that is not there, or not there for this caller.
pub fn no_such_fabric() -> Error {
    Error::NotFound("There is no such fabric in the teams you belong to.".to_owned())
}

/// Whether the caller may create, change and test fabrics of a team.
///
/// # Errors
/// `forbidden`.
pub fn administer_fabrics(caller: &Caller, team: &str) -> Result<()> {
    if is_cluster_admin(caller) || role_in(caller, team) == Some(TeamRole::Admin) {
        return Ok(());
    }
    Err(Error::Forbidden("Only an admin of the fabric's team, or a cluster admin, may do this.".to_owned()))
}

/// Whether the caller may administer the deployment: app connections, other people's grants, sealing.
///
/// # Errors
/// `forbidden`.
pub fn administer_deployment(caller: &Caller) -> Result<()> {
    if is_cluster_admin(caller) {
        return Ok(());
    }
    Err(Error::Forbidden("Only a Prophecy cluster admin may do this (Admin Settings > Security).".to_owned()))
}

fn on_behalf_of_team_admin(caller: &Caller, fabric: &FabricRecord) -> Result<()> {
    if caller.on_behalf_of.is_some() && role_in(caller, &fabric.team) == Some(TeamRole::Admin) {
        return Ok(());
    }
    Err(Error::Forbidden("A release or deployment must be started by an admin of the fabric's team.".to_owned()))
}

fn is_cluster_admin(caller: &Caller) -> bool {
    match caller.kind {
        CallerKind::Operator => true,
        CallerKind::Person => caller.cluster_admin,
        CallerKind::Workload => false,
    }
}

/// The caller's highest role in a team.
fn role_in(caller: &Caller, team: &str) -> Option<TeamRole> {
    let mut role = None;
    for membership in caller.teams.iter().filter(|membership| membership.team == team) {
        if membership.role == TeamRole::Admin {
            return Some(TeamRole::Admin);
        }
        role = Some(TeamRole::Member);
    }
    role
}
