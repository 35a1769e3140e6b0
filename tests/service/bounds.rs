//! How large requests may be.

use fabric_auth_tests::{ServiceWorld, alice};
use http::StatusCode;

use crate::browser::Browser;
use crate::raw::{exchange, host_line, request, status};

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let service = ServiceWorld::bare().await;
    let own = host_line(&service);
    let one_header = format!("X: {}", "x".repeat(64 * 1024));
    let cookie = format!("Cookie: a={}", "x".repeat(64 * 1024));
    let many: Vec<String> = (0..500).map(|number| format!("X-{number}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for lines in [&[own.as_str(), &one_header][..], &[&own, &cookie], &[&[own.as_str()], many.as_slice()].concat()] {
        let answer = request(&service, "GET /sign-in", lines).await;
        assert!(answer.is_empty() || status(&answer) == Some(431), "{answer}");
    }
    let long = request(&service, &format!("GET /{}", "x".repeat(64 * 1024)), &[&own]).await;
    assert!(long.is_empty() || matches!(status(&long), Some(414 | 431)), "{long}");
    assert_eq!(status(&request(&service, "GET /sign-in", &[&own]).await), Some(200));
    service.end().await;
}

#[tokio::test]
async fn a_head_within_what_browsers_send_is_taken() {
    let service = ServiceWorld::bare().await;
    let own = host_line(&service);
    let cookie = format!("Cookie: other={}", "x".repeat(8 * 1024));
    let target = format!("GET /sign-in?next=/{}", "x".repeat(8 * 1024));
    assert_eq!(status(&request(&service, &target, &[&own, &cookie]).await), Some(200));
    service.end().await;
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused_before_it_is_sent_whole() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    let huge = "x".repeat(64 * 1024);
    for path in ["/sign-in", "/sign-out", "/connect"] {
        let answer = browser.submit(path, &[("api_token", &huge), ("form_token", &huge)]).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}: {answer:?}");
    }
    // Of a gigabyte that is announced, no more is waited for than shows that it is too large.
    let begun = format!(
        "POST /sign-in HTTP/1.1\r\n{}\r\nOrigin: {}\r\nContent-Length: 1000000000\r\nConnection: close\r\n\r\n{huge}x",
        host_line(&service),
        service.base_url,
    );
    let answer = exchange(&service, begun.as_bytes()).await;
    assert_eq!(status(&answer), Some(413), "{answer}");
    assert!(browser.is_signed_in().await);
    service.end().await;
}

/// Each could make a proxy in front and the service see different requests in the same bytes (RFC 9112 section 11.2).
#[tokio::test]
async fn a_request_whose_length_can_be_read_in_two_ways_is_not_answered_twice() {
    let service = ServiceWorld::bare().await;
    let own = host_line(&service);
    let smuggled = format!("GET /healthz HTTP/1.1\r\n{own}\r\n\r\n");
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: +4",
        "Content-Length: 4, 4, 5",
        "Transfer-Encoding: identity, chunked, identity",
        "Transfer-Encoding : chunked",
        " Content-Length: 4",
    ] {
        let head = format!("POST /sign-in HTTP/1.1\r\n{own}\r\nConnection: close\r\n{lengths}\r\n\r\n");
        let answer = exchange(&service, format!("{head}0\r\n\r\n{smuggled}").as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lengths}: {answer}");
        assert!(matches!(status(&answer), Some(400..=499)), "{lengths}: {answer}");
    }
    service.end().await;
}
