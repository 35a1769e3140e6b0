//! What each deployment offers.

use std::time::Duration;

use fabric_auth::Deployment;
use fabric_auth::contract::administration::AppConnectionSettings;
use fabric_auth::contract::databricks_oauth::{AuthenticationOffer, Registration, SessionControl};
use fabric_auth::contract::deployment::Mode;
use fabric_auth::contract::{Actor, Authentication, Caller, Error};
use fabric_auth_tests::{
    BASE_URL, DEV, HOUR, REDIRECT_URL, Setup, World, alice, app_settings, bob, cluster_admin, fabric_settings,
    operator, stranger, team_admin, workload,
};
use simulated_workspace::{App, Lifetimes};

use crate::support::{case_of, overwrite};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

fn setup(mode: Mode, built_in: bool) -> Setup {
    let app = App::confidential(REDIRECT_URL);
    let mut deployment = Deployment::self_hosted("4.2.1", BASE_URL);
    deployment.description.mode = mode;
    if built_in {
        deployment.description.default_client_id = Some(app.client_id.clone());
        deployment.default_client_secret = app.client_secret().map(|secret| secret.expose().into());
    }
    Setup { app, deployment, ..Setup::default() }
}

/// The offer. Whatever it is, both methods are in it: none is hidden.
async fn offer(world: &World, caller: &Caller) -> AuthenticationOffer {
    let offer = world.host.authentication_methods(caller).await.unwrap();
    let methods: Vec<_> = offer.methods.iter().map(|method| method.method).collect();
    assert_eq!(methods, [Authentication::Oauth, Authentication::PersonalAccessToken]);
    offer
}

/// What stands in OAuth's way.
fn problem(offer: &AuthenticationOffer) -> Option<&Error> {
    offer.methods[0].problem.as_ref()
}

/// PB-001, PB-008, PB-009, PB-050, PB-117.
#[tokio::test]
async fn on_saas_oauth_works_with_nothing_to_do_and_nothing_to_change() {
    let world = World::bare(setup(Mode::Saas, true)).await;
    let offer = offer(&world, &alice()).await;
    assert_eq!(problem(&offer), None);
    assert_eq!((offer.registration, offer.session_control), (Registration::NotNeeded, SessionControl::Nobody));
    assert_eq!(Duration::from_nanos(offer.session_lifetime), WEEK);
}

/// PB-009: what is missing on SaaS is not for the customer's admins to mend.
#[tokio::test]
async fn a_saas_deployment_without_its_app_connection_asks_nothing_of_customers() {
    let world = World::bare(setup(Mode::Saas, false)).await;
    let offer = offer(&world, &cluster_admin()).await;
    assert_eq!(offer.registration, Registration::NotNeeded);
    assert_eq!(problem(&offer).map(Error::actor), Some(Actor::Operator), "{offer:?}");
}

/// A customer of SaaS who registers an app connection of their own has its time-out in their own hands.
#[tokio::test]
async fn on_saas_an_app_connection_of_the_customers_own_is_theirs_to_adjust() {
    let world = World::bare(setup(Mode::Saas, true)).await;
    world.set_app_connection().await;
    let offer = offer(&world, &alice()).await;
    assert_eq!(
        (offer.registration, offer.session_control),
        (Registration::Done, SessionControl::DatabricksAccountAdmin)
    );
}

/// PB-001, PB-007, PB-010, PB-011, PB-012, PB-013, PB-117.
#[tokio::test]
async fn elsewhere_oauth_is_shown_and_says_who_registers_before_it_can_be_used() {
    for mode in [Mode::DedicatedSaas, Mode::SelfHosted] {
        let world = World::bare(setup(mode, false)).await;
        world.put_dev_fabric().await;
        for caller in [alice(), team_admin(), cluster_admin(), operator(), workload(), stranger()] {
            let offer = offer(&world, &caller).await;
            let problem = problem(&offer).unwrap();
            assert_eq!((problem.case(), problem.actor()), ("app-connection-missing", Actor::ClusterAdmin));
            for text in ["Databricks account admin", "Account Settings > App connections", "Prophecy cluster admin"] {
                assert!(problem.message().contains(text), "{problem}");
            }
            assert_eq!(
                (offer.registration, offer.session_control),
                (Registration::Needed, SessionControl::DatabricksAccountAdmin)
            );
        }
        assert_eq!(case_of(world.host.begin_sign_in(&alice(), DEV, None).await), "app-connection-missing");
        assert_eq!(world.books().token_requests.len(), 0);
        world.end().await;
    }
}

/// PB-014: one registration serves everybody, whatever the fabric.
#[tokio::test]
async fn once_registered_oauth_can_be_used_by_all() {
    for mode in [Mode::DedicatedSaas, Mode::SelfHosted] {
        let world = World::of(setup(mode, false)).await;
        for caller in [alice(), team_admin(), workload(), stranger()] {
            let offer = offer(&world, &caller).await;
            assert_eq!((problem(&offer), offer.registration), (None, Registration::Done));
        }
        let second = fabric_settings("second", world.workspace.url());
        world.host.put_fabric(&team_admin(), second, None, None).await.unwrap();
        world.sign_in(&alice()).await;
        world.sign_in(&bob()).await;
        let activity = fabric_auth::contract::Activity::PipelineDevelopment;
        for person in [alice(), bob()] {
            world.host.access_token(&person, "second", activity).await.unwrap();
        }
        world.end().await;
    }
}

/// PB-051: what a Databricks account admin sets holds with no change here.
#[tokio::test]
async fn a_time_out_that_was_changed_at_databricks_is_honoured() {
    for mode in [Mode::DedicatedSaas, Mode::SelfHosted] {
        let world = World::of(setup(mode, false)).await;
        let quarter = HOUR / 4;
        world.workspace.change_app(&world.app.client_id, |app| {
            app.lifetimes = Lifetimes { access_token: quarter, refresh_token: 2 * HOUR, ..Lifetimes::default() };
        });
        world.sign_in(&alice()).await;
        let (_, description) = world.token(&alice()).await.unwrap();
        assert!(Duration::from_nanos(description.expires_in) < quarter, "{description:?}");
        world.advance(HOUR);
        world.token(&alice()).await.unwrap();
        world.advance(3 * HOUR);
        assert_eq!(case_of(world.token(&alice()).await), "sign-in-required");
        world.end().await;
    }
}

/// PB-143: the life that an admin has recorded.
#[tokio::test]
async fn the_offer_tells_the_recorded_life_of_a_sign_in() {
    let world = World::new().await;
    let settings =
        AppConnectionSettings { refresh_token_lifetime: Some(86_400_000_000_000), ..app_settings(&world.app) };
    world.host.set_app_connection(&cluster_admin(), settings, None).await.unwrap();
    assert_eq!(Duration::from_nanos(offer(&world, &alice()).await.session_lifetime), 24 * HOUR);
}

/// PB-001: the other method is offered too, registered or not, and a fabric takes it.
#[tokio::test]
async fn personal_access_tokens_need_no_registration() {
    let world = World::bare(Setup::default()).await;
    let offer = offer(&world, &alice()).await;
    let mut settings = fabric_settings("with-token", world.workspace.url());
    settings.authentication = Authentication::PersonalAccessToken;
    assert_eq!((offer.methods[1].method, &offer.methods[1].problem), (Authentication::PersonalAccessToken, &None));
    world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
}

#[tokio::test]
async fn an_app_connection_that_cannot_be_read_was_registered_all_the_same() {
    let world = World::new().await;
    overwrite(&world, "app-connection/acme/main", b"{").await;
    let offer = offer(&world, &alice()).await;
    assert_eq!((problem(&offer).map(Error::case), offer.registration), (Some("internal"), Registration::Done));
}

/// PB-006.
#[tokio::test]
async fn a_prophecy_that_is_too_old_offers_nothing_and_says_which_is_needed() {
    let deployment = Deployment::self_hosted("3.4.3.0", BASE_URL);
    let world = World::bare(Setup { deployment, ..Setup::default() }).await;
    let refused = world.host.authentication_methods(&alice()).await.unwrap_err();
    assert_eq!(refused.case(), "misconfigured");
    assert!(refused.message().contains("3.4.3.1"), "{refused}");
}
