//! Renewing a person's token: when, how often, and what must never happen to a refresh token.

use std::time::Duration;

use fabric_auth::contract::SignInReason;
use fabric_auth_tests::{DEV, HOUR, Setup, World, alice, bob, eventually};
use simulated_workspace::{
    App, ClientAuthentication, DeadRefreshTokenDialect, Endpoint, ExpiresInForm, Fault, Identity, Lifetimes, RetryAfter,
};

use crate::support::{reason_of, renewals, signed_in};

/// PB-047, PB-049, PB-084, PB-085, PB-163.
#[tokio::test]
async fn an_expired_token_is_renewed_with_one_request_and_without_the_person() {
    let world = signed_in().await;
    let (first, before) = world.token(&alice()).await.unwrap();
    world.advance(HOUR);
    let (second, after) = world.token(&alice()).await.unwrap();
    assert_ne!(first, second);
    assert_eq!((after.reference.lineage, after.reference.generation), (before.reference.lineage, 2));
    let request = world.books().token_requests.pop().unwrap();
    assert_eq!(request.client_authentication, ClientAuthentication::Body);
    assert_eq!(request.parameter_names.len(), 4, "no scope, no redirect URL: {request:?}");
    assert_eq!((world.refreshes(), world.books().reuses(), world.books().sign_ins.len()), (1, 0, 1));
}

/// PB-160: a token is not served in its last 40 seconds, since Databricks refuses it shortly before its end.
#[tokio::test]
async fn a_token_is_served_up_to_forty_seconds_before_its_end() {
    let world = signed_in().await;
    let (first, description) = world.token(&alice()).await.unwrap();
    let promised = Duration::from_nanos(description.expires_in);
    assert!(promised > Duration::from_secs(3_550) && promised <= Duration::from_secs(3_560), "{promised:?}");
    world.workspace.inject_until_cleared(Endpoint::Token, Fault::Throttle { retry_after: RetryAfter::Absent });
    world.advance(Duration::from_secs(3_550));
    assert_eq!(world.token(&alice()).await.unwrap().0, first);
    eventually("the renewal was put off", async || renewals(&world).await == 1).await;
    world.workspace.clear_faults();
    world.advance(Duration::from_secs(120));
    // Who asks while the failed renewal is just ending is told of its failure, and may ask again.
    eventually("the new token is served", async || world.token(&alice()).await.is_ok_and(|new| new.0 != first)).await;
}

/// PB-163.
#[tokio::test]
async fn before_the_window_nothing_is_asked() {
    let world = signed_in().await;
    let (first, _) = world.token(&alice()).await.unwrap();
    world.advance(Duration::from_secs(39 * 60));
    assert_eq!(world.token(&alice()).await.unwrap().0, first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.refreshes(), 0);
}

/// PB-085: within the window the token in hand is served at once, while a slow renewal runs behind it.
#[tokio::test]
async fn within_the_window_nobody_waits_for_the_renewal() {
    let world = signed_in().await;
    let (first, _) = world.token(&alice()).await.unwrap();
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(500)));
    world.advance(Duration::from_secs(46 * 60));
    assert_eq!(world.token(&alice()).await.unwrap().0, first);
    eventually("the new token is served", async || world.token(&alice()).await.unwrap().0 != first).await;
    assert_eq!(world.refreshes(), 1);
}

/// PB-083.
#[tokio::test]
async fn a_single_use_refresh_token_is_replaced_by_each_renewal() {
    let world = signed_in().await;
    for generation in 2..=5 {
        world.advance(HOUR);
        assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, generation);
    }
    let books = world.books();
    assert!(books.refresh_tokens.iter().all(|token| token.times_presented <= 1));
    assert_eq!((books.refresh_tokens.len(), world.workspace.live_refresh_tokens_of("alice@example.com")), (5, 1));
}

#[tokio::test]
async fn a_reusable_refresh_token_goes_on_working() {
    let app = App { single_use_refresh_tokens: false, ..Setup::default().app };
    let world = World::of(Setup { app, ..Setup::default() }).await;
    world.sign_in(&alice()).await;
    for generation in 2..=4 {
        world.advance(HOUR);
        assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, generation);
    }
    assert_eq!(world.books().refresh_tokens.len(), 1);
}

/// RFC 6749 section 6.
#[tokio::test]
async fn a_reply_without_a_refresh_token_keeps_the_old_one() {
    let app = App { single_use_refresh_tokens: false, ..Setup::default().app };
    let world = World::of(Setup { app, ..Setup::default() }).await;
    world.sign_in(&alice()).await;
    world.workspace.inject(Endpoint::Token, Fault::NoRefreshTokenInReply);
    for _ in 0..2 {
        world.advance(HOUR);
        world.token(&alice()).await.unwrap();
    }
    assert_eq!(world.refreshes(), 2);
}

/// PB-051, PB-160: lives are what the reply says, in whatever form, else an hour.
#[tokio::test]
async fn lives_are_taken_from_the_reply() {
    for (form, life, served_at, renewed_at) in [
        (ExpiresInForm::Number, 600, 550, 565),
        (ExpiresInForm::Text, 600, 550, 565),
        (ExpiresInForm::Number, 7_200, 7_150, 7_165),
    ] {
        let lifetimes = Lifetimes { access_token: Duration::from_secs(life), ..Lifetimes::default() };
        let app = App { lifetimes, ..Setup::default().app };
        let world = World::of(Setup { app, ..Setup::default() }).await;
        world.workspace.turn(|knobs| knobs.expires_in_form = form);
        world.sign_in(&alice()).await;
        let (first, _) = world.token(&alice()).await.unwrap();
        world.workspace.inject(Endpoint::Token, Fault::Throttle { retry_after: RetryAfter::Seconds(11) });
        world.advance(Duration::from_secs(served_at));
        assert_eq!(world.token(&alice()).await.unwrap().0, first, "{form:?} {life}");
        eventually("the renewal was tried", async || renewals(&world).await == 1).await;
        world.advance(Duration::from_secs(renewed_at - served_at + 20));
        let renewed = async || world.token(&alice()).await.is_ok_and(|(token, _)| token != first);
        eventually("the new token is served", renewed).await;
        world.end().await;
    }
}

/// PB-160.
#[tokio::test]
async fn a_reply_that_names_no_life_is_taken_for_an_hour_at_most() {
    let world = World::new().await;
    world.workspace.turn(|knobs| knobs.expires_in_form = ExpiresInForm::Absent);
    world.sign_in(&alice()).await;
    let life = Duration::from_nanos(world.token(&alice()).await.unwrap().1.expires_in);
    assert!(life <= HOUR && life > Duration::from_secs(60), "{life:?}");
}

/// PB-164.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_an_expired_token_cause_one_refresh() {
    let world = signed_in().await;
    let other_host = world.another_host().await;
    world.advance(HOUR);
    world.workspace.inject(Endpoint::Token, Fault::DelayBefore(Duration::from_millis(200)));
    let activity = fabric_auth::contract::Activity::PipelineDevelopment;
    let caller = alice();
    let calls = (0..400).map(|number| {
        let host = if number % 2 == 0 { &world.host } else { &other_host };
        host.access_token(&caller, DEV, activity)
    });
    let answers = futures::future::join_all(calls).await;
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap().1.reference.generation, 2);
    }
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
}

/// PB-046, PB-162.
#[tokio::test]
async fn a_dead_refresh_token_asks_for_sign_in_in_every_dialect_and_only_once() {
    use DeadRefreshTokenDialect::{InvalidGrant, InvalidRefreshToken, InvalidRequest};
    for dialect in [InvalidRequest, InvalidGrant, InvalidRefreshToken] {
        let world = signed_in().await;
        world.workspace.turn(|knobs| knobs.dead_refresh_token_dialect = dialect);
        world.workspace.end_sessions_of(&Identity::User("alice@example.com".into()));
        world.advance(HOUR);
        for _ in 0..3 {
            assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SessionEnded, "{dialect:?}");
        }
        assert_eq!(world.refreshes(), 1, "{dialect:?}");
        world.sign_in(&alice()).await;
        world.token(&alice()).await.unwrap();
        world.end().await;
    }
}

/// PB-047, PB-049.
#[tokio::test]
async fn a_token_that_still_lives_is_served_though_its_session_has_ended() {
    let world = signed_in().await;
    let (first, _) = world.token(&alice()).await.unwrap();
    world.workspace.end_sessions_of(&Identity::User("alice@example.com".into()));
    world.advance(Duration::from_secs(46 * 60));
    assert_eq!(world.token(&alice()).await.unwrap().0, first);
    eventually("the renewal was refused", async || renewals(&world).await == 1).await;
    world.advance(Duration::from_secs(6));
    assert_eq!(world.token(&alice()).await.unwrap().0, first);
    world.advance(HOUR);
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SessionEnded);
}

/// PB-049, PB-051, PB-117: the session ends when Databricks says, and not before.
#[tokio::test]
async fn the_person_is_asked_again_when_the_session_at_databricks_is_over() {
    let lifetimes = Lifetimes { refresh_token: 2 * HOUR, ..Lifetimes::default() };
    let world = World::of(Setup { app: App { lifetimes, ..Setup::default().app }, ..Setup::default() }).await;
    world.sign_in(&alice()).await;
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
    world.advance(3 * HOUR);
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SessionEnded);
}

#[tokio::test]
async fn a_rejected_app_touches_nobodys_grant() {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    let secrets = world.app.client_secrets.clone();
    world.workspace.change_app(&world.app.client_id, |app| app.client_secrets.clear());
    world.advance(HOUR);
    for caller in [alice(), bob()] {
        let error = world.token(&caller).await.unwrap_err();
        assert_eq!(error.case(), "app-rejected", "{error:?}");
    }
    world.workspace.change_app(&world.app.client_id, |app| app.client_secrets = secrets);
    world.advance(Duration::from_secs(90));
    for caller in [alice(), bob()] {
        world.token(&caller).await.unwrap();
    }
    assert_eq!(world.books().reuses(), 0);
}
