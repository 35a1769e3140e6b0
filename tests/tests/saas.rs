//! Prophecy as a service: the app connection is there from the start.

use std::time::Duration;

use fabric_auth::Deployment;
use fabric_auth::contract::administration::AppConnectionSettings;
use fabric_auth::contract::deployment::Mode;
use fabric_auth_tests::{BASE_URL, REDIRECT_URL, Setup, World, alice, app_settings, cluster_admin};
use simulated_workspace::{App, ClientAuthentication};

use crate::support::case_of;

fn setup(mode: Mode, app: App) -> Setup {
    let mut deployment = Deployment::self_hosted("4.2.1", BASE_URL);
    deployment.description.mode = mode;
    deployment.description.default_client_id = Some(app.client_id.clone());
    deployment.default_client_secret = app.client_secret().map(|secret| secret.expose().into());
    Setup { app, deployment, ..Setup::default() }
}

/// PB-008, PB-009.
#[tokio::test]
async fn people_sign_in_with_nothing_registered() {
    for (app, authentication) in [
        (App::confidential(REDIRECT_URL), ClientAuthentication::Body),
        (App::public(REDIRECT_URL), ClientAuthentication::None),
    ] {
        let world = World::bare(setup(Mode::Saas, app)).await;
        world.put_dev_fabric().await;
        assert_eq!(world.host.advisories(&alice(), fabric_auth_tests::DEV).await.unwrap(), []);
        world.sign_in(&alice()).await;
        assert_eq!(world.books().token_requests[0].client_authentication, authentication);
        world.advance(fabric_auth_tests::HOUR);
        world.token(&alice()).await.unwrap();
    }
}

/// PB-009.
#[tokio::test]
async fn the_built_in_app_connection_is_described_and_cannot_be_changed() {
    let world = World::bare(setup(Mode::Saas, App::confidential(REDIRECT_URL))).await;
    let all = world.host.describe_app_connections(&cluster_admin()).await.unwrap();
    assert_eq!((all.len(), all[0].built_in, all[0].has_client_secret), (1, true, true));
    let name = all[0].settings.name.clone();
    let mut settings = app_settings(&world.app);
    settings.name.clone_from(&name);
    let refused = world.host.set_app_connection(&cluster_admin(), settings, Some(&"dose1".into())).await.unwrap_err();
    assert_eq!(refused.field(), Some("settings.name"));
    world.host.remove_app_connection(&cluster_admin(), &name).await.unwrap_err();
    world.put_dev_fabric().await;
    world.sign_in(&alice()).await;
}

/// PB-050, PB-117: Databricks' default is what is reckoned with, and nothing here sets another.
#[tokio::test]
async fn the_session_of_the_built_in_app_connection_lasts_for_the_default_time() {
    let week = Duration::from_secs(7 * 24 * 3_600);
    let world = World::bare(setup(Mode::Saas, App::confidential(REDIRECT_URL))).await;
    world.put_dev_fabric().await;
    let built_in = world.host.describe_app_connections(&cluster_admin()).await.unwrap().remove(0).settings;
    assert_eq!(built_in.refresh_token_lifetime, None);
    let shorter = AppConnectionSettings { refresh_token_lifetime: Some(3_600_000_000_000), ..built_in };
    let refused = world.host.set_app_connection(&cluster_admin(), shorter, None).await.unwrap_err();
    assert_eq!(refused.field(), Some("settings.name"));
    world.sign_in(&alice()).await;
    let state = world.host.sign_in_status(&alice(), fabric_auth_tests::DEV).await.unwrap();
    let lasts = Duration::from_nanos(state.session_expires_in.unwrap());
    assert!(lasts <= week && lasts > week - Duration::from_secs(60), "{lasts:?}");
}

/// Of all that are described one is the default.
#[tokio::test]
async fn one_app_connection_is_the_default_also_beside_the_built_in_one() {
    let world = World::bare(setup(Mode::Saas, App::confidential(REDIRECT_URL))).await;
    world.set_app_connection().await;
    let all = world.host.describe_app_connections(&cluster_admin()).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all.iter().filter(|app| app.settings.default).count(), 1, "{all:?}");
}

/// PB-010, PB-011, PB-025.
#[tokio::test]
async fn elsewhere_there_is_no_app_connection_before_it_is_registered() {
    for mode in [Mode::DedicatedSaas, Mode::SelfHosted] {
        let world = World::bare(setup(mode, App::confidential(REDIRECT_URL))).await;
        world.put_dev_fabric().await;
        let begun = world.host.begin_sign_in(&alice(), fabric_auth_tests::DEV, None).await;
        assert_eq!(case_of(begun), "app-connection-missing");
        world.set_app_connection().await;
        world.sign_in(&alice()).await;
    }
}
