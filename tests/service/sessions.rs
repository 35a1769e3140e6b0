//! Console sessions: where they come from, and when they end.

use std::time::Duration;

use fabric_auth::contract::Caller;
use fabric_auth::service::User;
use fabric_auth_tests::{ServiceWorld, alice, bob, cluster_admin, workload};
use http::StatusCode;
use secrecy::SecretString;

use crate::browser::Browser;

const COOKIE: &str = "fabric_auth_session";

/// How long a host may go by what the store has said of a user.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// What a person is to the service.
fn user(caller: &Caller) -> User {
    User {
        name: caller.user.clone(),
        kind: caller.kind,
        email: caller.email.clone(),
        cluster_admin: caller.cluster_admin,
        teams: caller.teams.clone(),
    }
}

#[tokio::test]
async fn a_session_that_was_planted_in_a_browser_is_never_taken_up() {
    let service = ServiceWorld::new().await;
    let browser = Browser::new(&service);
    let planted = format!("session_{}", "A".repeat(43));
    browser.plant(COOKIE, &planted);
    assert!(!browser.is_signed_in().await);
    browser.sign_in(&service.api_token(&alice()).await).await;
    assert_ne!(browser.cookie(COOKIE).unwrap(), planted);
    assert!(browser.is_signed_in().await);
    let attacker = Browser::new(&service);
    attacker.plant(COOKIE, &planted);
    assert!(!attacker.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn signing_in_over_the_session_of_somebody_else_begins_another() {
    let service = ServiceWorld::new().await;
    let attacker = Browser::signed_in(&service, &bob()).await;
    let planted = attacker.cookie(COOKIE).unwrap();
    let browser = Browser::new(&service);
    browser.plant(COOKIE, &planted);
    browser.sign_in(&service.api_token(&alice()).await).await;
    assert_ne!(browser.cookie(COOKIE).unwrap(), planted);
    assert!(browser.get("/").await.text().contains("<span>alice</span>"));
    assert!(attacker.get("/").await.text().contains("<span>bob</span>"));
    service.end().await;
}

#[tokio::test]
async fn signing_in_twice_makes_two_sessions() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let browser = Browser::new(&service);
    browser.sign_in(&api_token).await;
    let first = browser.cookie(COOKIE);
    browser.sign_in(&api_token).await;
    assert_ne!(browser.cookie(COOKIE), first);
    service.end().await;
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server_and_no_other() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let (browser, elsewhere) = (Browser::new(&service), Browser::new(&service));
    browser.sign_in(&api_token).await;
    elsewhere.sign_in(&api_token).await;
    let secret = browser.cookie(COOKIE).unwrap();
    let token = browser.form_token().await;
    let answer = browser.submit("/sign-out", &[("form_token", &token)]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
    assert_eq!(browser.cookie(COOKIE), None);
    browser.plant(COOKIE, &secret);
    assert!(!browser.is_signed_in().await);
    assert!(elsewhere.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn a_session_ends_by_time_however_much_it_is_used() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    for _ in 0..11 {
        service.world.advance(Duration::from_secs(3_600));
        assert!(browser.is_signed_in().await);
    }
    service.world.advance(Duration::from_secs(3_600));
    assert!(!browser.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn a_session_ends_with_the_api_token_that_it_was_begun_with() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let browser = Browser::new(&service);
    browser.sign_in(&api_token).await;
    assert!(browser.is_signed_in().await);
    service.users().revoke_api_tokens("alice").await.unwrap();
    service.world.advance(KNOWN_FOR);
    assert!(!browser.is_signed_in().await);
    assert_eq!(browser.sign_in(&api_token).await.status, StatusCode::FORBIDDEN);
    service.end().await;
}

#[tokio::test]
async fn a_session_ends_when_the_life_of_its_api_token_does() {
    let service = ServiceWorld::new().await;
    service.users().add(&user(&alice())).await.unwrap();
    let api_token = service.users().issue_api_token("alice", Some(Duration::from_secs(60))).await.unwrap();
    let browser = Browser::new(&service);
    browser.sign_in(&api_token).await;
    service.world.advance(Duration::from_secs(54));
    assert!(browser.is_signed_in().await);
    service.world.advance(Duration::from_secs(6));
    assert!(!browser.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn a_session_ends_with_its_user_and_does_not_come_back_with_another_of_that_name() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    service.users().remove("alice").await.unwrap();
    service.world.advance(KNOWN_FOR);
    assert!(!browser.is_signed_in().await);
    service.users().add(&user(&alice())).await.unwrap();
    assert!(!browser.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_within_five_seconds() {
    let service = ServiceWorld::new().await;
    let admin = Caller { teams: alice().teams, ..cluster_admin() };
    let browser = Browser::signed_in(&service, &admin).await;
    assert!(browser.get("/").await.text().contains("href=\"/admin/security\""));
    service.users().replace(&User { cluster_admin: false, ..user(&admin) }).await.unwrap();
    service.world.advance(KNOWN_FOR);
    let page = browser.get("/").await.text();
    assert!(page.contains("href=\"/fabrics\"") && !page.contains("/admin/"), "{page}");
    service.end().await;
}

#[tokio::test]
async fn only_the_api_token_of_a_person_begins_a_session() {
    let service = ServiceWorld::new().await;
    let of_workload = service.api_token(&workload()).await;
    let wrong = SecretString::from(format!("fabric_auth_{}", "A".repeat(43)));
    for shown in [&of_workload, &wrong, &"".into(), &"fabric_auth_".into(), &"' or 1=1 --".into()] {
        let browser = Browser::new(&service);
        let answer = browser.sign_in(shown).await;
        assert_eq!((answer.status, browser.cookie(COOKIE)), (StatusCode::FORBIDDEN, None), "{answer:?}");
    }
    service.end().await;
}

#[tokio::test]
async fn what_was_typed_as_an_api_token_is_not_shown_again() {
    let service = ServiceWorld::new().await;
    let typed = "my-canary-password";
    let answer = Browser::new(&service).sign_in(&typed.into()).await;
    assert!(!answer.text().contains(typed), "{answer:?}");
    service.end().await;
}
