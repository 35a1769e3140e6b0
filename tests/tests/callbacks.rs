//! Callbacks that must not lead to a sign-in.

use std::time::Duration;

use fabric_auth::contract::{Caller, Error};
use fabric_auth_tests::{Setup, World, alice, app_settings, bob, cluster_admin};
use secrecy::{ExposeSecret as _, SecretString};
use simulated_workspace::{Endpoint, Fault, cancel_sign_in};

/// PB-076, PB-080.
#[tokio::test]
async fn a_callback_is_taken_once() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
    let again = world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap_err();
    assert_eq!(again.case(), "not-found", "{again:?}");
    assert_eq!(world.books().grant("authorization_code").requests, 1);
}

/// PB-076, PB-080.
#[tokio::test]
async fn another_browser_is_refused_and_the_right_one_still_completes() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let (_, other_binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    for wrong in [other_binding, SecretString::from("x"), SecretString::from("")] {
        let refused = world.host.complete_sign_in(&alice(), &callback, &wrong).await.unwrap_err();
        assert_eq!(refused.field(), Some("binding"), "{refused:?}");
    }
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
}

/// PB-032, PB-080.
#[tokio::test]
async fn another_users_callback_is_refused_and_its_owner_still_completes() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    let other_tenant = Caller { tenant: "globex".into(), ..alice() };
    for other in [bob(), other_tenant] {
        let refused = world.host.complete_sign_in(&other, &callback, &binding).await.unwrap_err();
        assert_eq!(refused.case(), "not-found", "{refused:?}");
    }
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
}

/// PB-080.
#[tokio::test]
async fn a_state_that_nobody_made_is_refused_and_nothing_is_sent() {
    let world = World::new().await;
    let (_, binding) = world.begin(&alice()).await;
    let refused = world.host.complete_sign_in(&alice(), &"code=c&state=made-up".into(), &binding).await.unwrap_err();
    assert_eq!(refused.case(), "not-found", "{refused:?}");
    assert!(world.books().token_requests.is_empty());
}

/// PB-076.
#[tokio::test]
async fn a_sign_in_may_take_ten_minutes_and_no_longer() {
    for (minutes, works) in [(9, true), (11, false)] {
        let world = World::new().await;
        world.workspace.turn(|knobs| knobs.authorization_code_lifetime = Duration::from_secs(3_600));
        let (url, binding) = world.begin(&alice()).await;
        let callback = world.callback(&url, "alice@example.com").await;
        world.advance(Duration::from_secs(minutes * 60));
        let completed = world.host.complete_sign_in(&alice(), &callback, &binding).await;
        assert_eq!(
            completed.as_ref().err().map(Error::case),
            (!works).then_some("not-found"),
            "{minutes}: {completed:?}"
        );
        assert_eq!(world.books().token_requests.len(), usize::from(works));
        world.end().await;
    }
}

/// PB-076: the issuer of an answer (RFC 9207) is compared where it is given and required where it is announced.
#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    for (in_redirect, announced, change, works) in [
        (true, true, "", true),
        (true, false, "", true),
        (false, true, "", false),
        (true, true, "evil", false),
        (true, false, "evil", false),
    ] {
        let world = World::bare(Setup::default()).await;
        world.workspace.turn(|knobs| {
            knobs.issuer_in_redirect = in_redirect;
            knobs.announce_issuer_in_redirect = announced;
        });
        world.set_app_connection().await;
        world.put_dev_fabric().await;
        let (url, binding) = world.begin(&alice()).await;
        let callback = world.callback(&url, "alice@example.com").await;
        // `iss` stands last.
        let callback = SecretString::from(format!("{}{change}", callback.expose_secret()));
        let completed = world.host.complete_sign_in(&alice(), &callback, &binding).await;
        let field = completed.as_ref().err().and_then(Error::field);
        assert_eq!(field, (!works).then_some("callback-query"), "{in_redirect} {announced} {change}: {completed:?}");
        assert_eq!(world.books().token_requests.len(), usize::from(works));
        world.end().await;
    }
}

/// PB-041, PB-109.
#[tokio::test]
async fn a_cancelled_sign_in_is_told_as_such_and_is_used_up() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = cancel_sign_in(&url).await.unwrap();
    let callback = SecretString::from(callback.split_once('?').unwrap().1);
    let cancelled = world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap_err();
    assert_eq!(cancelled.case(), "consent-denied", "{cancelled:?}");
    let again = world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap_err();
    assert_eq!(again.case(), "not-found", "{again:?}");
}

/// PB-041.
#[tokio::test]
async fn a_policy_that_refuses_is_told_from_a_cancelled_sign_in() {
    let world = World::new().await;
    world.workspace.change_app(&world.app.client_id, |app| app.refused_by_policy = true);
    let refused = world.try_sign_in(&alice(), "alice@example.com").await.unwrap_err();
    assert_eq!(refused.case(), "policy-denied", "{refused:?}");
}

/// PB-080.
#[tokio::test]
async fn a_query_that_is_malformed_or_repeats_a_parameter_is_refused_and_the_sign_in_stays() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let good = world.callback(&url, "alice@example.com").await;
    let good = good.expose_secret();
    for query in [
        String::new(),
        format!("{good}&state=x"),
        format!("{good}&code=x"),
        format!("{good}&error=x"),
        "a".repeat(99_999),
    ] {
        let refused = world.host.complete_sign_in(&alice(), &query.into(), &binding).await.unwrap_err();
        assert_eq!(refused.field(), Some("callback-query"), "{refused:?}");
    }
    world.host.complete_sign_in(&alice(), &good.into(), &binding).await.unwrap();
}

/// PB-018, PB-020, PB-041, PB-060, PB-167.
#[tokio::test]
async fn credentials_that_databricks_does_not_accept_are_told_as_the_apps() {
    let world = World::bare(Setup::default()).await;
    world.put_dev_fabric().await;
    let mut settings = app_settings(&world.app);
    world.host.set_app_connection(&cluster_admin(), settings.clone(), Some(&"dosewrong".into())).await.unwrap();
    let refused = world.try_sign_in(&alice(), "alice@example.com").await.unwrap_err();
    assert!(matches!(&refused, Error::AppRejected(peer) if peer.code == "invalid_client"), "{refused:?}");
    assert!(refused.message().contains("30 minutes"), "{refused}");

    settings.client_id = "unknown".into();
    world.host.set_app_connection(&cluster_admin(), settings, Some(&"dosewrong".into())).await.unwrap();
    let (url, _) = world.begin(&alice()).await;
    assert!(world.workspace.sign_in_as(&url, "alice@example.com").await.is_err());
}

/// PB-041: a code that Databricks no longer takes means beginning again.
#[tokio::test]
async fn a_code_that_is_too_old_asks_for_a_new_sign_in() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    world.advance(Duration::from_secs(120));
    let refused = world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap_err();
    assert_eq!(refused.case(), "sign-in-required", "{refused:?}");
}

/// PB-041: nothing is stored of a sign-in whose identity cannot be learned.
#[tokio::test]
async fn a_sign_in_whose_identity_cannot_be_learned_leaves_nothing() {
    let world = World::new().await;
    world.workspace.inject(Endpoint::Me, Fault::HtmlPage(502));
    let refused = world.try_sign_in(&alice(), "alice@example.com").await.unwrap_err();
    assert_eq!(refused.case(), "unavailable", "{refused:?}");
    assert_eq!(world.token(&alice()).await.unwrap_err().case(), "sign-in-required");
}
