//! Whether somebody is signed in, as far as the store knows.

use fabric_auth::contract::SignInReason;
use fabric_auth_tests::{DEV, HOUR, Setup, World, alice, fabric_settings, team_admin};
use simulated_workspace::{App, Identity};

use crate::support::signed_in;

/// PB-046, PB-047.
#[tokio::test]
async fn the_status_follows_a_grant_through_its_life() {
    let world = World::new().await;
    let before = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((before.required, before.databricks_user), (Some(SignInReason::NeverSignedIn), None));
    world.sign_in(&alice()).await;
    let after = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((after.required, after.databricks_user.as_deref()), (None, Some("alice@example.com")));
    assert_eq!(after.scopes, ["all-apis", "email", "offline_access", "openid", "profile"]);
    assert!(after.renewable && after.access_token_expires_in.is_some() && after.session_expires_in.is_some());

    world.advance(HOUR);
    let expired = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((expired.required, expired.access_token_expires_in, expired.renewable), (None, None, true));
    assert_eq!(world.refreshes(), 0, "only the store is read");

    world.workspace.end_sessions_of(&Identity::User("alice@example.com".into()));
    world.token(&alice()).await.unwrap_err();
    let ended = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((ended.required, ended.renewable), (Some(SignInReason::SessionEnded), false));
    assert_eq!((ended.databricks_user.as_deref(), ended.session_expires_in), (Some("alice@example.com"), None));

    world.sign_in(&alice()).await;
    world.host.sign_out(&alice(), DEV).await.unwrap();
    let out = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((out.required, out.renewable), (Some(SignInReason::SignedOut), false));
}

/// The contract: "Reads the store only; Databricks is not asked."
#[tokio::test]
async fn the_status_is_told_without_asking_databricks() {
    let world = World::new().await;
    world.workspace.stop().await;
    let status = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!(status.required, Some(SignInReason::NeverSignedIn));
}

#[tokio::test]
async fn the_status_of_who_has_signed_in_is_told_while_databricks_is_away() {
    let world = signed_in().await;
    world.advance(48 * HOUR);
    world.workspace.stop().await;
    let status = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((status.required, status.renewable), (None, true));
}

/// Without a refresh token the session is as long as its access token.
#[tokio::test]
async fn a_sign_in_without_a_refresh_token_ends_with_its_access_token() {
    let world = World::new().await;
    world.workspace.inject(simulated_workspace::Endpoint::Token, simulated_workspace::Fault::NoRefreshTokenInReply);
    assert!(!world.sign_in(&alice()).await.renewable);
    world.token(&alice()).await.unwrap();
    let status = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!((status.required, status.renewable), (None, false));
    world.advance(HOUR);
    let status = world.host.sign_in_status(&alice(), DEV).await.unwrap();
    assert_eq!(status.required, Some(SignInReason::NoRefreshToken));
    let reason = crate::support::reason_of(world.token(&alice()).await);
    assert_eq!((reason, world.refreshes()), (SignInReason::NoRefreshToken, 0));
}

/// An app that may not use every scope.
#[tokio::test]
async fn scopes_that_a_fabric_wants_beyond_those_granted_show_in_the_status() {
    let app = App { scopes: vec!["all-apis".into(), "sql".into()], ..Setup::default().app };
    let world = World::of(Setup { app, ..Setup::default() }).await;
    world.sign_in(&alice()).await;
    let mut wants = fabric_settings("wants", world.workspace.url());
    wants.scopes = vec!["sql".into()];
    world.host.put_fabric(&team_admin(), wants, None, None).await.unwrap();
    let status = world.host.sign_in_status(&alice(), "wants").await.unwrap();
    assert_eq!(status.required, Some(SignInReason::ScopeNotCovered));
    let (url, binding, _) = world.host.begin_sign_in(&alice(), "wants", None).await.unwrap();
    let callback = world.callback(secrecy::ExposeSecret::expose_secret(&url), "alice@example.com").await;
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
    for fabric in ["wants", DEV] {
        assert_eq!(world.host.sign_in_status(&alice(), fabric).await.unwrap().required, None);
    }
}
