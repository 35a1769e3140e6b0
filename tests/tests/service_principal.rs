//! Tokens of a fabric's service principal.

use std::time::Duration;

use fabric_auth::contract::{Activity, Error, FabricSettings, IdentityKind};
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{
    DEV, HOUR, World, alice, eventually, fabric_settings, operator, team_admin, with_principal, workload,
    workload_for_admin,
};
use simulated_workspace::{ClientAuthentication, Endpoint, Fault, RetryAfter, Secret, ServicePrincipalSecret};

use crate::support::case_of;

fn dev(world: &World) -> FabricSettings {
    with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal)
}

/// PB-002, PB-053, PB-054, PB-065, PB-165.
#[tokio::test]
async fn a_scheduled_run_gets_a_token_by_client_credentials_with_nobody_signed_in() {
    let world = World::new().await;
    let (_, description) = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    assert_eq!(description.identity, IdentityKind::ServicePrincipal);
    assert_eq!(description.databricks_user, world.principal.application_id);
    assert_eq!(description.scopes, ["all-apis"]);
    let books = world.books();
    let request = &books.token_requests[0];
    assert_eq!((books.token_requests.len(), books.sign_ins.len()), (1, 0));
    assert_eq!(request.grant_type.as_deref(), Some("client_credentials"));
    assert_eq!(request.client_authentication, ClientAuthentication::Basic);
    assert_eq!(request.parameter_names, ["grant_type", "scope"]);
    assert_eq!(request.open_parameters["scope"], "all-apis");
}

#[tokio::test]
async fn configured_scopes_are_asked_for_instead() {
    let world = World::new().await;
    let settings = FabricSettings { service_principal_scopes: vec!["sql".into(), "clusters".into()], ..dev(&world) };
    world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    let (_, description) = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    assert_eq!(description.scopes, ["clusters", "sql"]);
}

/// PB-165.
#[tokio::test]
async fn a_token_is_kept_until_its_window_and_then_fetched_anew() {
    let world = World::new().await;
    let (first, _) = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    world.advance(Duration::from_secs(39 * 60));
    assert_eq!(world.token_for(&workload_for_admin(), Activity::ProjectRelease).await.unwrap().0, first);
    assert_eq!(world.client_credentials(), 1);
    world.advance(HOUR);
    assert_ne!(world.token_for(&workload(), Activity::ScheduledRun).await.unwrap().0, first);
    assert_eq!((world.client_credentials(), world.refreshes()), (2, 0));
}

#[tokio::test]
async fn within_the_window_the_token_in_hand_is_served_while_another_is_fetched() {
    let world = World::new().await;
    let (first, _) = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(300)));
    world.advance(Duration::from_secs(46 * 60));
    assert_eq!(world.token_for(&workload(), Activity::ScheduledRun).await.unwrap().0, first);
    let next = async || world.token_for(&workload(), Activity::ScheduledRun).await.unwrap().0 != first;
    eventually("the next token is served", next).await;
    assert_eq!(world.client_credentials(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_at_once_cause_one_request() {
    let world = World::new().await;
    world.workspace.inject(Endpoint::Token, Fault::DelayBefore(Duration::from_millis(100)));
    let caller = workload();
    let calls = (0..200).map(|_| world.token_for(&caller, Activity::ScheduledRun));
    for answer in futures::future::join_all(calls).await {
        answer.unwrap();
    }
    assert_eq!(world.client_credentials(), 1);
}

/// New credentials are in force at once, and no token of the former ones is served.
#[tokio::test]
async fn a_changed_secret_or_principal_takes_effect_at_once() {
    let world = World::new().await;
    let (first, _) = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    let fresh = ServicePrincipalSecret::bound_to(&[]);
    let secret = fresh.secret.expose().into();
    world.workspace.change_service_principal(&world.principal.application_id, |p| p.secrets = vec![fresh]);
    world.host.put_fabric(&team_admin(), dev(&world), Some(&secret), None).await.unwrap();
    let changed = async || world.token_for(&workload(), Activity::ScheduledRun).await.unwrap().0 != first;
    eventually("a token of the new secret is served", changed).await;
    assert_eq!(world.client_credentials(), 2);

    world.host.put_fabric(&team_admin(), dev(&world), Some(&"dosewrong".into()), None).await.unwrap();
    let refused = async || {
        world
            .token_for(&workload(), Activity::ScheduledRun)
            .await
            .is_err_and(|e| e.case() == "service-principal-rejected")
    };
    eventually("the wrong secret is refused", refused).await;
}

#[tokio::test]
async fn removed_credentials_leave_no_token_behind() {
    let world = World::new().await;
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    let settings = fabric_settings(DEV, world.workspace.url());
    world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    let missing = async || {
        world
            .token_for(&workload(), Activity::ScheduledRun)
            .await
            .is_err_and(|e| e.case() == "service-principal-missing")
    };
    eventually("no token is served", missing).await;
}

/// A token that arrives when its fabric is gone leaves nothing behind, be it the first one or a later one.
#[tokio::test]
async fn a_fabric_that_is_removed_while_its_token_is_fetched_stays_removed() {
    for held in [false, true] {
        let world = World::new().await;
        if held {
            world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
            world.advance(HOUR);
        }
        let requests = world.client_credentials();
        world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(500)));
        let caller = workload();
        let fetching = world.token_for(&caller, Activity::ScheduledRun);
        let removing = async {
            eventually("the token is asked for", async || world.client_credentials() > requests).await;
            world.host.remove_fabric(&team_admin(), DEV).await.unwrap();
        };
        let (answer, ()) = futures::future::join(fetching, removing).await;
        assert_eq!(case_of(answer), "not-found", "held before: {held}");
        let left = world.database.storage().list("grant/service-principal/", None, 10).await.unwrap();
        assert!(left.entries.is_empty(), "held before: {held}");
        world.end().await;
    }
}

/// PB-043, PB-059, PB-063.
#[tokio::test]
async fn client_id_and_secret_go_together() {
    let world = World::new().await;
    let alone = with_principal(fabric_settings("new", world.workspace.url()), &world.principal);
    let refused = world.host.put_fabric(&team_admin(), alone, None, None).await.unwrap_err();
    assert_eq!(refused.field(), Some("service-principal-secret"));
    let without = fabric_settings("new", world.workspace.url());
    let refused = world.host.put_fabric(&team_admin(), without.clone(), Some(&"dose1".into()), None).await.unwrap_err();
    assert_eq!(refused.field(), Some("settings.service-principal-client-id"));
    world.host.put_fabric(&team_admin(), without, None, None).await.unwrap();
}

/// PB-166.
#[tokio::test]
async fn a_secret_that_databricks_does_not_accept_is_told_with_the_fabrics_name() {
    let world = World::new().await;
    world.workspace.change_service_principal(&world.principal.application_id, |p| p.secrets.clear());
    let error = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap_err();
    assert!(matches!(&error, Error::ServicePrincipalRejected(peer) if peer.code == "invalid_client"), "{error:?}");
    assert!(error.message().contains("`dev`") && error.message().contains("two years"), "{error}");
}

/// PB-102.
#[tokio::test]
async fn a_scope_that_the_secret_lacks_is_named() {
    let world = World::new().await;
    let bound =
        ServicePrincipalSecret { secret: Secret::new(dose(&world)), ..ServicePrincipalSecret::bound_to(&["sql"]) };
    world.workspace.change_service_principal(&world.principal.application_id, |p| p.secrets = vec![bound]);
    let error = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap_err();
    assert!(matches!(&error, Error::ScopeNotGranted(s) if s.scopes == ["all-apis"]), "{error:?}");
}

fn dose(world: &World) -> String {
    world.principal.secret().unwrap().expose().to_owned()
}

/// PB-060.
#[tokio::test]
async fn the_apps_credentials_in_the_service_principals_place_give_a_clear_error() {
    let world = World::new().await;
    let client = Some(world.app.client_id.clone());
    let settings = FabricSettings { service_principal_client_id: client, ..dev(&world) };
    world.host.put_fabric(&team_admin(), settings, world.app_secret().as_ref(), None).await.unwrap();
    let error = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap_err();
    assert_eq!(error.case(), "service-principal-rejected", "{error:?}");
    assert!(error.message().contains("app connection"), "{error}");
}

/// PB-030, PB-031, PB-066, PB-112, PB-120, PB-121, PB-122, PB-128.
#[tokio::test]
async fn one_identity_never_stands_in_for_the_other() {
    let world = World::new().await;
    // The service principal is there and nobody has signed in.
    assert_eq!(case_of(world.token(&alice()).await), "sign-in-required");
    // Alice has signed in and there is no service principal.
    world.sign_in(&alice()).await;
    world.host.put_fabric(&team_admin(), fabric_settings(DEV, world.workspace.url()), None, None).await.unwrap();
    assert_eq!(case_of(world.token_for(&workload(), Activity::ScheduledRun).await), "service-principal-missing");
    assert_eq!(case_of(world.token_for(&operator(), Activity::ScheduledRun).await), "service-principal-missing");
    assert_eq!(world.token(&alice()).await.unwrap().1.identity, IdentityKind::Person);
}

#[tokio::test]
async fn failures_are_followed_by_a_pause() {
    let world = World::new().await;
    world.workspace.inject(Endpoint::Token, Fault::Throttle { retry_after: RetryAfter::Seconds(30) });
    assert_eq!(case_of(world.token_for(&workload(), Activity::ScheduledRun).await), "throttled");
    assert!(matches!(case_of(world.token_for(&workload(), Activity::ScheduledRun).await), "throttled" | "unavailable"));
    assert_eq!(world.client_credentials(), 1);
    world.advance(Duration::from_secs(50));
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
}

/// A lost reply costs nothing: there is nothing that a second request could spend.
#[tokio::test]
async fn a_lost_reply_is_simply_asked_for_again() {
    let world = World::new().await;
    world.workspace.inject(Endpoint::Token, Fault::HangUp);
    assert!(matches!(
        case_of(world.token_for(&workload(), Activity::ScheduledRun).await),
        "unavailable" | "unreachable"
    ));
    world.advance(Duration::from_secs(5));
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
}
