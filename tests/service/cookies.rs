//! The cookies: what is in them, whom they are sent to, and which are believed.

use std::time::Duration;

use fabric_auth::service::ServiceSettings;
use fabric_auth_tests::{DEV, HttpAnswer, HttpClient, ServiceWorld, Setup, alice};
use http::StatusCode;
use http::header::{COOKIE, SET_COOKIE};

use crate::browser::Browser;

const SESSION: &str = "fabric_auth_session";
const SIGN_IN: &str = "fabric_auth_sign_in_";
const HERE: &str = "https://prophecy.example.com";

/// The one cookie that an answer sets: its name, its value and its attributes.
#[track_caller]
fn set_cookie(answer: &HttpAnswer) -> (String, String, Vec<String>) {
    let lines: Vec<_> = answer.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
    let [line] = lines[..] else { panic!("not one cookie in {answer:?}") };
    let mut parts = line.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    (name.to_owned(), value.to_owned(), parts.map(str::to_owned).collect())
}

/// A service behind a reverse proxy that speaks TLS, and a browser that reaches it through that.
async fn behind_a_proxy() -> (ServiceWorld, Browser) {
    let settings =
        ServiceSettings { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..ServiceSettings::default() };
    let service = ServiceWorld::behind(HERE, settings).await;
    let proxy = HttpClient::new(&format!("http://{}", service.address));
    let proxy = proxy.with_header("host", "prophecy.example.com").with_header("x-forwarded-proto", "https");
    (service, Browser::of(proxy, HERE))
}

#[tokio::test]
async fn on_this_machine_a_session_is_out_of_reach_of_scripts_and_of_forms_of_other_sites() {
    let service = ServiceWorld::new().await;
    let browser = Browser::new(&service);
    let answer = browser.sign_in(&service.api_token(&alice()).await).await;
    let (name, value, attributes) = set_cookie(&answer);
    assert_eq!(name, SESSION);
    assert!(value.starts_with("session_") && value.len() == "session_".len() + 43, "{value}");
    assert_eq!(attributes, ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"]);
    service.end().await;
}

#[tokio::test]
async fn a_session_cookie_lasts_as_long_as_the_session() {
    let settings = ServiceSettings { session_life: Duration::from_secs(3_600), ..ServiceSettings::default() };
    let service = ServiceWorld::of(Setup::default(), settings).await;
    let answer = Browser::new(&service).sign_in(&service.api_token(&alice()).await).await;
    assert!(set_cookie(&answer).2.contains(&"Max-Age=3600".to_owned()), "{answer:?}");
    service.end().await;
}

#[tokio::test]
async fn where_browsers_come_by_https_cookies_are_bound_to_this_host_and_to_tls() {
    let (service, browser) = behind_a_proxy().await;
    let answer = browser.sign_in(&service.api_token(&alice()).await).await;
    let (name, _, attributes) = set_cookie(&answer);
    assert_eq!(name, "__Host-fabric_auth_session");
    assert_eq!(attributes, ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=43200"]);

    let token = browser.form_token().await;
    let answer = browser.submit("/connect", &[("form_token", &token), ("fabric", DEV)]).await;
    let (name, _, attributes) = set_cookie(&answer);
    assert!(name.starts_with("__Host-fabric_auth_sign_in_"), "{name}");
    assert_eq!(attributes, ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=600"]);

    let answer = browser.submit("/sign-out", &[("form_token", &token)]).await;
    let (name, value, attributes) = set_cookie(&answer);
    assert_eq!((name.as_str(), value.as_str()), ("__Host-fabric_auth_session", ""));
    assert!(attributes.contains(&"Max-Age=0".to_owned()) && attributes.contains(&"Secure".to_owned()));
    service.end().await;
}

#[tokio::test]
async fn where_browsers_come_by_https_a_cookie_that_other_hosts_could_have_set_is_not_believed() {
    let (service, browser) = behind_a_proxy().await;
    browser.sign_in(&service.api_token(&alice()).await).await;
    let secret = browser.cookie("__Host-fabric_auth_session").unwrap();
    assert!(browser.is_signed_in().await);
    let proxy = HttpClient::new(&format!("http://{}", service.address)).with_header("host", "prophecy.example.com");
    let other = Browser::of(proxy, HERE);
    other.plant(SESSION, &secret);
    assert!(!other.is_signed_in().await);
    service.end().await;
}

#[tokio::test]
async fn the_cookie_of_a_sign_in_lasts_as_long_as_that_and_names_nothing() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let token = browser.form_token().await;
    let answer = browser.submit("/connect", &[("form_token", &token), ("fabric", DEV)]).await;
    let (name, value, attributes) = set_cookie(&answer);
    let digest = name.strip_prefix(SIGN_IN).unwrap();
    assert!(digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    assert!(!value.is_empty() && !answer.text().contains(&value), "the page must not tell the binding secret");
    assert_eq!(attributes, ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"]);
    service.end().await;
}

#[tokio::test]
async fn of_two_sessions_in_one_request_neither_is_believed() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let secret = browser.cookie(SESSION).unwrap();
    let client = HttpClient::new(&service.base_url);
    let other = format!("{SESSION}=session_{}", "A".repeat(43));
    let own = format!("{SESSION}={secret}");
    let is_known = async |lines: &[&str]| {
        let client = lines.iter().fold(client.clone(), |client, line| client.with_header(COOKIE.as_str(), line));
        client.get("/").await.status == StatusCode::OK
    };
    assert!(is_known(&[&own]).await && is_known(&["a=b", &own]).await);
    for lines in [
        &[format!("{own}; {other}")][..],
        &[format!("{other}; {own}")],
        &[format!("{own}; {own}")],
        &[own.clone(), other.clone()],
        &[other.clone(), own.clone()],
        &[own.clone(), own.clone()],
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert!(!is_known(&lines).await, "{lines:?}");
    }
    service.end().await;
}
