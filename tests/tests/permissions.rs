//! Who may ask for which token: the table of the contract, row by row.

use fabric_auth::contract::{
    Activity, Caller, CallerKind, Error, FabricSettings, IdentityKind, TeamMembership, TeamRole,
};
use fabric_auth_tests::{
    DEV, World, alice, bob, cluster_admin, eventually, fabric_settings, operator, stranger, team_admin, with_principal,
    workload, workload_for_admin,
};

use crate::support::case_of;

const PERSONAL: [Activity; 3] = [Activity::PipelineDevelopment, Activity::JobConfiguration, Activity::OnDemandRun];
const UNATTENDED: [Activity; 3] = [Activity::ScheduledRun, Activity::ProjectRelease, Activity::ProjectDeployment];

/// Everybody with a sign-in, and a service principal on the fabric.
async fn everybody_signed_in() -> World {
    let world = World::new().await;
    for (caller, user) in [(alice(), "alice"), (team_admin(), "bob"), (operator(), "alice")] {
        world.try_sign_in(&caller, &format!("{user}@example.com")).await.unwrap();
    }
    world
}

/// PB-003, PB-030, PB-031, PB-052, PB-065, PB-066, PB-072, PB-073, PB-112, PB-115, PB-120, PB-121, PB-123.
#[tokio::test]
async fn the_activity_and_the_caller_decide_whose_token_it_is() {
    let world = everybody_signed_in().await;
    let person = Ok(IdentityKind::Person);
    let principal = Ok(IdentityKind::ServicePrincipal);
    let forbidden = Err("forbidden");
    let not_found = Err("not-found");
    let members_workload = Caller { on_behalf_of: Some("alice".into()), ..workload() };
    let admins_workload_for_nobody = Caller { on_behalf_of: None, ..workload_for_admin() };
    let table: [(&str, Caller, _, _, _); 9] = [
        ("member", alice(), person, forbidden, forbidden),
        ("team admin", team_admin(), person, forbidden, forbidden),
        ("cluster admin, in no team", cluster_admin(), not_found, not_found, not_found),
        ("stranger", stranger(), not_found, not_found, not_found),
        ("workload", workload(), forbidden, principal, forbidden),
        ("workload for a member", members_workload, forbidden, principal, forbidden),
        ("workload for an admin", workload_for_admin(), forbidden, principal, principal),
        ("workload of an admin, for nobody", admins_workload_for_nobody, forbidden, principal, forbidden),
        ("operator", operator(), person, principal, principal),
    ];
    for (name, caller, personal, scheduled, released) in table {
        for activity in PERSONAL.into_iter().chain(UNATTENDED) {
            let expected = match activity {
                Activity::ScheduledRun => scheduled,
                Activity::ProjectRelease | Activity::ProjectDeployment => released,
                _ => personal,
            };
            let answer = world.token_for(&caller, activity).await;
            let answer = answer.as_ref().map(|(_, description)| description.identity).map_err(Error::case);
            assert_eq!(answer, expected, "{name}, {activity:?}");
        }
    }
}

/// PB-131.
#[tokio::test]
async fn a_workload_of_another_team_reaches_nothing() {
    let world = everybody_signed_in().await;
    let teams = vec![TeamMembership { team: "finance".into(), role: TeamRole::Admin }];
    let foreign = Caller { teams, ..workload_for_admin() };
    for activity in PERSONAL.into_iter().chain(UNATTENDED) {
        assert_eq!(case_of(world.token_for(&foreign, activity).await), "not-found", "{activity:?}");
    }
    assert_eq!(case_of(world.host.access_token(&alice(), "missing", Activity::OnDemandRun).await), "not-found");
}

/// PB-134.
#[tokio::test]
async fn the_fabric_says_who_crawls_metadata() {
    let world = everybody_signed_in().await;
    let crawl = Activity::MetadataCrawl;
    assert_eq!(world.token_for(&alice(), crawl).await.unwrap().1.identity, IdentityKind::Person);
    assert_eq!(case_of(world.token_for(&workload(), crawl).await), "forbidden");
    let settings = FabricSettings {
        metadata_crawl_identity: IdentityKind::ServicePrincipal,
        ..with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal)
    };
    world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    let forbidden = async || world.token_for(&alice(), crawl).await.is_err_and(|error| error.case() == "forbidden");
    eventually("the person may no longer crawl", forbidden).await;
    assert_eq!(world.token_for(&workload(), crawl).await.unwrap().1.identity, IdentityKind::ServicePrincipal);
    let alone = FabricSettings {
        metadata_crawl_identity: IdentityKind::ServicePrincipal,
        ..fabric_settings("alone", world.workspace.url())
    };
    let refused = world.host.put_fabric(&team_admin(), alone, None, None).await.unwrap_err();
    assert_eq!(refused.field(), Some("settings.metadata-crawl-identity"));
}

/// PB-003, PB-032, PB-033, PB-125.
#[tokio::test]
async fn two_people_on_one_fabric_get_tokens_of_their_own() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    assert_eq!(case_of(world.token(&bob()).await), "sign-in-required");
    world.sign_in(&bob()).await;
    let (alices, bobs) = (world.token(&alice()).await.unwrap(), world.token(&bob()).await.unwrap());
    assert_ne!(alices.0, bobs.0);
    assert_eq!(
        (alices.1.databricks_user.as_str(), bobs.1.databricks_user.as_str()),
        ("alice@example.com", "bob@example.com")
    );
    let same_name_elsewhere = Caller { tenant: "globex".into(), ..alice() };
    assert_eq!(case_of(world.token(&same_name_elsewhere).await), "not-found");
}

/// PB-045.
#[tokio::test]
async fn any_member_signs_in_and_nobody_else() {
    let world = World::new().await;
    for (caller, case) in [(stranger(), "not-found"), (cluster_admin(), "not-found"), (workload(), "forbidden")] {
        assert_eq!(case_of(world.host.begin_sign_in(&caller, DEV, None).await), case);
        assert_eq!(case_of(world.host.sign_out(&caller, DEV).await), case);
        assert_eq!(case_of(world.host.sign_in_status(&caller, DEV).await), case);
    }
    world.sign_in(&bob()).await;
}

/// PB-021, PB-130: a row for each function of the administration, and who is let through.
#[tokio::test]
async fn administration_is_for_those_whose_it_is() {
    let world = World::new().await;
    let app = fabric_auth_tests::app_settings(&world.app);
    let settings = with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal);
    let kind = CallerKind::Workload;
    let workload_of_admins = Caller { cluster_admin: true, kind, ..workload_for_admin() };
    for (caller, deployment, fabric, sees) in [
        (alice(), false, false, true),
        (team_admin(), false, true, true),
        (cluster_admin(), true, true, true),
        (operator(), true, true, true),
        (stranger(), false, false, false),
        (workload(), false, false, true),
        (workload_of_admins, false, true, true),
    ] {
        let host = &world.host;
        let let_through = |case: Option<&str>, allowed: bool, what: &str| {
            let refused = matches!(case, Some("forbidden" | "not-found"));
            assert_eq!(!refused, allowed, "{what} by {} ({:?}): {case:?}", caller.user, caller.kind);
        };
        let case = |error: Option<Error>| error.map(|error| error.case());
        let_through(case(host.set_app_connection(&caller, app.clone(), None).await.err()), deployment, "set");
        let_through(case(host.describe_app_connections(&caller).await.err()), deployment, "describe");
        let_through(case(host.list_grants(&caller, None).await.err()), deployment, "list grants");
        let_through(case(host.reseal(&caller, None).await.err()), deployment, "reseal");
        let_through(case(host.restore_check(&caller, None).await.err()), deployment, "restore check");
        let all = fabric_auth::contract::administration::GrantSelection::All;
        let_through(case(host.end_grants(&caller, all, None).await.err()), deployment, "end grants");
        // Whose token is it? Only somebody's who may use the fabric.
        let uses =
            sees && (caller.kind == CallerKind::Operator || caller.kind == CallerKind::Person) && !caller.cluster_admin;
        let token = "dapi0".into();
        let_through(case(host.set_personal_access_token(&caller, DEV, &token).await.err()), uses, "set token");
        let_through(case(host.check_fabric(&caller, settings.clone(), None, None).await.err()), fabric, "check");
        let_through(case(host.put_fabric(&caller, settings.clone(), None, None).await.err()), fabric, "put");
        let_through(case(host.get_fabric(&caller, DEV).await.err()), sees, "get");
        let listed = host.list_fabrics(&caller, None).await.unwrap().fabrics.len();
        assert_eq!(listed, usize::from(sees), "list by {}", caller.user);
        if !fabric {
            let_through(case(host.remove_fabric(&caller, DEV).await.err()), false, "remove fabric");
        }
        if !deployment {
            let_through(case(host.remove_app_connection(&caller, "main").await.err()), false, "remove app");
        }
    }
}

/// PB-130: moving a fabric to another team needs an admin of both.
#[tokio::test]
async fn a_fabric_moves_between_teams_only_by_an_admin_of_both() {
    let world = World::new().await;
    let mut both = team_admin();
    both.teams.push(TeamMembership { team: "finance".into(), role: TeamRole::Admin });
    let moved = FabricSettings { team: "finance".into(), ..fabric_settings(DEV, world.workspace.url()) };
    for caller in [team_admin(), stranger()] {
        assert_eq!(case_of(world.host.put_fabric(&caller, moved.clone(), None, None).await), "forbidden");
    }
    world.host.put_fabric(&both, moved, None, None).await.unwrap();
    assert_eq!(case_of(world.token(&alice()).await), "not-found");
}
