//! Forms: what changes anything is done for a page of the sender's own session, and for nothing else (CSRF).

use std::collections::BTreeMap;

use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{DEV, HttpAnswer, ServiceWorld, alice, bob};
use http::StatusCode;
use http::header::SET_COOKIE;
use secrecy::ExposeSecret as _;

use crate::browser::{Browser, Fields, encoded};

/// Every route that takes a form from somebody who has a session, with fields that would do something.
const FORMS: [(&str, &Fields<'_>); 2] =
    [("/connect", &[("fabric", DEV), ("next", "/"), ("same_tab", "yes")]), ("/sign-out", &[])];

/// The pages, none of which changes anything.
const PAGES: [&str; 4] =
    ["/sign-in", "/connect?fabric=dev", "/connect/status?fabric=dev", "/connect/lost?why=malformed"];

/// Every record in the store, with its revision.
async fn records(service: &ServiceWorld) -> BTreeMap<String, u64> {
    let page = service.world.database.storage().list("", None, 1_000).await.expect("the records");
    assert!(page.next.is_none(), "there are more records than this test looks at");
    page.entries.into_iter().map(|(key, entry)| (key, entry.revision)).collect()
}

#[track_caller]
fn assert_refused(answer: &HttpAnswer, why: &str) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{why}: {answer:?}");
    assert!(answer.headers.get(SET_COOKIE).is_none(), "{why}: {answer:?}");
}

#[tokio::test]
async fn a_form_that_does_not_say_that_it_comes_from_here_changes_nothing() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let (token, here) = (browser.form_token().await, service.base_url.clone());
    let other_port = format!("{here}0");
    let origins: [&Fields<'_>; 9] = [
        &[],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://evil.example")],
        &[("origin", &other_port)],
        &[("origin", "http://localhost")],
        &[("origin", &here), ("origin", &here)],
        &[("origin", &here), ("origin", "https://evil.example")],
        &[("referer", &here)],
    ];
    let before = records(&service).await;
    for (path, fields) in FORMS {
        let fields = [&[("form_token", token.as_str())], fields].concat();
        for origin in origins {
            assert_refused(&browser.submit_with(path, origin, &fields).await, &format!("{path} with {origin:?}"));
        }
    }
    assert_eq!(records(&service).await, before);
    assert!(browser.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn a_form_without_the_token_of_its_session_changes_nothing() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let browser = Browser::new(&service);
    browser.sign_in(&api_token).await;
    let same_person = Browser::new(&service);
    same_person.sign_in(&api_token).await;
    let somebody_else = Browser::signed_in(&service, &bob()).await;
    let own = browser.form_token().await;
    let tokens = [
        String::new(),
        "A".repeat(43),
        own.to_lowercase(),
        format!("{own}="),
        own[1..].to_owned(),
        same_person.form_token().await,
        somebody_else.form_token().await,
        browser.cookie("fabric_auth_session").unwrap(),
    ];
    let before = records(&service).await;
    for (path, fields) in FORMS {
        assert_refused(&browser.submit(path, fields).await, &format!("{path} without a token"));
        for token in &tokens {
            let fields = [&[("form_token", token.as_str())], fields].concat();
            assert_refused(&browser.submit(path, &fields).await, &format!("{path} with {token:?}"));
        }
        let in_query = format!("{path}?{}", encoded(&[("form_token", &own)]));
        assert_refused(&browser.submit(&in_query, fields).await, &format!("{path} with the token in the query"));
    }
    assert_eq!(records(&service).await, before);
    assert!(browser.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn without_a_session_no_form_does_anything() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let token = browser.form_token().await;
    let before = records(&service).await;
    for (path, fields) in FORMS {
        let fields = [&[("form_token", token.as_str())], fields].concat();
        let answer = Browser::new(&service).submit(path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}: {answer:?}");
    }
    assert_eq!(records(&service).await, before);
    service.end().await;
}

/// There is no session yet whose token the form could carry.
#[tokio::test]
async fn nobody_is_signed_in_to_the_console_by_a_form_of_another_site() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let before = records(&service).await;
    let origins: [&Fields<'_>; 3] = [&[], &[("origin", "null")], &[("origin", "https://evil.example")]];
    for origin in origins {
        let browser = Browser::new(&service);
        let answer = browser.submit_with("/sign-in", origin, &[("api_token", api_token.expose_secret())]).await;
        assert_refused(&answer, &format!("{origin:?}"));
        assert!(!browser.is_signed_in().await);
    }
    assert_eq!(records(&service).await, before);
    service.end().await;
}

#[tokio::test]
async fn a_link_changes_nothing() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let browser = Browser::new(&service);
    browser.sign_in(&api_token).await;
    let token = browser.form_token().await;
    let before = records(&service).await;
    for (path, fields) in FORMS {
        let fields = [&[("form_token", token.as_str())], fields].concat();
        let answer = browser.get(&format!("{path}?{}", encoded(&fields))).await;
        assert!(answer.headers.get(SET_COOKIE).is_none(), "{path}: {answer:?}");
    }
    let stranger = Browser::new(&service);
    stranger.get(&format!("/sign-in?{}", encoded(&[("api_token", api_token.expose_secret())]))).await;
    assert!(!stranger.is_signed_in().await);
    for page in PAGES {
        for browser in [&browser, &stranger] {
            browser.get(page).await;
            browser.send(http::Method::HEAD, page, &[], "").await;
        }
    }
    assert_eq!(records(&service).await, before);
    assert!(browser.is_signed_in().await);
    service.end().await;
}

/// Else it would show nothing that they are refused.
#[tokio::test]
async fn the_forms_of_these_tests_do_something_when_they_are_the_persons_own() {
    let service = ServiceWorld::new().await;
    for (number, (path, fields)) in FORMS.into_iter().enumerate() {
        let caller = fabric_auth_tests::member(&format!("person-{number}"));
        let browser = Browser::signed_in(&service, &caller).await;
        let token = browser.form_token().await;
        let before = records(&service).await;
        let answer = browser.submit(path, &[&[("form_token", token.as_str())], fields].concat()).await;
        assert!(answer.status.is_success() || answer.status.is_redirection(), "{path}: {answer:?}");
        assert_ne!(records(&service).await, before, "{path}");
    }
    service.end().await;
}
