//! What a request says about who sends it, where it comes from and what it really is goes no further.

use fabric_auth_tests::alice;

use super::support::{ALICES, Edge, echoed};

/// Names under which proxies have taken an identity, an address or another request from outside.
const NAMES: [&str; 33] = [
    "prophecy-ticket",
    "prophecy-fabric-x",
    "cookie",
    "forwarded",
    "proxy-authorization",
    "via",
    "x-databricks-azure-sp-management-token",
    "x-databricks-azure-workspace-resource-id",
    "x-databricks-org-id",
    "x-databricks-workspace-id",
    "x-forwarded",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-for",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-preferred-username",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "sec-fetch-site",
];

/// As it is, with underscores, with one underscore, in capitals, and in capitals as CGI spells it.
fn variants(name: &str) -> Vec<String> {
    let underscored = name.replace('-', "_");
    let mixed = name.replacen('-', "_", 1);
    vec![name.to_owned(), underscored.clone(), mixed, name.to_uppercase(), underscored.to_uppercase()]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_an_identity_header_arrives() {
    let edge = Edge::new().await;
    for name in NAMES {
        for variant in variants(name) {
            let head = format!(
                "GET /echo HTTP/1.1\r\nHost: x\r\n{}\r\n{variant}: forged-value\r\nConnection: close\r\n\r\n",
                edge.authorization()
            );
            let answer = edge.exchange(head.as_bytes()).await.to_lowercase();
            assert!(answer.starts_with("http/1.1 200"), "{variant}: {answer}");
            assert!(!answer.contains("forged-value"), "{variant}: {answer}");
            assert!(answer.contains(&format!("authorization: bearer {ALICES}")), "{variant}: {answer}");
        }
    }
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_gateway_adds_can_be_named_as_of_the_connection() {
    let edge = Edge::new().await;
    for named in [
        "authorization",
        "Authorization, close",
        "prophecy-ticket",
        "Prophecy-Ticket",
        "content-length",
        "host",
        "x-databricks-workspace-id",
        "connection",
        "prophecy-fabric",
    ] {
        let head = echoed(&edge.alice().with_header("connection", named).get("/echo").await);
        assert!(head.contains(&format!("\r\nauthorization: bearer {ALICES}\r\n")), "{named}: {head}");
        assert_eq!(head.matches("authorization").count(), 1, "{named}: {head}");
    }
    let hop =
        edge.alice().with_header("connection", "x-hop, X-Other").with_header("x-hop", "1").with_header("x-other", "1");
    let head = echoed(&hop.with_header("x-end-to-end", "1").get("/echo").await);
    assert!(!head.contains("x-hop") && !head.contains("x-other") && head.contains("x-end-to-end"), "{head}");
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_come_once_and_comes_twice_is_refused() {
    let edge = Edge::new().await;
    let authorization = edge.authorization();
    for (lines, statuses) in [
        (format!("Host: x\r\n{authorization}\r\n{authorization}"), 401..402),
        (format!("Host: x\r\n{authorization}\r\nauthorization: Bearer dapiforged"), 401..402),
        (format!("Host: x\r\nAuthorization: Bearer dapiforged\r\n{authorization}"), 401..402),
        (format!("Host: raw.gateway.test\r\nHost: dev.gateway.test\r\n{authorization}"), 400..401),
        (format!("Host: dev.gateway.test\r\nHost: dev.gateway.test\r\n{authorization}"), 400..401),
    ] {
        let request = format!("GET /echo HTTP/1.1\r\n{lines}\r\nConnection: close\r\n\r\n");
        let answer = edge.exchange(request.as_bytes()).await;
        let status = crate::raw::status(&answer).unwrap();
        assert!(statuses.contains(&status), "{lines}: {answer}");
    }
    assert_eq!(edge.upstream.count("/echo"), 0);
    edge.end().await;
}

/// The host that the workspace is asked for is the fabric's, and so is the connection.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_reaches_another_host() {
    let edge = Edge::new().await;
    edge.service.world.sign_in(&alice()).await;
    let authorization = edge.authorization();
    let own = edge.upstream.url.strip_prefix("http://").unwrap();
    for (target, host) in [
        ("http://evil.example/echo", "evil.example"),
        ("http://127.0.0.1:1/echo", "127.0.0.1:1"),
        ("https://evil.example/echo", "evil.example"),
        ("/echo", "evil.example"),
        ("/echo", "169.254.169.254"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\nConnection: close\r\n\r\n");
        let answer = edge.exchange(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{target}: {answer}");
        assert!(answer.contains(&format!("host: {own}\\r\\n")) && !answer.contains("evil"), "{target}: {answer}");
    }
    for (target, host) in
        [("http://evil.example/echo", "raw.gateway.test"), ("http://dev.gateway.test/", "raw.gateway.test")]
    {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\nConnection: close\r\n\r\n");
        let answer = edge.exchange(request.as_bytes()).await;
        assert_eq!(crate::raw::status(&answer), Some(400), "{target}: {answer}");
    }
    edge.end().await;
}
