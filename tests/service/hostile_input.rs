//! What people and programs send that no page of ours would: nothing breaks by it, and it is shown as text.

use fabric_auth::contract::Caller;
use fabric_auth_tests::{HttpAnswer, ServiceWorld, fabric_settings, team_admin};
use http::{Method, StatusCode};

use crate::browser::{Browser, encoded};
use crate::routes::{FORMS, PAGES, administrator};

/// Values that somebody might try.
const HOSTILE: [&str; 16] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
    "<!-- to come -->",
    "../../../../etc/passwd",
    "service/user/",
    "%00%0d%0aSet-Cookie:%20a=b",
    "a\r\nSet-Cookie: a=b",
    "\0",
    "\u{202e}\u{feff}\u{ffff}",
    "-1",
    "99999999999999999999999999",
    "1e999",
    "null",
];

/// Pages, and what may be asked of them.
const ASKED: [(&str, &[&str]); 12] = [
    ("/sign-in", &["next"]),
    ("/connect", &["fabric", "next", "cancel"]),
    ("/connect/status", &["fabric"]),
    ("/connect/outcome", &["sign_in"]),
    ("/connect/lost", &["why"]),
    ("/fabric", &["name", "done"]),
    ("/fabric/edit", &["name"]),
    ("/fabric/test", &["name"]),
    ("/editors/job", &["fabric", "run_as"]),
    ("/people", &["ended"]),
    ("/journal", &["actor", "action", "fabric", "outcome", "since", "before"]),
    ("/admin/security", &["app", "done", "another", "checked"]),
];

/// Holds an answer to be one, and to have none of the hostile markup as markup. What is no page is not read as one.
#[track_caller]
fn assert_harmless(answer: &HttpAnswer, told: &str) {
    // Who has begun many sign-ins is asked to wait.
    let is_to_wait = answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.text().contains("Too many sign-ins");
    assert!(is_to_wait || !answer.status.is_server_error(), "{told}: {answer:?}");
    if !answer.header("content-type").starts_with("text/html") {
        return assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let page = answer.text();
    for markup in ["<script>", "<img", "href=\"javascript", "action=\"javascript", "src=\"javascript"] {
        assert!(!page.contains(markup), "{told}: {markup} is in {page}");
    }
}

#[tokio::test]
async fn whatever_a_page_is_asked_it_answers_and_shows_it_as_text() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &administrator()).await;
    for (path, names) in ASKED {
        for hostile in HOSTILE {
            for name in names {
                let others = names.iter().filter(|other| *other != name).map(|other| (*other, "dev"));
                let fields: Vec<(&str, &str)> = others.chain([(*name, hostile)]).collect();
                let answer = browser.get(&format!("{path}?{}", encoded(&fields))).await;
                let told = format!("{path} with {fields:?}");
                assert!(answer.headers.get("set-cookie").is_none(), "{told}: {answer:?}");
                assert_harmless(&answer, &told);
            }
        }
    }
    service.end().await;
}

#[tokio::test]
async fn whatever_a_form_is_sent_with_it_is_answered_and_shown_as_text() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &administrator()).await;
    let token = browser.form_token().await;
    // What would end the session, or take away what the others are about, does it once and is tested elsewhere.
    let ending = ["/sign-out", "/fabric/remove", "/admin/security/remove", "/people/end"];
    for form in FORMS.iter().filter(|form| !ending.contains(&form.path) && !form.fields.is_empty()) {
        for hostile in HOSTILE {
            for (changed, _) in form.fields {
                let others = form.fields.iter().copied().filter(|(name, _)| name != changed);
                let fields: Vec<(&str, &str)> =
                    others.chain([(*changed, hostile), ("form_token", token.as_str())]).collect();
                let answer = browser.submit(form.path, &fields).await;
                let told = format!("{} with {changed} {hostile:?}", form.path);
                assert_harmless(&answer, &told);
            }
        }
        for body in ["", "&&&===", "%", "\u{0}", "form_token", "[]", "{\"a\":1}"] {
            let origin = [("origin", service.base_url.as_str())];
            let answer = browser.send(Method::POST, form.path, &origin, body).await;
            assert!(answer.status.is_client_error(), "{} with {body:?}: {answer:?}", form.path);
        }
    }
    assert!(browser.is_signed_in().await);
    service.end().await;
}

/// Names come from elsewhere: from Prophecy, from Databricks, from whoever administers.
#[tokio::test]
async fn names_are_shown_as_text_on_every_page() {
    let service = ServiceWorld::new().await;
    let name = "<script>alert(1)</script>\"'<img src=x>";
    let hostile = Caller { user: name.to_owned(), email: None, ..administrator() };
    let browser = Browser::signed_in(&service, &hostile).await;
    let world = &service.world;
    world.host.put_fabric(&team_admin(), fabric_settings("other", world.workspace.url()), None, None).await.unwrap();
    world.try_sign_in(&hostile, "alice@example.com").await.unwrap();
    for page in PAGES {
        assert_harmless(&browser.get(page).await, page);
    }
    let people = browser.get("/people").await.text();
    assert!(people.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{people}");
    service.end().await;
}
