//! What becomes of a grant when a renewal fails, above all when nobody knows whether it was processed.

use std::time::Duration;

use fabric_auth::contract::{Error, SignInReason};
use fabric_auth::journal::{Action, Journal as _};
use fabric_auth_tests::{DEV, HOUR, Setup, World, alice, bob, eventually, while_time_passes};
use simulated_workspace::{App, Endpoint, Fault, RetryAfter};

use crate::support::{case_of, reason_of, signed_in};

/// The time after which another attempt may be made when the outcome of one is not known.
const TAKEOVER: Duration = Duration::from_secs(55);

fn unprocessed_503() -> Fault {
    let body = r#"{"error":"temporarily_unavailable","error_description":"temporarily unavailable"}"#.to_owned();
    let headers = vec![("retry-after".to_owned(), "30".to_owned())];
    Fault::Status { code: 503, body, content_type: Some("application/json".into()), headers }
}

#[tokio::test]
async fn what_was_certainly_not_processed_is_tried_again_after_the_pause_that_was_asked_for() {
    let throttled = Fault::Throttle { retry_after: RetryAfter::Seconds(30) };
    for (fault, case) in [(throttled, "throttled"), (unprocessed_503(), "unavailable")] {
        let world = signed_in().await;
        world.advance(HOUR);
        world.workspace.inject(Endpoint::Token, fault);
        let error = world.token(&alice()).await.unwrap_err();
        assert_eq!(error.case(), case, "{error:?}");
        let (Error::Throttled(retry) | Error::Unavailable(retry)) = &error else { panic!("{error:?}") };
        assert!(retry.retry_after.is_some_and(|after| after >= 30_000_000_000), "{error:?}");

        world.advance(Duration::from_secs(29));
        let held_back = world.token(&alice()).await.unwrap_err();
        let (Error::Throttled(retry) | Error::Unavailable(retry)) = &held_back else { panic!("{held_back:?}") };
        assert!(retry.retry_after.is_some(), "{held_back:?}");
        assert_eq!(world.refreshes(), 1, "{case}");

        world.advance(Duration::from_secs(20));
        world.token(&alice()).await.unwrap();
        assert_eq!((world.refreshes(), world.books().reuses()), (2, 0));
    }
}

#[tokio::test]
async fn while_renewals_fail_the_token_that_lives_is_served_and_pauses_grow() {
    let world = signed_in().await;
    let (first, _) = world.token(&alice()).await.unwrap();
    world.workspace.inject_until_cleared(Endpoint::Token, Fault::Throttle { retry_after: RetryAfter::Absent });
    world.advance(Duration::from_secs(46 * 60));
    for _ in 0..300 {
        assert_eq!(world.token(&alice()).await.unwrap().0, first);
        // A renewal takes real time; it must not miss its deadline in simulated time.
        tokio::time::sleep(Duration::from_millis(5)).await;
        world.advance(Duration::from_secs(1));
    }
    assert!((3..=15).contains(&world.refreshes()), "{} in five minutes", world.refreshes());
}

/// Every way in which a reply can be lost after the server acted: the refresh token is spent, and is presented once
/// more only when its claim has stood for long enough.
fn lost_replies() -> Vec<Fault> {
    vec![
        Fault::HangUp,
        Fault::HalfReply,
        Fault::NotJson,
        Fault::MissingAccessToken,
        Fault::HugeBody(300_000),
        Fault::AfterProcessing(Box::new(Fault::HtmlPage(200))),
        Fault::AfterProcessing(Box::new(Fault::HtmlPage(502))),
        Fault::AfterProcessing(Box::new(Fault::EmptyBody(500))),
    ]
}

/// PB-083.
#[tokio::test]
async fn a_refresh_token_whose_fate_is_not_known_is_not_presented_again_before_takeover() {
    for fault in lost_replies() {
        let world = signed_in().await;
        world.advance(HOUR);
        world.workspace.inject(Endpoint::Token, fault.clone());
        let error = world.token(&alice()).await.unwrap_err();
        assert!(matches!(error.case(), "unavailable" | "unreachable"), "{fault:?}: {error:?}");
        world.advance(TAKEOVER - Duration::from_secs(5));
        // Who asks now waits; whoever gives up waiting changes nothing.
        let early = tokio::time::timeout(Duration::from_millis(150), world.token(&alice())).await;
        assert!(early.is_err(), "{fault:?}: {early:?}");
        assert_eq!((world.refreshes(), world.books().reuses()), (1, 0), "{fault:?}");

        let answer = while_time_passes(&world, world.token(&alice())).await;
        assert_eq!(reason_of(answer), SignInReason::OutcomeUnknown, "{fault:?}");
        assert_eq!((world.refreshes(), world.books().reuses()), (2, 1), "the one try that the rules allow: {fault:?}");
        world.end().await;
    }
}

#[tokio::test]
async fn what_did_not_arrive_is_repaired_by_the_second_try() {
    for fault in [Fault::HangUpBefore, Fault::HtmlPage(502), Fault::EmptyBody(500), Fault::HtmlPage(200)] {
        let world = signed_in().await;
        world.advance(HOUR);
        world.workspace.inject(Endpoint::Token, fault.clone());
        let error = world.token(&alice()).await.unwrap_err();
        assert!(matches!(error.case(), "unavailable" | "unreachable"), "{fault:?}: {error:?}");
        let answer = while_time_passes(&world, world.token(&alice())).await.unwrap();
        assert_eq!(answer.1.reference.generation, 2, "{fault:?}");
        assert_eq!((world.refreshes(), world.books().reuses()), (2, 0), "{fault:?}");
        world.end().await;
    }
}

/// Waiting is not computing: a caller may wait for another's renewal for as long as that may take.
#[tokio::test]
async fn a_caller_who_waits_for_long_breaks_nothing() {
    let world = signed_in().await;
    world.advance(HOUR);
    world.workspace.inject(Endpoint::Token, Fault::HangUpBefore);
    world.token(&alice()).await.unwrap_err();
    let caller = alice();
    let mut waiting = std::pin::pin!(world.token(&caller));
    for _ in 0..80 {
        // Slow enough for each look at the store to be a stretch of its own for the sandbox.
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(60), &mut waiting).await {
            assert_eq!(answer.unwrap().1.reference.generation, 2);
            return;
        }
        world.advance(Duration::from_secs(1));
    }
    panic!("the caller waited for more than a minute");
}

#[tokio::test]
async fn two_renewals_of_unknown_outcome_end_in_a_sign_in() {
    let world = signed_in().await;
    world.workspace.inject_until_cleared(Endpoint::Token, Fault::HangUpBefore);
    world.advance(HOUR);
    let error = world.token(&alice()).await.unwrap_err();
    assert!(matches!(error.case(), "unavailable" | "unreachable"), "{error:?}");
    let error = while_time_passes(&world, world.token(&alice())).await.unwrap_err();
    assert!(matches!(error.case(), "unavailable" | "unreachable"), "{error:?}");
    let answer = while_time_passes(&world, world.token(&alice())).await;
    assert_eq!(reason_of(answer), SignInReason::OutcomeUnknown);
    assert_eq!(world.refreshes(), 2);
    world.workspace.clear_faults();
    world.sign_in(&alice()).await;
    world.token(&alice()).await.unwrap();
}

/// PB-083: with reusable refresh tokens there is nothing to lose by trying again.
#[tokio::test]
async fn a_refresh_token_that_proved_to_be_reusable_is_sent_again_after_a_short_pause() {
    let app = App { single_use_refresh_tokens: false, ..Setup::default().app };
    let world = World::of(Setup { app, ..Setup::default() }).await;
    world.sign_in(&alice()).await;
    world.advance(HOUR);
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 2, "the reply proves it");
    world.advance(HOUR);
    world.workspace.inject(Endpoint::Token, Fault::HangUp);
    let error = world.token(&alice()).await.unwrap_err();
    assert!(matches!(error.case(), "unavailable" | "unreachable"), "{error:?}");
    world.advance(Duration::from_secs(2));
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 3);
}

/// While a token endpoint is out of service it is not asked for everybody, and its return is not met with a storm.
#[tokio::test]
async fn an_endpoint_that_is_out_of_service_is_asked_by_one_at_a_time() {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    world.advance(HOUR);
    let down = Fault::Status {
        code: 503,
        body: r#"{"error":"temporarily_unavailable"}"#.to_owned(),
        content_type: Some("application/json".into()),
        headers: Vec::new(),
    };
    world.workspace.inject_until_cleared(Endpoint::Token, down);
    for failures in 1..=3 {
        assert_eq!(case_of(world.token(&alice()).await), "unavailable");
        assert_eq!(world.refreshes(), failures);
        world.advance(Duration::from_secs(if failures < 3 { 10 } else { 0 }));
    }
    let error = world.token(&bob()).await.unwrap_err();
    let Error::Unavailable(retry) = &error else { panic!("{error:?}") };
    assert!(retry.retry_after.is_some(), "{error:?}");
    assert_eq!(world.refreshes(), 3, "Bob's renewal was not sent");
    world.workspace.clear_faults();
    world.advance(Duration::from_secs(90));
    world.token(&bob()).await.unwrap();
    world.advance(Duration::from_secs(60));
    world.token(&alice()).await.unwrap();
    assert_eq!((world.refreshes(), world.books().reuses()), (5, 0));
}

#[tokio::test]
async fn while_the_old_token_serves_an_unknown_outcome_is_not_tried_again() {
    let world = signed_in().await;
    let (first, _) = world.token(&alice()).await.unwrap();
    world.workspace.inject(Endpoint::Token, Fault::HangUpBefore);
    world.advance(Duration::from_secs(46 * 60));
    world.token(&alice()).await.unwrap();
    eventually("the renewal was begun", async || world.refreshes() == 1).await;
    for _ in 0..12 {
        world.advance(Duration::from_secs(60));
        assert_eq!(world.token(&alice()).await.unwrap().0, first);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.refreshes(), 1);
    world.advance(Duration::from_secs(120));
    assert_eq!(while_time_passes(&world, world.token(&alice())).await.unwrap().1.reference.generation, 2);
}

#[tokio::test]
async fn a_redirect_at_the_token_endpoint_is_not_followed() {
    let world = signed_in().await;
    world.advance(HOUR);
    let location = format!("{}/oidc/v1/token", world.workspace.url());
    world.workspace.inject(Endpoint::Token, Fault::RedirectTo { status: 307, location });
    let error = world.token(&alice()).await.unwrap_err();
    assert_eq!(error.case(), "wrong-workspace", "{error:?}");
    assert_eq!(world.refreshes(), 1);
    world.advance(Duration::from_secs(120));
    world.token(&alice()).await.unwrap();
}

/// A reply that comes after the person has signed out does not sign them in again.
/// PB-151.
#[tokio::test]
async fn tokens_that_arrive_after_a_sign_out_are_dropped() {
    let world = signed_in().await;
    world.advance(Duration::from_secs(46 * 60));
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(400)));
    world.token(&alice()).await.unwrap();
    eventually("the renewal was begun", async || world.refreshes() == 1).await;
    assert!(world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
    eventually("the late reply was dropped", async || dropped(&world).await).await;
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
}

/// A reply that comes after a new sign-in does not replace what the new one brought.
/// PB-151.
#[tokio::test]
async fn tokens_that_arrive_after_a_new_sign_in_are_dropped() {
    let world = signed_in().await;
    world.advance(Duration::from_secs(46 * 60));
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(600)));
    let (_, before) = world.token(&alice()).await.unwrap();
    eventually("the renewal was begun", async || world.refreshes() == 1).await;
    world.sign_in(&alice()).await;
    let (_, after) = world.token(&alice()).await.unwrap();
    assert_ne!(after.reference.lineage, before.reference.lineage);
    eventually("the late reply was dropped", async || dropped(&world).await).await;
    assert_eq!(world.token(&alice()).await.unwrap().1.reference, after.reference);
}

async fn dropped(world: &World) -> bool {
    let events = world.database.journal().tail(1_000).await.unwrap();
    events.iter().any(|recorded| recorded.event.action == Action::LateReplyDropped)
}
