//! The oldest Prophecy with which the component works.

use fabric_auth::Deployment;
use fabric_auth_tests::{BASE_URL, DEV, Setup, World, alice, cluster_admin, fabric_settings, team_admin};

/// PB-006.
#[tokio::test]
async fn prophecy_before_3_4_3_1_is_refused_with_the_version_that_is_needed() {
    for (version, accepted) in
        [("3.4.3.0", false), ("3.4.3.1", true), ("3.4.10.0", true), ("4.0.0", true), ("3.4", false), ("newest", false)]
    {
        let deployment = Deployment::self_hosted(version, BASE_URL);
        let world = World::bare(Setup { deployment, ..Setup::default() }).await;
        let set = world
            .host
            .set_app_connection(
                &cluster_admin(),
                fabric_auth_tests::app_settings(&world.app),
                world.app_secret().as_ref(),
            )
            .await;
        let put = world.host.put_fabric(&team_admin(), fabric_settings(DEV, world.workspace.url()), None, None).await;
        if accepted {
            set.unwrap();
            put.unwrap();
            world.sign_in(&alice()).await;
            world.end().await;
            continue;
        }
        for error in [set.unwrap_err(), put.unwrap_err()] {
            assert_eq!(error.case(), "misconfigured", "{version}: {error:?}");
            assert!(version == "newest" || error.message().contains("3.4.3.1"), "{error}");
        }
    }
}
