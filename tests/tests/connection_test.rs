//! Test Connection: which step fails for which reason, and that looking costs nothing.

use fabric_auth::contract::databricks_oauth::{FabricSelection, TestStep};
use fabric_auth::contract::{Caller, FabricKind, FabricSettings, IdentityKind};
use fabric_auth_tests::{
    DEV, World, alice, bob, cluster_admin, fabric_settings, stranger, team_admin, test_steps, with_principal,
};
use simulated_workspace::{Barrier, Cluster, Endpoint, Fault, Warehouse};

use crate::support::signed_in;

const CLUSTER: &str = "0919-101112-shared01";
const WAREHOUSE: &str = "a1b2c3d4e5f60718";
const ALL: [TestStep; 4] = [TestStep::Discovery, TestStep::AccessToken, TestStep::Identity, TestStep::Compute];

fn dev() -> FabricSelection {
    FabricSelection::Stored(DEV.into())
}

fn settings(world: &World) -> FabricSettings {
    with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal)
}

/// The steps that passed, and the step and case of the problem if there is one.
async fn outcome(
    world: &World,
    caller: &Caller,
    fabric: FabricSelection,
    identity: IdentityKind,
) -> (usize, Option<(TestStep, &'static str)>) {
    let steps = test_steps(world, caller, fabric, None, identity).await;
    let passed = steps.iter().filter(|(_, problem)| problem.is_none()).count();
    let problem = steps.iter().find_map(|(step, problem)| problem.as_ref().map(|error| (*step, error.case())));
    (passed, problem)
}

/// PB-004, PB-005, PB-034, PB-035, PB-040, PB-056, PB-057, PB-061.
#[tokio::test]
async fn every_step_passes_for_each_kind_identity_and_choice_of_compute() {
    let world = signed_in().await;
    for (kind, compute) in [(FabricKind::Spark, CLUSTER), (FabricKind::Sql, WAREHOUSE)] {
        for compute in [None, Some(compute.to_owned())] {
            let fabric = FabricSettings { kind, compute: compute.clone(), ..settings(&world) };
            world.host.put_fabric(&team_admin(), fabric, None, None).await.unwrap();
            let alices = test_steps(&world, &alice(), dev(), None, IdentityKind::Person).await;
            assert_eq!(alices, ALL.map(|step| (step, None)), "{kind:?} {compute:?}");
            let principals = test_steps(&world, &team_admin(), dev(), None, IdentityKind::ServicePrincipal).await;
            assert_eq!(principals, ALL.map(|step| (step, None)), "{kind:?} {compute:?}");
        }
    }
    assert_eq!(world.books().compute_starts, 0);
    assert!(world.books().calls_by(&world.principal.application_id, "/api/2.1/clusters/get") > 0);
}

/// PB-041, PB-046.
#[tokio::test]
async fn who_is_not_signed_in_fails_at_the_token() {
    let world = World::new().await;
    let outcome = outcome(&world, &alice(), dev(), IdentityKind::Person).await;
    assert_eq!(outcome, (1, Some((TestStep::AccessToken, "sign-in-required"))));
}

/// PB-041, PB-152.
#[tokio::test]
async fn what_stands_before_the_workspace_is_named() {
    let address = "192.0.2.7".to_owned();
    for (barrier, case) in [
        (Barrier::IpAccessList { address }, "blocked-by-ip-list"),
        (Barrier::PrivateLink, "private-link-only"),
        (Barrier::LoginPage, "wrong-workspace"),
        (Barrier::WrongOrganization, "wrong-workspace"),
        (Barrier::TemporarilyUnavailable, "unavailable"),
    ] {
        let world = signed_in().await;
        world.workspace.turn(|knobs| knobs.barrier = Some(barrier.clone()));
        let outcome = outcome(&world, &alice(), dev(), IdentityKind::Person).await;
        assert_eq!(outcome, (2, Some((TestStep::Identity, case))), "{barrier:?}");
        world.end().await;
    }
}

/// PB-041: an IP access list also keeps from the token endpoint, in words that are not OAuth's.
#[tokio::test]
async fn an_ip_access_list_is_named_for_the_service_principal_too() {
    let world = World::new().await;
    world.workspace.turn(|knobs| knobs.barrier = Some(Barrier::IpAccessList { address: "192.0.2.7".into() }));
    let outcome = outcome(&world, &team_admin(), dev(), IdentityKind::ServicePrincipal).await;
    assert_eq!(outcome, (1, Some((TestStep::AccessToken, "blocked-by-ip-list"))));
}

/// PB-041, PB-152.
#[tokio::test]
async fn a_host_that_is_no_workspace_or_does_not_answer_fails_at_discovery() {
    let world = World::new().await;
    world.workspace.inject_until_cleared(Endpoint::AuthorizationServerMetadata, Fault::HtmlPage(200));
    let first = outcome(&world, &team_admin(), dev(), IdentityKind::ServicePrincipal).await;
    assert_eq!(first, (0, Some((TestStep::Discovery, "wrong-workspace"))));
    world.workspace.clear_faults();
    world.workspace.inject(Endpoint::AuthorizationServerMetadata, Fault::WrongIssuer);
    let first = outcome(&world, &team_admin(), dev(), IdentityKind::ServicePrincipal).await;
    assert_eq!(first, (0, Some((TestStep::Discovery, "wrong-workspace"))));
    world.workspace.stop().await;
    let steps = test_steps(&world, &team_admin(), dev(), None, IdentityKind::ServicePrincipal).await;
    let [(TestStep::Discovery, Some(problem))] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(problem.case(), "unreachable");
    for words in ["from this deployment", "your own browser may still reach it"] {
        assert!(problem.message().contains(words), "{problem}");
    }
}

/// PB-041, PB-060.
#[tokio::test]
async fn a_wrong_secret_fails_at_the_token() {
    let world = World::new().await;
    world.workspace.change_service_principal(&world.principal.application_id, |principal| principal.secrets.clear());
    let outcome = outcome(&world, &team_admin(), dev(), IdentityKind::ServicePrincipal).await;
    assert_eq!(outcome, (1, Some((TestStep::AccessToken, "service-principal-rejected"))));
}

/// PB-055, PB-102, PB-126.
#[tokio::test]
async fn what_the_identity_lacks_is_named_at_the_compute() {
    let world = signed_in().await;
    let only_bob = Some(vec!["bob@example.com".to_owned()]);
    world.workspace.put_cluster(Cluster { permitted: only_bob.clone(), ..Cluster::new("closed", "closed") });
    world.workspace.put_warehouse(Warehouse { permitted: only_bob, ..Warehouse::new("closed", "closed") });
    for (kind, compute, case) in [
        (FabricKind::Spark, "closed", "permission-denied"),
        (FabricKind::Spark, "missing", "not-found"),
        (FabricKind::Sql, "closed", "permission-denied"),
        (FabricKind::Sql, "missing", "not-found"),
    ] {
        let fabric = FabricSettings { kind, compute: Some(compute.into()), ..settings(&world) };
        world.host.put_fabric(&team_admin(), fabric, None, None).await.unwrap();
        let outcome = outcome(&world, &alice(), dev(), IdentityKind::Person).await;
        assert_eq!(outcome, (3, Some((TestStep::Compute, case))), "{kind:?} {compute}");
    }
    let fabric = FabricSettings { service_principal_scopes: vec!["sql".into()], ..settings(&world) };
    world.host.put_fabric(&team_admin(), fabric, None, None).await.unwrap();
    let outcome = outcome(&world, &team_admin(), dev(), IdentityKind::ServicePrincipal).await;
    assert_eq!(outcome, (3, Some((TestStep::Compute, "scope-not-granted"))));
    assert_eq!(world.books().compute_starts, 0);
}

/// PB-061, PB-146: a fabric can be tested as it stands in the form, and nothing of it is stored.
#[tokio::test]
async fn an_unsaved_fabric_is_tested_with_the_secret_of_the_form() {
    let world = World::new().await;
    let form = with_principal(fabric_settings("new", world.workspace.url()), &world.principal);
    let secret = world.principal_secret();
    let form = FabricSelection::Unsaved(form);
    let steps = test_steps(&world, &team_admin(), form.clone(), Some(&secret), IdentityKind::ServicePrincipal).await;
    assert_eq!(steps, ALL.map(|step| (step, None)));
    assert_eq!(world.host.get_fabric(&team_admin(), "new").await.unwrap_err().case(), "not-found");
    let wrong = Some(&"dosewrong".into());
    let steps = test_steps(&world, &team_admin(), form.clone(), wrong, IdentityKind::ServicePrincipal).await;
    assert_eq!(steps.last().unwrap().1.as_ref().unwrap().case(), "service-principal-rejected");
    let call = world.host.test_connection(&team_admin(), form, None, IdentityKind::ServicePrincipal, None).await;
    assert_eq!(call.unwrap_err().field(), Some("service-principal-secret"));
}

/// PB-149: a stored secret goes only where it was stored for, whatever a form says.
#[tokio::test]
async fn a_stored_secret_is_used_with_a_form_only_for_the_same_workspace_and_client() {
    let world = World::new().await;
    let principal = IdentityKind::ServicePrincipal;
    let same = FabricSelection::Unsaved(FabricSettings { compute: Some(CLUSTER.into()), ..settings(&world) });
    let steps = test_steps(&world, &team_admin(), same, None, principal).await;
    assert_eq!(steps, ALL.map(|step| (step, None)));
    let elsewhere = World::new().await;
    for changed in [
        FabricSettings { workspace: elsewhere.workspace.url().into(), ..settings(&world) },
        FabricSettings { service_principal_client_id: Some("other".into()), ..settings(&world) },
    ] {
        let form = FabricSelection::Unsaved(changed);
        for step in [None, Some(TestStep::AccessToken), Some(TestStep::Identity), Some(TestStep::Compute)] {
            let call = world.host.test_connection(&team_admin(), form.clone(), None, principal, step).await;
            assert_eq!(call.unwrap_err().field(), Some("service-principal-secret"), "{step:?}");
        }
    }
    assert!(elsewhere.books().token_requests.is_empty());
}

/// PB-115, PB-130.
#[tokio::test]
async fn a_service_principal_is_tested_by_admins_of_the_team_only() {
    let world = signed_in().await;
    let principal = IdentityKind::ServicePrincipal;
    for (caller, case) in [(alice(), Some("forbidden")), (stranger(), Some("not-found")), (cluster_admin(), None)] {
        let call = world.host.test_connection(&caller, dev(), None, principal, Some(TestStep::AccessToken)).await;
        assert_eq!(call.as_ref().err().map(fabric_auth::contract::Error::case), case, "{call:?}");
    }
    let form = FabricSelection::Unsaved(settings(&world));
    let call = world.host.test_connection(&bob(), form, None, IdentityKind::Person, None).await;
    assert_eq!(call.unwrap_err().case(), "forbidden");
    let call = world.host.test_connection(&team_admin(), dev(), Some(&"dose1".into()), principal, None).await;
    assert_eq!(call.unwrap_err().field(), Some("service-principal-secret"));
}
