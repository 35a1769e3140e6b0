//! What will stand in the way later.

use fabric_auth::contract::databricks_oauth::{Advisory, AdvisoryKind, Job};
use fabric_auth::contract::{Activity, FabricKind, FabricSettings};
use fabric_auth_tests::{
    DEV, Setup, World, alice, cluster_admin, fabric_settings, stranger, team_admin, with_principal, workload_for_admin,
};

use crate::support::case_of;

async fn kinds(world: &World) -> Vec<AdvisoryKind> {
    let advisories = world.host.advisories(&alice(), DEV).await.unwrap();
    assert!(advisories.iter().all(|advisory| advisory.fabric == DEV));
    advisories.into_iter().map(|advisory| advisory.kind).collect()
}

/// PB-067, PB-068, PB-069, PB-070, PB-132.
#[tokio::test]
async fn the_warning_about_the_service_principal_follows_the_fabric() {
    let world = World::new().await;
    assert_eq!(kinds(&world).await, []);
    let without = fabric_settings(DEV, world.workspace.url());
    world.host.put_fabric(&team_admin(), without.clone(), None, None).await.unwrap();
    assert_eq!(kinds(&world).await, [AdvisoryKind::MissingServicePrincipal]);
    let with = with_principal(without, &world.principal);
    world.host.put_fabric(&team_admin(), with, Some(&world.principal_secret()), None).await.unwrap();
    assert_eq!(kinds(&world).await, []);
}

/// PB-012, PB-013, PB-071.
#[tokio::test]
async fn missing_registration_is_told_and_blocks_no_administration() {
    let world = World::bare(Setup::default()).await;
    world.host.put_fabric(&team_admin(), fabric_settings(DEV, world.workspace.url()), None, None).await.unwrap();
    assert_eq!(kinds(&world).await, [AdvisoryKind::MissingServicePrincipal, AdvisoryKind::MissingAppConnection]);
    let advisories = world.host.advisories(&alice(), DEV).await.unwrap();
    assert!(advisories[0].message.contains("Service Principal Client ID"), "{advisories:?}");
    assert!(advisories[1].message.contains("cluster admin"), "{advisories:?}");
    world.set_app_connection().await;
    assert_eq!(kinds(&world).await, [AdvisoryKind::MissingServicePrincipal]);
}

#[tokio::test]
async fn advisories_are_for_those_who_see_the_fabric() {
    let world = World::new().await;
    world.host.advisories(&cluster_admin(), DEV).await.unwrap();
    assert_eq!(case_of(world.host.advisories(&stranger(), DEV).await), "not-found");
}

/// What is told to somebody who edits a job.
async fn told_of_job(world: &World, fabric: &str, run_as: Option<&str>) -> Vec<Advisory> {
    let job = Job { run_as: run_as.map(Into::into) };
    world.host.job_advisories(&alice(), fabric, &job).await.unwrap()
}

/// PB-066, PB-113: for SQL jobs and for those of Spark.
#[tokio::test]
async fn a_run_as_that_the_service_principal_replaces_is_told_with_both_names_and_blocks_nothing() {
    let world = World::new().await;
    let principal = &world.principal.application_id;
    for (name, kind) in [("models", FabricKind::Sql), ("pipelines", FabricKind::Spark)] {
        let settings = with_principal(fabric_settings(name, world.workspace.url()), &world.principal);
        let settings = FabricSettings { kind, ..settings };
        world.host.put_fabric(&team_admin(), settings, Some(&world.principal_secret()), None).await.unwrap();
        let [advisory] = told_of_job(&world, name, Some("bob@example.com")).await.try_into().unwrap();
        assert_eq!((advisory.kind, advisory.ends_in), (AdvisoryKind::RunAsReplaced, None));
        assert!(advisory.message.contains(principal) && advisory.message.contains("bob@example.com"), "{advisory:?}");
        for run_as in [None, Some(principal.as_str()), Some(&principal.to_uppercase())] {
            assert_eq!(told_of_job(&world, name, run_as).await, [], "{run_as:?}");
        }
        let served = world.host.access_token(&workload_for_admin(), name, Activity::ScheduledRun).await.unwrap();
        assert_eq!(&served.1.databricks_user, principal);
    }
}

/// PB-067, PB-068, PB-132: for jobs of either kind, whatever their Run As says.
#[tokio::test]
async fn a_job_on_a_fabric_without_a_service_principal_is_told_that_and_nothing_of_its_run_as() {
    let world = World::new().await;
    world.host.put_fabric(&team_admin(), fabric_settings("plain", world.workspace.url()), None, None).await.unwrap();
    let [advisory] = told_of_job(&world, "plain", Some("bob@example.com")).await.try_into().unwrap();
    assert_eq!(advisory.kind, AdvisoryKind::MissingServicePrincipal);
    assert!(!advisory.message.contains("Databricks job") && !advisory.message.contains("Airflow"), "{advisory:?}");
    assert!(advisory.message.starts_with("Scheduled jobs, releases and deployments"), "{advisory:?}");
}

#[tokio::test]
async fn a_run_as_that_can_name_nobody_is_refused_by_its_field() {
    let world = World::new().await;
    for run_as in ["", "a\u{1b}b", &"x".repeat(321)] {
        let job = Job { run_as: Some(run_as.into()) };
        let refused = world.host.job_advisories(&alice(), DEV, &job).await.unwrap_err();
        assert_eq!(refused.field(), Some("job.run-as"), "{run_as:?}");
    }
}

/// PB-075, PB-133.
#[tokio::test]
async fn a_fabric_without_a_service_principal_keeps_no_other_from_being_deployed_to() {
    let world = World::new().await;
    world.host.put_fabric(&team_admin(), fabric_settings("unused", world.workspace.url()), None, None).await.unwrap();
    world.token_for(&workload_for_admin(), Activity::ProjectDeployment).await.unwrap();
    let used = world.host.access_token(&workload_for_admin(), "unused", Activity::ProjectDeployment).await;
    assert_eq!(case_of(used), "service-principal-missing");
    assert_eq!(kinds(&world).await, []);
}
