//! Hosts that are not a plain workspace.

use fabric_auth::contract::databricks_oauth::FabricSelection;
use fabric_auth::contract::{Activity, FabricSettings, IdentityKind};
use fabric_auth_tests::{
    DEV, HOUR, Setup, World, alice, fabric_settings, team_admin, test_steps, with_principal, workload,
};
use simulated_workspace::{HostType, Settings};

use crate::support::case_of;

async fn world_at(host_type: HostType) -> World {
    let world = World::bare(Setup { workspace: Settings::for_host(host_type), ..Setup::default() }).await;
    world.set_app_connection().await;
    world
}

/// A custom URL in front of several workspaces needs to hear which one is meant.
#[tokio::test]
async fn a_unified_host_is_told_which_workspace_is_meant() {
    let world = world_at(HostType::Unified).await;
    let settings = world.workspace.settings();
    let url = format!("{}/?o={}", world.workspace.url(), settings.workspace_id);
    let fabric = with_principal(fabric_settings(DEV, &url), &world.principal);
    let put = world.host.put_fabric(&team_admin(), fabric, Some(&world.principal_secret()), None).await.unwrap();
    assert_eq!(put.workspace_id, Some(settings.workspace_id.to_string()));
    world.sign_in(&alice()).await;
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    let stored = FabricSelection::Stored(DEV.into());
    let steps = test_steps(&world, &alice(), stored, None, IdentityKind::Person).await;
    assert!(steps.len() == 4 && steps.iter().all(|(_, problem)| problem.is_none()), "{steps:?}");
}

#[tokio::test]
async fn a_unified_host_without_a_workspace_id_is_a_wrong_workspace() {
    let world = world_at(HostType::Unified).await;
    world.host.put_fabric(&team_admin(), fabric_settings(DEV, world.workspace.url()), None, None).await.unwrap();
    assert_eq!(case_of(world.try_sign_in(&alice(), "alice@example.com").await), "wrong-workspace");
}

#[tokio::test]
async fn an_account_console_is_no_workspace() {
    let world = world_at(HostType::Account).await;
    let fabric: FabricSettings = fabric_settings(DEV, world.workspace.url());
    world.host.put_fabric(&team_admin(), fabric, None, None).await.unwrap();
    assert_eq!(case_of(world.host.begin_sign_in(&alice(), DEV, None).await), "wrong-workspace");
}
