//! Registering Prophecy with Databricks: once, in force at once, for everybody.

use std::collections::BTreeSet;

use fabric_auth::contract::databricks_oauth::FabricSelection;
use fabric_auth::contract::{Activity, Error, IdentityKind};
use fabric_auth_tests::{
    DEV, HOUR, REDIRECT_URL, Setup, World, alice, bob, fabric_settings, team_admin, test_steps, workload,
    workload_for_admin,
};
use simulated_workspace::App;

use crate::support::case_of;

fn dev() -> FabricSelection {
    FabricSelection::Stored(DEV.into())
}

/// PB-012, PB-013, PB-041.
#[tokio::test]
async fn before_it_oauth_can_be_chosen_and_testing_says_who_can_register() {
    let world = World::bare(Setup::default()).await;
    world.put_dev_fabric().await;
    let steps = test_steps(&world, &alice(), dev(), None, IdentityKind::Person).await;
    let (_, problem) = steps.last().unwrap();
    let problem = problem.as_ref().unwrap();
    assert_eq!(problem.case(), "app-connection-missing");
    assert!(problem.message().contains("cluster admin"), "{problem}");
    let steps = test_steps(&world, &team_admin(), dev(), None, IdentityKind::ServicePrincipal).await;
    assert!(steps.len() == 4 && steps.iter().all(|(_, problem)| problem.is_none()), "{steps:?}");
}

/// PB-014, PB-025, PB-026: no host is restarted, not even one that has just said that there is no registration.
#[tokio::test]
async fn it_is_in_force_at_once_on_every_host_for_everybody_and_every_fabric() {
    let world = World::bare(Setup::default()).await;
    world.put_dev_fabric().await;
    let second = fabric_settings("second", world.workspace.url());
    world.host.put_fabric(&team_admin(), second, None, None).await.unwrap();
    let other = world.another_host().await;
    for host in [&world.host, &other] {
        assert_eq!(case_of(host.begin_sign_in(&alice(), DEV, None).await), "app-connection-missing");
    }
    world.set_app_connection().await;
    for fabric in [DEV, "second"] {
        other.begin_sign_in(&alice(), fabric, None).await.unwrap();
        world.host.begin_sign_in(&bob(), fabric, None).await.unwrap();
    }
    world.sign_in(&alice()).await;
    world.sign_in(&bob()).await;
}

/// PB-102: at the sign-in, with what Databricks was asked for, and nothing is kept of it.
#[tokio::test]
async fn an_app_that_lacks_all_apis_is_told_with_the_scopes_that_were_asked_for() {
    let app = App { scopes: vec!["sql".into()], ..App::confidential(REDIRECT_URL) };
    let world = World::of(Setup { app, ..Setup::default() }).await;
    let refused = world.try_sign_in(&alice(), "alice@example.com").await.unwrap_err();
    let Error::ScopeNotGranted(scopes) = &refused else { panic!("{refused:?}") };
    assert!(scopes.scopes.contains(&"all-apis".to_owned()), "{scopes:?}");
    assert_eq!(case_of(world.token(&alice()).await), "sign-in-required");
}

/// PB-002, PB-019, PB-028, PB-078: code with PKCE, refresh token and client credentials, and beside them what Test
/// Connection reads. No call could make or fetch anybody's credentials.
#[tokio::test]
async fn of_databricks_nothing_is_asked_but_tokens_by_standard_grants_and_what_a_test_reads() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    world.token_for(&workload_for_admin(), Activity::ProjectDeployment).await.unwrap();
    test_steps(&world, &alice(), dev(), None, IdentityKind::Person).await;
    test_steps(&world, &team_admin(), dev(), None, IdentityKind::ServicePrincipal).await;
    world.host.sign_out(&alice(), DEV).await.unwrap();

    let books = world.books();
    let grants: BTreeSet<_> = books.token_requests.iter().filter_map(|request| request.grant_type.as_deref()).collect();
    assert_eq!(grants, BTreeSet::from(["authorization_code", "client_credentials", "refresh_token"]));
    for request in
        books.token_requests.iter().filter(|request| request.grant_type.as_deref() == Some("authorization_code"))
    {
        assert!(request.parameter_names.iter().any(|name| name == "code_verifier"), "{request:?}");
    }
    let calls: BTreeSet<_> = books.api_calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(calls, BTreeSet::from(["/api/2.0/preview/scim/v2/Me", "/api/2.1/clusters/list"]));
}
