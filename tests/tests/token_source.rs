//! Operations that outlast their tokens.

use std::time::Duration;

use fabric_auth::contract::Activity::{PipelineDevelopment, ProjectDeployment};
use fabric_auth::contract::Error;
use fabric_auth::contract::databricks_oauth::{Rejection, RejectionVerdict};
use fabric_auth_tests::{
    DEV, FlakyStore, HOUR, World, alice, eventually, fabric_settings, team_admin, while_time_passes, with_principal,
    workload_for_admin,
};
use secrecy::ExposeSecret as _;
use simulated_workspace::{Endpoint, Fault, RetryAfter, ServicePrincipal};

use crate::support::{case_of, reason_of, renewals, signed_in};

/// PB-085: a person's query runs for four hours, and every request of it has a token that lives.
#[tokio::test]
async fn an_operation_of_a_person_outlasts_its_tokens() {
    let world = signed_in().await;
    let source = world.host.token_source(&alice(), DEV, PipelineDevelopment);
    let mut tokens = std::collections::BTreeSet::new();
    for _ in 0..16 {
        let (token, description) = source.token().await.unwrap();
        assert_eq!(description.databricks_user, "alice@example.com");
        assert!(description.expires_in > 0);
        tokens.insert(token.expose_secret().to_owned());
        let before = renewals(&world).await;
        world.advance(HOUR / 4);
        if source.token().await.unwrap().1.expires_in < (HOUR / 4).as_nanos() as u64 {
            eventually("the renewal behind it has ended", async || renewals(&world).await > before).await;
        }
    }
    assert!(tokens.len() >= 4, "{} tokens in four hours", tokens.len());
    assert_eq!(world.books().reuses(), 0);
}

/// PB-085, PB-165: so does a deployment, with nobody signed in and no refresh token.
#[tokio::test]
async fn a_deployment_outlasts_its_tokens() {
    let world = World::new().await;
    let source = world.host.token_source(&workload_for_admin(), DEV, ProjectDeployment);
    let (first, _) = source.token().await.unwrap();
    world.advance(2 * HOUR);
    let (second, _) = source.token().await.unwrap();
    assert_ne!(first.expose_secret(), second.expose_secret());
    assert_eq!((world.refreshes(), world.client_credentials()), (0, 2));
}

/// PB-085: Databricks asks for a pause just when the token is to be renewed: the operation waits and goes on.
#[tokio::test]
async fn an_operation_waits_out_what_passes_by_itself() {
    let world = World::new().await;
    let source = world.host.token_source(&workload_for_admin(), DEV, ProjectDeployment);
    source.token().await.unwrap();
    world.advance(2 * HOUR);
    world.workspace.inject(Endpoint::Token, Fault::Throttle { retry_after: RetryAfter::Seconds(20) });
    while_time_passes(&world, source.token()).await.unwrap();
    assert_eq!(world.client_credentials(), 3);
}

/// PB-085: patience has an end, and whoever has none is told at once.
#[tokio::test]
async fn an_operation_waits_no_longer_than_its_patience() {
    let world = World::new().await;
    let store = FlakyStore::over(std::sync::Arc::new(world.database.storage()));
    let host = world.host_on(store.clone()).await;
    store.set_away(true);
    let source = host.token_source(&workload_for_admin(), DEV, ProjectDeployment);
    assert_eq!(case_of(while_time_passes(&world, source.token()).await), "unavailable");
    let impatient = host.token_source(&workload_for_admin(), DEV, ProjectDeployment).patience(Duration::ZERO);
    assert_eq!(case_of(impatient.token().await), "unavailable");
}

/// PB-046, PB-085: what needs a person is not waited for.
#[tokio::test]
async fn an_operation_whose_session_has_ended_is_told_so() {
    let world = World::new().await;
    let source = world.host.token_source(&alice(), DEV, PipelineDevelopment);
    reason_of(source.token().await);
}

/// An operation does not go on as somebody else, though the fabric has got another service principal.
#[tokio::test]
async fn an_operation_ends_as_who_it_began() {
    let world = World::new().await;
    let source = world.host.token_source(&workload_for_admin(), DEV, ProjectDeployment);
    source.token().await.unwrap();
    let other = ServicePrincipal::new("other jobs");
    world.workspace.register_service_principal(other.clone());
    let settings = with_principal(fabric_settings(DEV, world.workspace.url()), &other);
    let secret = other.secret().unwrap().expose().into();
    world.host.put_fabric(&team_admin(), settings, Some(&secret), None).await.unwrap();
    let Err(Error::Conflict(text)) = source.token().await else { panic!("the operation went on") };
    assert!(text.contains(&other.application_id), "{text}");
}

/// PB-163: a token that Databricks refuses is replaced in the middle of an operation.
#[tokio::test]
async fn an_operation_whose_token_is_refused_gets_another() {
    let world = World::new().await;
    let source = world.host.token_source(&workload_for_admin(), DEV, ProjectDeployment);
    let (token, description) = source.token().await.unwrap();
    let rejection = Rejection {
        status: 403,
        body: br#"{"error_code":403,"message":"Invalid access token."}"#.to_vec(),
        location: None,
    };
    let verdict = source.report_rejection(&description.reference, rejection).await.unwrap();
    assert_eq!(verdict, RejectionVerdict::TokenRejected);
    assert_ne!(source.token().await.unwrap().0.expose_secret(), token.expose_secret());
}
