//! The headers of every answer, whatever it answers.

use fabric_auth_tests::{DEV, HttpAnswer, HttpClient, ServiceWorld, bob};
use http::{Method, StatusCode};

use crate::browser::{Browser, attributes};
use crate::routes::{PAGES, administrator};

const HTML: &str = "text/html; charset=utf-8";

const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

const CONSOLE: &str = "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; \
                       frame-ancestors 'none'; img-src 'self'; script-src 'self'; style-src 'self'";

const ASSETS: [&str; 3] = ["/assets/console.css", "/assets/console.js", "/assets/icon.svg"];

/// Holds an answer to the headers that keep it to whom it was sent.
#[track_caller]
fn assert_guarded(answer: &HttpAnswer, policy: &str, cache: &str) {
    for (name, value) in [
        ("cache-control", cache),
        ("content-security-policy", policy),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        let values: Vec<_> = answer.headers.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name} of {answer:?}");
    }
    for name in ["strict-transport-security", "server", "x-powered-by", "access-control-allow-origin"] {
        assert!(!answer.headers.contains_key(name), "{name} in {answer:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_pages_may_load_nothing_and_are_kept_by_nobody() {
    let service = ServiceWorld::new().await;
    let client = HttpClient::new(&service.base_url);
    for (method, path, status) in [
        (Method::GET, "/healthz", StatusCode::OK),
        (Method::HEAD, "/healthz", StatusCode::OK),
        (Method::GET, "/readyz", StatusCode::OK),
        (Method::GET, "/metrics", StatusCode::UNAUTHORIZED),
        (Method::GET, "/connect?fabric=dev", StatusCode::SEE_OTHER),
        (Method::GET, "/api/databricks/oauthredirect?code=c&state=s", StatusCode::SEE_OTHER),
        (Method::HEAD, "/api/databricks/oauthredirect?code=c&state=s", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/connect/outcome", StatusCode::SEE_OTHER),
        (Method::GET, "/connect/lost", StatusCode::BAD_REQUEST),
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
        (Method::GET, "/%00/..%2f", StatusCode::NOT_FOUND),
        (Method::POST, "/healthz", StatusCode::METHOD_NOT_ALLOWED),
        (Method::DELETE, "/sign-in", StatusCode::METHOD_NOT_ALLOWED),
        (Method::OPTIONS, "/sign-in", StatusCode::METHOD_NOT_ALLOWED),
        (Method::TRACE, "/sign-in", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = client.send(method.clone(), path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_guarded(&answer, NOTHING, "no-store");
    }
    service.end().await;
}

#[tokio::test]
async fn pages_may_load_what_this_service_has_and_nothing_else() {
    let service = ServiceWorld::new().await;
    let admin = administrator();
    service.world.sign_in(&admin).await;
    let signed_in = Browser::signed_in(&service, &admin).await;
    let stranger = Browser::new(&service);
    let of_strangers = ["/sign-in", "/connect/lost?why=malformed", "/connect/lost?why=another-browser"];
    let of_all = PAGES.map(|page| (&signed_in, page)).into_iter().chain(of_strangers.map(|page| (&stranger, page)));
    for (browser, path) in of_all {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, HTML), "{path}: {answer:?}");
        assert_guarded(&answer, CONSOLE, "no-store");
        assert_loads_nothing_of_others(&answer.text());
    }
    let member = Browser::signed_in(&service, &bob()).await;
    for path in ["/connect?fabric=dev", "/fabric?name=dev", "/fabrics", "/editors/job"] {
        let answer = member.get(path).await;
        assert_guarded(&answer, CONSOLE, "no-store");
        assert_loads_nothing_of_others(&answer.text());
    }
    for refused in [stranger.submit_with("/sign-in", &[], &[]).await, member.get("/connect?fabric=none").await] {
        assert!(refused.status.is_client_error(), "{refused:?}");
        assert_guarded(&refused, CONSOLE, "no-store");
    }
    service.end().await;
}

/// They come piece by piece, and so are made in another way.
#[tokio::test]
async fn pages_that_grow_are_guarded_like_all_others() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &administrator()).await;
    let token = browser.form_token().await;
    for (path, fields) in [
        ("/fabric/test", [("name", DEV), ("identity", "service-principal"), ("results_only", "")]),
        ("/fabric/test", [("name", DEV), ("identity", "service-principal"), ("results_only", "yes")]),
        ("/admin/keys/reseal", [("name", ""), ("identity", ""), ("results_only", "")]),
    ] {
        let answer = browser.submit(path, &[&[("form_token", token.as_str())][..], &fields].concat()).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, HTML), "{path}: {answer:?}");
        assert_guarded(&answer, CONSOLE, "no-store");
        assert_loads_nothing_of_others(&answer.text());
    }
    service.end().await;
}

#[tokio::test]
async fn style_script_and_icon_are_kept_for_a_minute_and_load_nothing() {
    let service = ServiceWorld::bare().await;
    let client = HttpClient::new(&service.base_url);
    for path in ASSETS {
        let answer = client.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_guarded(&answer, NOTHING, "private, max-age=60");
        let text = answer.text();
        let elsewhere = ["@import", "//cdn", "https://", "import(", "eval(", "document.write"];
        assert!(elsewhere.iter().all(|word| !text.contains(word)), "{path}");
    }
    service.end().await;
}

/// No page names another origin in what it loads, submits or leads to, and none has style or script within it.
#[track_caller]
fn assert_loads_nothing_of_others(page: &str) {
    for attribute in ["href", "src", "action", "formaction", "data-connect", "data-next", "srcset", "poster"] {
        for value in attributes(page, attribute) {
            let is_local = value.starts_with('#') || (value.starts_with('/') && !value.starts_with("//"));
            assert!(is_local, "{attribute}={value:?} in {page}");
        }
    }
    for word in ["<style", " style=\"", "<iframe", "<object", "<embed", "javascript:", " onclick=", " onload=", "<base"]
    {
        assert!(!page.contains(word), "{word} in {page}");
    }
    assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/assets/console.js\"").count(), "{page}");
}
