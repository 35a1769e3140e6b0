//! Requests that name another host, and what is said of clients by whom.

use fabric_auth::service::ServiceSettings;
use fabric_auth_tests::{DEV, HttpClient, ServiceWorld, Setup, alice};
use http::{Method, StatusCode};

use crate::browser::{Browser, encoded};
use crate::raw::{host_line, request, status};

/// What the console and the callback are asked for.
const CONSOLE: [&str; 6] = [
    "GET /sign-in",
    "GET /connect?fabric=dev",
    "GET /connect/status?fabric=dev",
    "POST /sign-out",
    "GET /api/databricks/oauthredirect?code=c&state=s",
    "GET /metadata/oauthCallback?code=c&state=s",
];

/// A service that believes a proxy on this machine.
async fn with_a_proxy() -> ServiceWorld {
    let settings =
        ServiceSettings { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..ServiceSettings::default() };
    ServiceWorld::of(Setup::default(), settings).await
}

/// A name that an attacker owns can be made to lead to this machine: the browser then takes it for the attacker's page.
#[tokio::test]
async fn the_console_answers_under_its_own_name_only() {
    let service = ServiceWorld::new().await;
    let port = service.address.port();
    let own = host_line(&service);
    for target in CONSOLE {
        for host in [
            "Host: evil.example".to_owned(),
            format!("Host: evil.example:{port}"),
            format!("Host: localhost.evil.example:{port}"),
            format!("Host: 127.0.0.1:{port}"),
            format!("Host: [::1]:{port}"),
            "Host: localhost".to_owned(),
            format!("Host: localhost:{port}@evil.example"),
            "Host:".to_owned(),
        ] {
            let answer = request(&service, target, &[&host]).await;
            // What cannot be a host is refused before anybody asks whose it is.
            assert!(matches!(status(&answer), Some(400 | 421)), "{target} with {host:?}: {answer}");
            assert!(!answer.to_ascii_lowercase().contains("location:"), "{target} with {host:?}: {answer}");
        }
        let answer = request(&service, target, &[&own]).await;
        assert!(!matches!(status(&answer), None | Some(400 | 421)), "{target}: {answer}");
    }
    service.end().await;
}

#[tokio::test]
async fn two_hosts_or_none_are_no_host() {
    let service = ServiceWorld::new().await;
    let own = host_line(&service);
    let own = own.as_str();
    for target in CONSOLE {
        for lines in [&[][..], &[own, own], &[own, "Host: evil.example"], &["Host: evil.example", own]] {
            let answer = request(&service, target, lines).await;
            assert!(matches!(status(&answer), Some(400 | 421)), "{target} with {lines:?}: {answer}");
        }
    }
    service.end().await;
}

/// What an answer leads to must not come from what the request names.
#[tokio::test]
async fn a_target_with_a_host_in_it_leads_nowhere_else() {
    let service = ServiceWorld::new().await;
    let own = host_line(&service);
    for target in
        ["GET http://evil.example/connect?fabric=dev", "GET https://evil.example:443/sign-in", "GET //evil.example/"]
    {
        let answer = request(&service, target, &[&own]).await;
        let location =
            answer.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("location: ").map(str::to_owned));
        assert!(location.is_none_or(|location| location.starts_with("/sign-in?next=%2f")), "{target}: {answer}");
        assert!(!answer.contains("href=\"http://evil.example"), "{target}: {answer}");
    }
    let asterisk = request(&service, "OPTIONS *", &[&own]).await;
    assert!(matches!(status(&asterisk), Some(400..=499)), "{asterisk}");
    let tunnel = request(&service, "CONNECT evil.example:443", &[&own]).await;
    assert!(matches!(status(&tunnel), Some(400..=499)), "{tunnel}");
    service.end().await;
}

#[tokio::test]
async fn what_a_client_says_of_itself_changes_nothing() {
    let service = ServiceWorld::new().await;
    let client = HttpClient::new(&service.base_url);
    for (name, value) in [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
        ("x-real-ip", "203.0.113.9"),
        ("x-original-url", "/admin/keys"),
        ("x-rewrite-url", "/admin/keys"),
        ("x-http-method-override", "POST"),
    ] {
        let answer = client.with_header(name, value).get("/sign-in").await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        assert!(!answer.text().contains("evil.example"), "{name}: {answer:?}");
    }
    service.end().await;
}

/// Else whoever guesses would have as many attempts as there are addresses.
#[tokio::test]
async fn a_client_that_claims_other_addresses_has_no_more_attempts() {
    let service = ServiceWorld::new().await;
    let client = HttpClient::new(&service.base_url).with_header("authorization", "Bearer wrong");
    let mut refused = 0;
    for number in 0..40 {
        let claimed = client.with_header("x-forwarded-for", &format!("203.0.113.{number}"));
        refused += u32::from(claimed.get("/metrics").await.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 15, "{refused} of 40 were refused");
    service.end().await;
}

#[tokio::test]
async fn each_client_of_a_named_proxy_has_its_own_attempts() {
    let service = with_a_proxy().await;
    let client = HttpClient::new(&service.base_url).with_header("authorization", "Bearer wrong");
    for number in 0..40 {
        let forwarded = client.with_header("x-forwarded-for", &format!("10.0.0.1, 203.0.113.{number}"));
        assert_eq!(forwarded.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    }
    let mut statuses = Vec::new();
    for number in 0..40 {
        // What the client wrote, and behind it what the proxy has added.
        let claims = client.with_header("x-forwarded-for", &format!("203.0.113.{number}"));
        statuses.push(claims.with_header("x-forwarded-for", "198.51.100.7").get("/metrics").await.status);
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    service.end().await;
}

#[tokio::test]
async fn what_came_to_a_named_proxy_by_plain_http_is_refused_whoever_sends_it() {
    let service = with_a_proxy().await;
    let api_token = service.api_token(&alice()).await;
    let browser = Browser::new(&service);
    browser.sign_in(&api_token).await;
    let token = HttpClient::new(&service.base_url).with_token(&api_token);
    let overheard: [(&str, &[(&str, &str)]); 3] = [
        ("http", &[("x-forwarded-proto", "http")]),
        ("two words", &[("x-forwarded-proto", "https, http")]),
        ("two lines", &[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")]),
    ];
    for (told, headers) in overheard {
        let client = headers.iter().fold(token.clone(), |client, (name, value)| client.with_header(name, value));
        let answer = client.get("/metrics").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{told}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("revoke that token"), "{answer:?}");
        let answer = browser.send(Method::GET, &format!("/connect?{}", encoded(&[("fabric", DEV)])), headers, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{told}");
        assert_eq!(client.get("/healthz").await.status, StatusCode::OK);
    }
    assert_eq!(token.with_header("x-forwarded-proto", "https").get("/metrics").await.status, StatusCode::OK);
    service.end().await;
}
