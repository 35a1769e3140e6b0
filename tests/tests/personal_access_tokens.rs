//! Fabrics on which each person enters a personal access token of their own.

mod forgetting;

use std::time::Duration;

use fabric_auth::contract::databricks_oauth::{FabricSelection, Rejection, RejectionVerdict, TestStep};
use fabric_auth::contract::{
    Activity, Authentication, Caller, Error, FabricSettings, IdentityKind, SignInReason, TokenDescription,
};
use fabric_auth::journal::{Action, Journal as _, Outcome};
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{
    DEV, World, alice, bob, cluster_admin, fabric_settings, files_with, operator, team_admin, test_steps,
    with_principal, workload,
};
use secrecy::ExposeSecret as _;
use simulated_workspace::{Barrier, Identity, Secret, Settings, SimulatedWorkspace};

use crate::support::{case_of, journaled, only_key, overwrite, reason_of};

const DEVELOPMENT: Activity = Activity::PipelineDevelopment;
const PREFIX: &str = "personal-access-token/";

fn settings(world: &World) -> FabricSettings {
    FabricSettings {
        authentication: Authentication::PersonalAccessToken,
        ..with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal)
    }
}

/// A world whose fabric takes personal access tokens.
async fn world() -> World {
    let world = World::new().await;
    world.host.put_fabric(&team_admin(), settings(&world), None, None).await.unwrap();
    world
}

fn token_of(world: &World, user_name: &str) -> Secret {
    world.workspace.issue_personal_access_token(Identity::User(user_name.into()))
}

async fn set(world: &World, caller: &Caller, token: &Secret) -> Result<String, Error> {
    world.host.set_personal_access_token(caller, DEV, &token.expose().into()).await
}

/// A world in which Alice has entered a token.
async fn entered() -> (World, Secret) {
    let world = world().await;
    let token = token_of(&world, "alice@example.com");
    assert_eq!(set(&world, &alice(), &token).await.unwrap(), "alice@example.com");
    (world, token)
}

async fn stored(world: &World) -> usize {
    world.database.storage().list(PREFIX, None, 100).await.unwrap().entries.len()
}

async fn report(world: &World, description: &TokenDescription) -> Result<RejectionVerdict, Error> {
    let body = br#"{"error_code":403,"message":"Invalid access token."}"#.to_vec();
    let rejection = Rejection { status: 403, body, location: None };
    world.host.report_rejection(&alice(), DEV, DEVELOPMENT, &description.reference, rejection).await
}

/// PB-001, PB-032, PB-120, PB-121, PB-127.
#[tokio::test]
async fn people_are_handed_their_own_token_and_unattended_work_the_service_principals() {
    let (world, alices) = entered().await;
    let bobs = token_of(&world, "bob@example.com");
    set(&world, &bob(), &bobs).await.unwrap();
    for activity in [DEVELOPMENT, Activity::JobConfiguration, Activity::OnDemandRun, Activity::MetadataCrawl] {
        for (caller, token, user) in [(alice(), &alices, "alice@example.com"), (bob(), &bobs, "bob@example.com")] {
            let (served, description) = world.token_for(&caller, activity).await.unwrap();
            assert_eq!(served, token.expose());
            assert_eq!((description.identity, description.databricks_user.as_str()), (IdentityKind::Person, user));
            assert_eq!(description.workspace_url, world.workspace.url());
            assert!(description.scopes.is_empty());
            let expires_in = Duration::from_nanos(description.expires_in);
            assert!(expires_in > Duration::from_secs(60) && expires_in <= Duration::from_secs(300), "{expires_in:?}");
        }
    }
    let (_, description) = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    assert_eq!(description.identity, IdentityKind::ServicePrincipal);
    assert_eq!(case_of(world.token_for(&workload(), DEVELOPMENT).await), "forbidden");
    assert_eq!(case_of(world.token_for(&alice(), Activity::ScheduledRun).await), "forbidden");
    // Nothing of OAuth was done for the people.
    assert_eq!(world.books().grant("authorization_code").requests + world.refreshes(), 0);
}

/// A token that tells no end is handed out again and again, each time for a while.
#[tokio::test]
async fn a_token_is_handed_out_for_five_minutes_and_then_again() {
    let (world, token) = entered().await;
    let calls = world.books().api_calls.len();
    for _ in 0..5 {
        let (served, description) = world.token(&alice()).await.unwrap();
        assert_eq!((served.as_str(), description.reference.generation), (token.expose(), 1));
        world.advance(Duration::from_secs(290));
    }
    assert_eq!(world.books().api_calls.len(), calls, "the workspace is not asked each time");
}

#[tokio::test]
async fn who_has_entered_none_is_asked_to() {
    let world = world().await;
    let error = world.token(&alice()).await.unwrap_err();
    let Error::SignInRequired(required) = &error else { panic!("{error:?}") };
    assert_eq!(required.reason, SignInReason::NeverSignedIn);
    assert!(required.message.contains("personal access token"), "{}", required.message);
    let state = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((state.required, state.databricks_user), (Some(SignInReason::NeverSignedIn), None));
    // An operator is somebody as well.
    assert_eq!(case_of(world.token(&operator()).await), "sign-in-required");
}

#[tokio::test]
async fn the_status_tells_whose_the_token_is() {
    let (world, _) = entered().await;
    let state = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((state.required, state.renewable), (None, false));
    assert_eq!(state.databricks_user.as_deref(), Some("alice@example.com"));
    assert_eq!((state.access_token_expires_in, state.session_expires_in), (None, None));
    assert_eq!(world.host.advisories(&alice(), DEV).await.unwrap(), []);
}

#[tokio::test]
async fn nobody_signs_in_where_tokens_are_taken_and_no_token_is_taken_where_people_sign_in() {
    let world = world().await;
    let refused = world.host.begin_sign_in(&alice(), DEV, None).await.unwrap_err();
    assert_eq!(refused.field(), Some("fabric"));
    world.host.put_fabric(&team_admin(), fabric_settings("oauth", world.workspace.url()), None, None).await.unwrap();
    let token = token_of(&world, "alice@example.com").expose().into();
    let refused = world.host.set_personal_access_token(&alice(), "oauth", &token).await.unwrap_err();
    assert_eq!(refused.field(), Some("fabric"));
    assert_eq!(stored(&world).await, 0);
}

/// PB-032, PB-154.
#[tokio::test]
async fn only_a_persons_own_token_is_taken() {
    let world = world().await;
    let bobs = token_of(&world, "bob@example.com");
    let error = set(&world, &alice(), &bobs).await.unwrap_err();
    let Error::IdentityMismatch(mismatch) = &error else { panic!("{error:?}") };
    assert_eq!((mismatch.expected.as_str(), mismatch.found.as_str()), ("alice@example.com", "bob@example.com"));
    let of_principal =
        world.workspace.issue_personal_access_token(Identity::ServicePrincipal(world.principal.application_id.clone()));
    let unknown_address = Caller { email: None, ..alice() };
    assert_eq!(case_of(set(&world, &unknown_address, &of_principal).await), "identity-mismatch");
    assert_eq!(stored(&world).await, 0);

    // Where Prophecy knows no address, the first one decides until it is removed.
    set(&world, &unknown_address, &bobs).await.unwrap();
    let alices = token_of(&world, "alice@example.com");
    assert_eq!(case_of(set(&world, &unknown_address, &alices).await), "identity-mismatch");
    assert_eq!(world.token(&unknown_address).await.unwrap().0, bobs.expose());
    world.host.remove_personal_access_token(&unknown_address, DEV).await.unwrap();
    set(&world, &unknown_address, &alices).await.unwrap();
    assert_eq!(world.token(&unknown_address).await.unwrap().0, alices.expose());
}

#[tokio::test]
async fn a_token_that_the_workspace_does_not_accept_is_not_stored() {
    let world = world().await;
    let revoked = token_of(&world, "alice@example.com");
    world.workspace.revoke_access_token(revoked.expose());
    for text in [revoked.expose(), "dapi0", "", "a b", "eyJhbGciOiJub25lIn0.e30.x", "dose0123456789"] {
        let refused = world.host.set_personal_access_token(&alice(), DEV, &text.into()).await.unwrap_err();
        assert_eq!(refused.field(), Some("token"), "{text}");
        assert!(text.len() < 5 || !refused.message().contains(text));
    }
    world.workspace.turn(|knobs| knobs.barrier = Some(Barrier::IpAccessList { address: "192.0.2.7".into() }));
    let token = token_of(&world, "alice@example.com");
    assert_eq!(case_of(set(&world, &alice(), &token).await), "blocked-by-ip-list");
    world.workspace.stop().await;
    assert_eq!(case_of(set(&world, &alice(), &token).await), "unreachable");
    assert_eq!(stored(&world).await, 0);
    let entries = journaled(&world, Action::PersonalAccessTokenSet).await;
    let outcomes: Vec<_> = entries.into_iter().map(|entry| entry.outcome).collect();
    let failed = |case: &str| Outcome::Failed(case.into());
    let tried = [failed("invalid-input"), failed("invalid-input"), failed("blocked-by-ip-list"), failed("unreachable")];
    assert_eq!(outcomes, tried, "what cannot be a token is not tried");
}

#[tokio::test]
async fn a_refused_token_is_not_served_again_until_a_new_one_is_entered() {
    let (world, first) = entered().await;
    let other = world.another_host().await;
    other.access_token(&alice(), DEV, DEVELOPMENT).await.unwrap();
    let (_, description) = world.token(&alice()).await.unwrap();
    world.workspace.revoke_access_token(first.expose());
    assert_eq!(report(&world, &description).await, Ok(RejectionVerdict::TokenRejected));
    assert_eq!(report(&world, &description).await, Ok(RejectionVerdict::TokenRejected));
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SessionEnded);
    let state = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!(state.required, Some(SignInReason::SessionEnded));
    assert_eq!(state.databricks_user.as_deref(), Some("alice@example.com"));
    world.advance(Duration::from_secs(6));
    assert_eq!(reason_of(other.access_token(&alice(), DEV, DEVELOPMENT).await), SignInReason::SessionEnded);

    let second = token_of(&world, "alice@example.com");
    set(&world, &alice(), &second).await.unwrap();
    assert_eq!(world.token(&alice()).await.unwrap().0, second.expose());
    assert_eq!(report(&world, &description).await, Ok(RejectionVerdict::AlreadyReplaced));
    assert_eq!(world.token(&alice()).await.unwrap().0, second.expose(), "the report was about the former one");
    assert_eq!(journaled(&world, Action::TokenRejected).await.len(), 2);
}

/// PB-081, PB-087, PB-144.
#[tokio::test]
async fn a_token_is_sealed_like_every_other_secret_and_resealed_with_them() {
    let (world, token) = entered().await;
    world.token(&alice()).await.unwrap();
    assert!(world.workspace.secrets().contains(&token));
    let entries = world.database.journal().tail(100).await.unwrap();
    for secret in world.workspace.secrets() {
        assert!(files_with(world.folder(), secret.expose()).is_empty());
        assert!(!format!("{entries:?}").contains(secret.expose()));
    }
    let entry = world.database.storage().get(&only_key(&world, PREFIX).await).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&entry.value).contains("alice"));

    let former = world.keys.list()[0].key_id.clone();
    world.keys.rotate().unwrap();
    let (mut resealed, mut after) = (0, None);
    loop {
        let progress = world.host.reseal(&cluster_admin(), after.as_deref()).await.unwrap();
        resealed += progress.resealed;
        after = progress.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(resealed, 3, "an app connection, a fabric and a token");
    world.keys.remove(&former, fabric_auth::keys::SealedUnder::Nothing).unwrap();
    let served = world.another_host().await.access_token(&alice(), DEV, DEVELOPMENT).await.unwrap().0;
    assert_eq!(served.expose_secret(), token.expose());
}

#[tokio::test]
async fn a_token_that_is_copied_to_another_person_does_not_open() {
    let (world, _) = entered().await;
    let alices = only_key(&world, PREFIX).await;
    let value = world.database.storage().get(&alices).await.unwrap().unwrap().value;
    set(&world, &bob(), &token_of(&world, "bob@example.com")).await.unwrap();
    let page = world.database.storage().list(PREFIX, None, 10).await.unwrap();
    let (bobs, _) = page.entries.into_iter().find(|(key, _)| *key != alices).unwrap();
    overwrite(&world, &bobs, &value).await;
    let host = world.another_host().await;
    assert_eq!(case_of(host.access_token(&bob(), DEV, DEVELOPMENT).await), "internal");
}

/// PB-035, PB-041: no authorization server is asked for.
#[tokio::test]
async fn test_connection_tries_the_token_without_an_authorization_server() {
    let (world, token) = entered().await;
    let dev = || FabricSelection::Stored(DEV.into());
    let steps = test_steps(&world, &alice(), dev(), None, IdentityKind::Person).await;
    let all = [TestStep::AccessToken, TestStep::Identity, TestStep::Compute];
    assert_eq!(steps, all.map(|step| (step, None)));
    let principals = test_steps(&world, &team_admin(), dev(), None, IdentityKind::ServicePrincipal).await;
    assert_eq!((principals[0].0, principals.len()), (TestStep::Discovery, 4));

    world.workspace.revoke_access_token(token.expose());
    let steps = test_steps(&world, &alice(), dev(), None, IdentityKind::Person).await;
    let (step, problem) = steps.last().unwrap();
    let Some(Error::SignInRequired(required)) = problem else { panic!("{problem:?}") };
    assert_eq!((*step, required.reason), (TestStep::Identity, SignInReason::SessionEnded));
    assert!(required.message.contains("personal access token"), "{}", required.message);

    let steps = test_steps(&world, &bob(), dev(), None, IdentityKind::Person).await;
    assert!(matches!(steps.as_slice(), [(TestStep::AccessToken, Some(Error::SignInRequired(_)))]), "{steps:?}");
    // A form that names another workspace gets no token that was entered for this one.
    let elsewhere = SimulatedWorkspace::start(Settings::default()).await.unwrap();
    let form =
        FabricSettings { workspace: elsewhere.url().into(), service_principal_client_id: None, ..settings(&world) };
    set(&world, &team_admin(), &token_of(&world, "bob@example.com")).await.unwrap();
    let form = FabricSelection::Unsaved(form);
    let steps = test_steps(&world, &team_admin(), form, None, IdentityKind::Person).await;
    assert!(matches!(steps.as_slice(), [(TestStep::AccessToken, Some(Error::SignInRequired(_)))]), "{steps:?}");
    assert!(elsewhere.books().api_calls.is_empty());
}
