//! What will stand in the way later.

use fabric_auth::contract::databricks_oauth::AdvisoryKind;
use fabric_auth_tests::{
    DEV, Setup, World, alice, cluster_admin, fabric_settings, stranger, team_admin, with_principal,
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
