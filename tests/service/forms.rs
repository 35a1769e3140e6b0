//! Forms: what changes anything is done for a page of the sender's own session, and for nothing else (CSRF).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{HttpAnswer, ServiceWorld, bob};
use http::header::SET_COOKIE;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;

use crate::browser::{Browser, Fields, attributes, encoded};
use crate::routes::{FORMS, FormRoute, PAGES, administrator};

/// What there is at a path that is none.
const PROBLEM: &str = "application/problem+json";

/// Everything that a form could change: each record with its revision, and the key ring.
async fn state(service: &ServiceWorld) -> (BTreeMap<String, u64>, Vec<u8>) {
    let page = service.world.database.storage().list("", None, 1_000).await.expect("the records");
    assert!(page.next.is_none(), "there are more records than this test looks at");
    let ring = fs::read(service.world.folder().join("keyring.json")).expect("a key ring");
    (page.entries.into_iter().map(|(key, entry)| (key, entry.revision)).collect(), ring)
}

/// A service in which the administrator has a session of the console and one with Databricks.
async fn with_administrator() -> (ServiceWorld, Browser) {
    let service = ServiceWorld::new().await;
    service.world.sign_in(&administrator()).await;
    let browser = Browser::signed_in(&service, &administrator()).await;
    (service, browser)
}

/// The fields of a form, and the token of a session.
fn with_token<'a>(form: &FormRoute, token: &'a str) -> Vec<(&'a str, &'a str)> {
    [&[("form_token", token)], form.fields].concat()
}

#[track_caller]
fn assert_refused(answer: &HttpAnswer, why: &str) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{why}: {answer:?}");
    assert!(answer.headers.get(SET_COOKIE).is_none(), "{why}: {answer:?}");
}

#[tokio::test]
async fn a_form_that_does_not_say_that_it_comes_from_here_changes_nothing() {
    let (service, browser) = with_administrator().await;
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
    let before = state(&service).await;
    for form in FORMS {
        for origin in origins {
            let answer = browser.submit_with(form.path, origin, &with_token(&form, &token)).await;
            assert_refused(&answer, &format!("{} with {origin:?}", form.path));
        }
    }
    assert_eq!(state(&service).await, before);
    assert!(browser.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn a_form_without_the_token_of_its_session_changes_nothing() {
    let (service, browser) = with_administrator().await;
    let same_person = Browser::new(&service);
    same_person.sign_in(&service.users().issue_api_token("alice", None).await.unwrap()).await;
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
    let before = state(&service).await;
    for form in FORMS {
        assert_refused(&browser.submit(form.path, form.fields).await, &format!("{} without a token", form.path));
        for token in &tokens {
            let answer = browser.submit(form.path, &with_token(&form, token)).await;
            assert_refused(&answer, &format!("{} with {token:?}", form.path));
        }
        let in_query = format!("{}?{}", form.path, encoded(&[("form_token", &own)]));
        let answer = browser.submit(&in_query, form.fields).await;
        assert_refused(&answer, &format!("{} with the token in the query", form.path));
    }
    assert_eq!(state(&service).await, before);
    assert!(browser.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn without_a_session_no_form_does_anything() {
    let (service, browser) = with_administrator().await;
    let token = browser.form_token().await;
    let before = state(&service).await;
    for form in FORMS {
        let answer = Browser::new(&service).submit(form.path, &with_token(&form, &token)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}: {answer:?}", form.path);
    }
    assert_eq!(state(&service).await, before);
    service.end().await;
}

/// There is no session yet whose token the form could carry.
#[tokio::test]
async fn nobody_is_signed_in_to_the_console_by_a_form_of_another_site() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&bob()).await;
    let before = state(&service).await;
    let origins: [&Fields<'_>; 3] = [&[], &[("origin", "null")], &[("origin", "https://evil.example")]];
    for origin in origins {
        let browser = Browser::new(&service);
        let answer = browser.submit_with("/sign-in", origin, &[("api_token", api_token.expose_secret())]).await;
        assert_refused(&answer, &format!("{origin:?}"));
        assert!(!browser.is_signed_in().await);
    }
    assert_eq!(state(&service).await, before);
    service.end().await;
}

#[tokio::test]
async fn a_link_changes_nothing() {
    let (service, browser) = with_administrator().await;
    let api_token = service.api_token(&bob()).await;
    let token = browser.form_token().await;
    let stranger = Browser::new(&service);
    let before = state(&service).await;
    for form in FORMS {
        let answer = browser.get(&format!("{}?{}", form.path, encoded(&with_token(&form, &token)))).await;
        assert!(answer.headers.get(SET_COOKIE).is_none(), "{}: {answer:?}", form.path);
    }
    stranger.get(&format!("/sign-in?{}", encoded(&[("api_token", api_token.expose_secret())]))).await;
    assert!(!stranger.is_signed_in().await);
    for page in PAGES {
        for browser in [&browser, &stranger] {
            browser.get(page).await;
            browser.send(Method::HEAD, page, &[], "").await;
        }
    }
    assert_eq!(state(&service).await, before);
    assert!(browser.is_signed_in().await);
    service.end().await;
}

/// Else it would show nothing that they are refused.
#[tokio::test]
async fn the_forms_of_these_tests_do_something_when_they_are_the_persons_own() {
    for form in FORMS {
        let (service, browser) = with_administrator().await;
        let token = browser.form_token().await;
        let before = state(&service).await;
        let answer = browser.submit(form.path, &with_token(&form, &token)).await;
        let is_done = !matches!(answer.status.as_u16(), 401 | 403 | 405 | 500..);
        assert!(is_done && answer.header("content-type") != PROBLEM, "{}: {answer:?}", form.path);
        assert_eq!(state(&service).await != before, form.changes, "{}: {answer:?}", form.path);
        service.end().await;
    }
}

/// A form that is added to a page is to be added to these tests.
#[tokio::test]
async fn every_form_of_every_page_is_among_those_that_are_tested() {
    let (service, browser) = with_administrator().await;
    let mut found = BTreeSet::new();
    for page in PAGES {
        let page = browser.get(page).await.text();
        assert_eq!(page.matches("method=\"post\"").count(), page.matches("name=\"form_token\"").count(), "{page}");
        let actions = attributes(&page, "action").into_iter().chain(attributes(&page, "formaction"));
        found.extend(actions.chain(attributes(&page, "data-check")));
    }
    let known: BTreeSet<&str> = FORMS.iter().map(|form| form.path).collect();
    let filters = ["/journal", "/editors/pipeline", "/editors/job", "/editors/job-settings"];
    found.retain(|action| !known.contains(action.as_str()) && !filters.contains(&action.as_str()));
    assert_eq!(found, BTreeSet::new());
    service.end().await;
}
