//! The way back from Databricks: who may complete which sign-in, and that the code is seen nowhere after that.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fabric_auth::contract::Error;
use fabric_auth_tests::{DEV, HttpAnswer, ServiceWorld, alice, bob};
use http::{Method, StatusCode};
use simulated_workspace::Needle;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::browser::Browser;

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const SESSION: &str = "fabric_auth_session";
const SIGN_IN: &str = "fabric_auth_sign_in_";

/// Everything that is logged, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Signs in at Databricks and gives the path that the browser is sent back to.
async fn come_back(service: &ServiceWorld, url: &str, user_name: &str) -> String {
    let callback = service.world.workspace.sign_in_as(url, user_name).await.expect("a callback");
    callback.strip_prefix(&service.base_url).expect("a callback to the service").to_owned()
}

/// The value of a parameter of a path.
fn parameter(path: &str, name: &str) -> String {
    let query = path.split_once('?').expect("a query").1;
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
    found.next().unwrap_or_else(|| panic!("no {name} in the query")).1.into_owned()
}

async fn is_at_databricks(service: &ServiceWorld) -> bool {
    let state = service.world.host.sign_in_status(&alice(), DEV).await.expect("a state");
    state.required.is_none()
}

#[track_caller]
fn assert_lost(answer: &HttpAnswer, why: &str) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert_eq!(answer.header("location"), format!("/connect/lost?why={why}"));
}

/// Follows redirects within the service, and gives every answer on the way.
async fn follow(browser: &Browser, path: &str) -> Vec<HttpAnswer> {
    let mut answers = vec![browser.get(path).await];
    for _ in 0..5 {
        let location = answers.last().unwrap().header("location").to_owned();
        if location.is_empty() {
            return answers;
        }
        answers.push(browser.get(&location).await);
    }
    panic!("a circle of redirects");
}

#[tokio::test]
async fn the_code_is_in_nothing_that_is_answered_stored_or_logged() {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    // This test has one thread, so all that is logged in it comes here.
    let _guard = lines.finish().set_default();
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    for same_tab in [false, true] {
        let url = browser.connect_with(if same_tab { &[("same_tab", "yes"), ("next", "/fabrics")] } else { &[] }).await;
        let binding = browser.cookie(SIGN_IN).unwrap();
        let callback = come_back(&service, &url, ALICE).await;
        let (code, state) = (parameter(&callback, "code"), parameter(&callback, "state"));
        let answers = follow(&browser, &callback).await;
        assert!(is_at_databricks(&service).await);
        let landed = if same_tab { "Fabrics" } else { "You are signed in to Databricks" };
        let page = answers.last().unwrap();
        assert!(page.text().contains(landed), "{page:?}");
        let seen = format!("{answers:?}{}", answers.iter().map(HttpAnswer::text).collect::<String>());
        let logged = log.0.lock().unwrap().clone();
        assert!(!logged.is_empty(), "nothing is searched");
        for secret in [&code, &state, &binding] {
            assert_eq!(Needle::new(secret).find(seen.as_bytes()), None, "in an answer");
            assert_eq!(Needle::new(secret).find(&logged), None, "in the log");
            assert!(fabric_auth_tests::files_with(service.world.folder(), secret).is_empty(), "in a file");
        }
        service.world.host.sign_out(&alice(), DEV).await.unwrap();
    }
    service.end().await;
}

#[tokio::test]
async fn a_look_at_the_head_does_not_complete_a_sign_in() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let callback = come_back(&service, &browser.connect().await, ALICE).await;
    for method in [Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT] {
        let answer = browser.send(method.clone(), &callback, &[], "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert!(!is_at_databricks(&service).await, "{method}");
    }
    browser.get(&callback).await;
    assert!(is_at_databricks(&service).await);
    service.end().await;
}

#[tokio::test]
async fn either_path_completes_a_sign_in() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    for path in ["/api/databricks/oauthredirect", "/metadata/oauthCallback"] {
        let callback = come_back(&service, &browser.connect().await, ALICE).await;
        let query = callback.split_once('?').unwrap().1;
        let answer = browser.get(&format!("{path}?{query}")).await;
        assert!(answer.header("location").starts_with("/connect/outcome?sign_in="), "{answer:?}");
        assert!(is_at_databricks(&service).await, "{path}");
        service.world.host.sign_out(&alice(), DEV).await.unwrap();
    }
    service.end().await;
}

#[tokio::test]
async fn a_browser_without_a_session_completes_nothing() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let callback = come_back(&service, &browser.connect().await, ALICE).await;
    let stranger = Browser::new(&service);
    assert_lost(&stranger.get(&callback).await, "no-session");
    let name = browser.cookie_name(SIGN_IN).unwrap();
    stranger.plant(&name, &browser.cookie(SIGN_IN).unwrap());
    assert_lost(&stranger.get(&callback).await, "no-session");
    assert!(!is_at_databricks(&service).await);
    browser.get(&callback).await;
    assert!(is_at_databricks(&service).await, "the right browser completes it all the same");
    service.end().await;
}

#[tokio::test]
async fn another_browser_of_the_same_person_completes_nothing() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let (browser, elsewhere) = (Browser::new(&service), Browser::new(&service));
    browser.sign_in(&api_token).await;
    elsewhere.sign_in(&api_token).await;
    let callback = come_back(&service, &browser.connect().await, ALICE).await;
    assert_lost(&elsewhere.get(&callback).await, "another-browser");
    // Nor with the cookie of a sign-in of its own, under the right name.
    elsewhere.connect().await;
    let own = elsewhere.cookie(SIGN_IN).unwrap();
    elsewhere.plant(&browser.cookie_name(SIGN_IN).unwrap(), &own);
    let answers = follow(&elsewhere, &callback).await;
    assert!(answers.last().unwrap().text().contains("not signed in to Databricks"), "{answers:?}");
    assert!(!is_at_databricks(&service).await);
    service.end().await;
}

#[tokio::test]
async fn somebody_else_cannot_complete_my_sign_in_even_with_the_cookie_of_my_browser() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let somebody_else = Browser::signed_in(&service, &bob()).await;
    let callback = come_back(&service, &browser.connect().await, BOB).await;
    somebody_else.plant(&browser.cookie_name(SIGN_IN).unwrap(), &browser.cookie(SIGN_IN).unwrap());
    let answers = follow(&somebody_else, &callback).await;
    assert!(!answers.last().unwrap().text().contains("You are signed in"), "{answers:?}");
    assert!(!is_at_databricks(&service).await);
    let bobs = service.world.host.sign_in_status(&bob(), DEV).await.unwrap();
    assert!(bobs.required.is_some());
    service.end().await;
}

/// An attacker begins a sign-in, signs in at Databricks as themselves, and sends somebody the link that comes back.
#[tokio::test]
async fn nobody_is_signed_in_to_databricks_by_the_link_of_somebody_else() {
    let service = ServiceWorld::new().await;
    let attacker = Browser::signed_in(&service, &bob()).await;
    let victim = Browser::signed_in(&service, &alice()).await;
    let link = come_back(&service, &attacker.connect().await, BOB).await;
    let answers = follow(&victim, &link).await;
    assert_lost(&answers[0], "another-browser");
    let page = answers.last().unwrap().text();
    assert!(page.contains("somebody may have sent you their link"), "{page}");
    assert!(!is_at_databricks(&service).await);
    service.end().await;
}

#[tokio::test]
async fn a_link_that_has_done_its_work_does_nothing_again() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let url = browser.connect().await;
    let (name, binding) = (browser.cookie_name(SIGN_IN).unwrap(), browser.cookie(SIGN_IN).unwrap());
    let callback = come_back(&service, &url, ALICE).await;
    let first = browser.get(&callback).await;
    assert!(browser.cookie(SIGN_IN).is_none(), "its cookie is taken back: {first:?}");
    service.world.host.sign_out(&alice(), DEV).await.unwrap();
    assert_lost(&browser.get(&callback).await, "another-browser");
    browser.plant(&name, &binding);
    browser.get(&callback).await;
    assert!(!is_at_databricks(&service).await);
    let codes = service.world.books().grant("authorization_code").requests;
    assert_eq!(codes, 1, "the code was sent once");
    service.end().await;
}

#[tokio::test]
async fn a_sign_in_that_takes_too_long_is_over() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let url = browser.connect().await;
    let callback = come_back(&service, &url, ALICE).await;
    service.world.advance(Duration::from_secs(601));
    let answers = follow(&browser, &callback).await;
    assert!(answers.last().unwrap().text().contains("not signed in to Databricks"), "{answers:?}");
    assert!(!is_at_databricks(&service).await);
    service.end().await;
}

/// PB-109.
#[tokio::test]
async fn a_sign_in_that_was_cancelled_at_databricks_is_explained_and_can_be_tried_again() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let url = browser.connect_with(&[("next", "/fabrics?x=1")]).await;
    let callback = simulated_workspace::cancel_sign_in(&url).await.unwrap();
    let answers = follow(&browser, callback.strip_prefix(&service.base_url).unwrap()).await;
    let page = answers.last().unwrap().text();
    assert!(page.contains("You are not signed in to Databricks") && page.contains("Who can act on it"), "{page}");
    assert!(page.contains("href=\"/connect?fabric=dev&amp;next=%2Ffabrics%3Fx%3D1\""), "{page}");
    assert!(!is_at_databricks(&service).await);
    let token = service.world.host.access_token(&alice(), DEV, fabric_auth::contract::Activity::OnDemandRun).await;
    assert!(matches!(token, Err(Error::SignInRequired(_))), "{token:?}");
    service.end().await;
}

#[tokio::test]
async fn what_an_error_says_is_shown_as_text() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let state = parameter(&browser.connect().await, "state");
    let hostile = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%0D%0ASet-Cookie:%20a=b";
    let callback =
        format!("/api/databricks/oauthredirect?state={state}&error=server_error&error_description={hostile}");
    let answers = follow(&browser, &callback).await;
    for answer in &answers {
        assert!(!answer.text().contains("<script>"), "{answer:?}");
        assert!(!format!("{:?}", answer.headers).contains("a=b"), "{answer:?}");
    }
    service.end().await;
}

#[tokio::test]
async fn what_is_no_answer_to_a_sign_in_is_told_as_such() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    for query in ["", "?", "?code=c", "?state=a&state=b&code=c", "?State=a", "?code=%ff%fe"] {
        let answer = browser.get(&format!("/api/databricks/oauthredirect{query}")).await;
        assert_lost(&answer, "malformed");
    }
    for query in ["?state=made-up&code=c", "?state=%00&code=c", "?state=&code=c"] {
        assert_lost(&browser.get(&format!("/metadata/oauthCallback{query}")).await, "another-browser");
    }
    for path in ["/connect/outcome?sign_in=x", "/connect/outcome?sign_in=../../x"] {
        assert_lost(&browser.get(path).await, "malformed");
    }
    let unknown = format!("/connect/outcome?sign_in={}", "a".repeat(64));
    assert_lost(&browser.get(&unknown).await, "another-browser");
    assert!(browser.cookie(SESSION).is_some());
    service.end().await;
}

/// The page of an outcome is for who began the sign-in.
#[tokio::test]
async fn nobody_else_sees_how_a_sign_in_ended() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let somebody_else = Browser::signed_in(&service, &bob()).await;
    let callback = come_back(&service, &browser.connect().await, ALICE).await;
    let outcome = browser.get(&callback).await.header("location").to_owned();
    assert!(browser.get(&outcome).await.text().contains(ALICE));
    assert_lost(&somebody_else.get(&outcome).await, "another-browser");
    service.end().await;
}
