//! Signing in: begin, complete, and whose sign-in it is.

use std::collections::BTreeMap;
use std::time::Duration;

use fabric_auth::contract::{Caller, Error, SignInReason};
use fabric_auth_tests::{DEV, REDIRECT_URL, Setup, World, alice, app_settings, bob, cluster_admin, files_with};
use secrecy::ExposeSecret as _;
use simulated_workspace::{App, ClientAuthentication, User};

fn parameters(url: &str) -> BTreeMap<String, String> {
    let (_, query) = url.split_once('?').unwrap();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// PB-076, PB-077, PB-078, PB-079, PB-100, PB-110, PB-141, PB-161: nothing is said of how Databricks finds out who signs in.
#[tokio::test]
async fn a_sign_in_begins_with_a_request_of_exactly_these_parameters() {
    let world = World::new().await;
    let (url, binding, pending) = world.host.begin_sign_in(&alice(), DEV, None).await.unwrap();
    let url = url.expose_secret();
    assert!(url.starts_with(&format!("{}/oidc/v1/authorize?", world.workspace.url())), "{url}");
    let parameters = parameters(url);
    let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
    let expected =
        ["client_id", "code_challenge", "code_challenge_method", "redirect_uri", "response_type", "scope", "state"];
    assert_eq!(names, expected);
    assert_eq!(parameters["client_id"], world.app.client_id);
    assert_eq!(parameters["code_challenge_method"], "S256");
    assert_eq!(parameters["redirect_uri"], REDIRECT_URL);
    assert_eq!(parameters["response_type"], "code");
    assert_eq!(parameters["scope"], "all-apis email offline_access openid profile");
    assert!(parameters["state"].len() >= 22 && parameters["code_challenge"].len() == 43);
    assert!(binding.expose_secret().len() >= 22 && !url.contains(binding.expose_secret()));
    assert_eq!((pending.redirect_url.as_str(), pending.expires_in), (REDIRECT_URL, 600_000_000_000));
    assert!(world.books().token_requests.is_empty() && world.books().api_calls.is_empty());
}

/// PB-161.
#[tokio::test]
async fn offline_access_is_asked_for_whatever_the_app_connection_says() {
    let world = World::new().await;
    let mut settings = app_settings(&world.app);
    settings.scopes = vec!["sql".into()];
    world.host.set_app_connection(&cluster_admin(), settings, None).await.unwrap();
    let (url, _) = world.begin(&alice()).await;
    assert_eq!(parameters(&url)["scope"], "offline_access sql");
}

/// PB-079, PB-101.
#[tokio::test]
async fn only_the_deployments_redirect_urls_are_used_byte_for_byte() {
    let world = World::new().await;
    let other = "https://prophecy.example.com/metadata/oauthCallback";
    let (url, _, pending) = world.host.begin_sign_in(&alice(), DEV, Some(other)).await.unwrap();
    assert_eq!(
        (parameters(url.expose_secret())["redirect_uri"].as_str(), pending.redirect_url.as_str()),
        (other, other)
    );
    for wrong in [format!("{REDIRECT_URL}/"), REDIRECT_URL.to_uppercase(), "https://evil.example".into(), String::new()]
    {
        let refused = world.host.begin_sign_in(&alice(), DEV, Some(&wrong)).await.unwrap_err();
        assert_eq!(refused.field(), Some("redirect-url"), "{wrong}: {refused:?}");
    }
}

/// PB-002, PB-017, PB-040, PB-077, PB-081.
#[tokio::test]
async fn a_sign_in_is_completed_with_code_and_verifier_and_the_workspace_says_who_it_was() {
    let world = World::new().await;
    let completed = world.sign_in(&alice()).await;
    assert_eq!((completed.fabric.as_str(), completed.databricks_user.as_str()), (DEV, "alice@example.com"));
    assert_eq!(completed.scopes, ["all-apis", "email", "offline_access", "openid", "profile"]);
    assert!(completed.renewable);
    let request = &world.books().token_requests[0];
    assert_eq!(request.grant_type.as_deref(), Some("authorization_code"));
    assert_eq!(request.client_authentication, ClientAuthentication::Body);
    assert_eq!(request.open_parameters["redirect_uri"], REDIRECT_URL);
    assert_eq!(world.books().calls_by("alice@example.com", "/api/2.0/preview/scim/v2/Me"), 1);
    assert_eq!(world.token(&alice()).await.unwrap().1.databricks_user, "alice@example.com");
}

/// PB-140.
#[tokio::test]
async fn a_public_client_signs_in_without_a_secret() {
    let world = World::of(Setup { app: App::public(REDIRECT_URL), ..Setup::default() }).await;
    world.sign_in(&alice()).await;
    assert_eq!(world.books().token_requests[0].client_authentication, ClientAuthentication::None);
    world.advance(fabric_auth_tests::HOUR);
    world.token(&alice()).await.unwrap();
    assert_eq!(world.refreshes(), 1);
}

/// PB-154.
#[tokio::test]
async fn a_databricks_user_with_another_address_than_prophecys_is_refused_with_both() {
    let world = World::new().await;
    let refused = world.try_sign_in(&alice(), "bob@example.com").await.unwrap_err();
    let Error::IdentityMismatch(mismatch) = refused else { panic!("{refused:?}") };
    assert_eq!((mismatch.expected.as_str(), mismatch.found.as_str()), ("alice@example.com", "bob@example.com"));
    let error = world.token(&alice()).await.unwrap_err();
    assert!(matches!(error, Error::SignInRequired(r) if r.reason == SignInReason::NeverSignedIn));
}

/// PB-032, PB-154.
#[tokio::test]
async fn signing_in_as_somebody_else_later_is_refused_until_signed_out() {
    let world = World::new().await;
    let caller = Caller { email: None, ..alice() };
    world.try_sign_in(&caller, "alice@example.com").await.unwrap();
    let refused = world.try_sign_in(&caller, "bob@example.com").await.unwrap_err();
    let Error::IdentityMismatch(mismatch) = refused else { panic!("{refused:?}") };
    assert_eq!((mismatch.expected.as_str(), mismatch.found.as_str()), ("alice@example.com", "bob@example.com"));
    assert_eq!(world.token(&caller).await.unwrap().1.databricks_user, "alice@example.com");

    world.host.sign_out(&caller, DEV).await.unwrap();
    world.try_sign_in(&caller, "bob@example.com").await.unwrap();
    assert_eq!(world.token(&caller).await.unwrap().1.databricks_user, "bob@example.com");
}

/// PB-033: who was renamed in Databricks is still the same person.
#[tokio::test]
async fn a_person_who_was_renamed_in_databricks_is_the_same_person() {
    let world = World::new().await;
    let caller = Caller { email: None, ..alice() };
    world.try_sign_in(&caller, "alice@example.com").await.unwrap();
    let mut user = User::new("alice.b@example.com");
    world.workspace.change_user("alice@example.com", |before| user.id.clone_from(&before.id));
    world.workspace.register_user(user);
    assert_eq!(world.try_sign_in(&caller, "alice.b@example.com").await.unwrap().databricks_user, "alice.b@example.com");
}

/// PB-076.
#[tokio::test]
async fn sixteen_sign_ins_of_one_person_may_be_pending_and_no_more() {
    let world = World::new().await;
    let mut first = None;
    for _ in 0..16 {
        first.get_or_insert(world.begin(&alice()).await);
    }
    let refused = world.host.begin_sign_in(&alice(), DEV, None).await.unwrap_err();
    assert_eq!(refused.case(), "throttled", "{refused:?}");
    world.begin(&bob()).await;
    let (url, binding) = first.unwrap();
    let callback = world.callback(&url, "alice@example.com").await;
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
    world.begin(&alice()).await;
    world.advance(Duration::from_secs(601));
    world.begin(&alice()).await;
}

/// PB-076, PB-086: a planted control shows that the search finds.
#[tokio::test]
async fn of_state_and_binding_secret_only_digests_are_stored() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let state = parameters(&url)["state"].clone();
    assert_eq!(files_with(world.folder(), &state), [""; 0].map(std::path::PathBuf::from));
    assert_eq!(files_with(world.folder(), binding.expose_secret()), [""; 0].map(std::path::PathBuf::from));
    std::fs::write(world.folder().join("control"), &state).unwrap();
    assert_eq!(files_with(world.folder(), &state), [world.folder().join("control")]);
}

/// PB-007, PB-010, PB-011, PB-013, PB-015, PB-016, PB-022.
#[tokio::test]
async fn without_an_app_connection_nothing_is_sent_and_the_role_that_can_register_is_named() {
    let world = World::bare(Setup::default()).await;
    world.put_dev_fabric().await;
    let missing = world.host.begin_sign_in(&alice(), DEV, None).await.unwrap_err();
    assert_eq!(missing.case(), "app-connection-missing");
    for words in ["cluster admin", "account admin", "App connections", "Admin Settings > Security"] {
        assert!(missing.message().contains(words), "{missing}");
    }
    let token = world.token(&alice()).await.unwrap_err();
    assert_eq!(token.case(), "app-connection-missing");
    assert!(world.books().token_requests.is_empty() && world.books().sign_ins.is_empty());
}

/// PB-014, PB-111.
#[tokio::test]
async fn one_registration_and_one_sign_in_serve_every_fabric_of_a_workspace() {
    let world = World::new().await;
    let second = fabric_auth_tests::fabric_settings("second", world.workspace.url());
    world.host.put_fabric(&fabric_auth_tests::team_admin(), second, None, None).await.unwrap();
    world.sign_in(&alice()).await;
    let activity = fabric_auth::contract::Activity::PipelineDevelopment;
    let (token, _) = world.host.access_token(&alice(), "second", activity).await.unwrap();
    assert_eq!(token.expose_secret(), world.token(&alice()).await.unwrap().0);
    world.sign_in(&bob()).await;
}
