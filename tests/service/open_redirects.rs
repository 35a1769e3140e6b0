//! Where pages lead on to, when whoever wrote the link wants to choose.

use fabric_auth_tests::{DEV, ServiceWorld, alice};
use secrecy::ExposeSecret as _;

use crate::browser::{Browser, attributes, encoded, value_of};

/// What somebody might try, to lead a browser elsewhere or to run a script.
const HOSTILE: [&str; 24] = [
    "https://evil.example/",
    "http:evil.example",
    "HTTPS:/evil.example",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\/evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "/\r\nLocation: https://evil.example/",
    "\t//evil.example/",
    " //evil.example/",
    "/\u{a0}/evil.example",
    "/\u{2028}/evil.example",
    "/\0/evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "@evil.example",
    ".evil.example",
    "evil.example",
    "?next=//evil.example",
];

#[track_caller]
fn assert_local(target: &str, tried: &str) {
    let second = target.chars().nth(1);
    let is_local = target.starts_with('/')
        && !matches!(second, Some('/' | '\\'))
        && !target.contains(|character: char| character.is_control());
    assert!(is_local, "{tried:?} leads to {target:?}");
    assert!(!target.contains("evil.example") || target.starts_with("/sign-in?"), "{tried:?} leads to {target:?}");
}

#[tokio::test]
async fn signing_in_to_the_console_leads_to_this_service_only() {
    let service = ServiceWorld::new().await;
    let api_token = service.api_token(&alice()).await;
    let browser = Browser::new(&service);
    for tried in HOSTILE {
        let page = browser.get(&format!("/sign-in?{}", encoded(&[("next", tried)]))).await;
        assert_eq!(attributes(&page.text(), "action"), ["/sign-in"]);
    }
    // As many as an address may try in a minute.
    for tried in HOSTILE.iter().take(18) {
        let fields = [("api_token", api_token.expose_secret()), ("next", tried)];
        let answer = browser.submit("/sign-in", &fields).await;
        assert_eq!(answer.header("location"), "/", "{tried:?}");
    }
    for tried in HOSTILE {
        let answer = browser.get(&format!("/sign-in?{}", encoded(&[("next", tried)]))).await;
        assert_eq!(answer.header("location"), "/", "{tried:?}");
    }
    service.end().await;
}

#[tokio::test]
async fn the_prompt_goes_on_and_is_cancelled_to_this_service_only() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    for tried in HOSTILE {
        let query = encoded(&[("fabric", DEV), ("next", tried), ("cancel", tried)]);
        let page = browser.get(&format!("/connect?{query}")).await.text();
        for attribute in ["href", "action", "data-next", "data-connect"] {
            let targets = attributes(&page, attribute);
            assert!(!targets.is_empty(), "{attribute}");
            targets.iter().filter(|target| *target != "#content").for_each(|target| assert_local(target, tried));
        }
        assert_eq!(value_of(&page, "next").as_deref(), Some("/"), "{tried:?}");
    }
    service.world.sign_in(&alice()).await;
    for tried in HOSTILE {
        let query = encoded(&[("fabric", DEV), ("next", tried)]);
        assert_eq!(browser.get(&format!("/connect?{query}")).await.header("location"), "/", "{tried:?}");
    }
    service.end().await;
}

#[tokio::test]
async fn a_sign_in_that_has_come_back_goes_on_to_this_service_only() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let tries = [(HOSTILE[0], "yes"), (HOSTILE[3], ""), (HOSTILE[8], "yes"), (HOSTILE[16], "")];
    for (tried, same_tab) in tries {
        let mut fields = vec![("next", tried)];
        if !same_tab.is_empty() {
            fields.push(("same_tab", same_tab));
        }
        let url = browser.connect_with(&fields).await;
        let callback = service.world.workspace.sign_in_as(&url, "alice@example.com").await.unwrap();
        let answer = browser.get(callback.strip_prefix(&service.base_url).unwrap()).await;
        let location = answer.header("location");
        assert_local(location, tried);
        let page = browser.get(location).await.text();
        let targets = attributes(&page, "href");
        targets.iter().filter(|target| *target != "#content").for_each(|target| assert_local(target, tried));
        service.world.host.sign_out(&alice(), DEV).await.unwrap();
    }
    service.end().await;
}

/// The way back goes through the sign-in page, as a value there, and is looked at when it is followed.
#[tokio::test]
async fn who_has_to_sign_in_first_comes_back_to_the_page_that_was_asked_for() {
    let service = ServiceWorld::new().await;
    let browser = Browser::new(&service);
    let answer = browser.get("/connect?fabric=dev&next=%2F%2Fevil.example").await;
    let location = answer.header("location").to_owned();
    assert_local(&location, "a page");
    let page = browser.get(&location).await.text();
    let next = value_of(&page, "next").unwrap();
    assert_eq!(next, "/connect?fabric=dev&next=%2F%2Fevil.example");
    let api_token = service.api_token(&alice()).await;
    let answer = browser.submit("/sign-in", &[("api_token", api_token.expose_secret()), ("next", &next)]).await;
    assert_eq!(answer.header("location"), next);
    let prompt = browser.get(&next).await.text();
    assert!(!prompt.contains("evil.example"), "{prompt}");
    service.end().await;
}
