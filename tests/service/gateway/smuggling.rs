//! Bytes in which two readers could see two different requests: refused, or sent on as the one request that they are.

use super::support::Edge;
use crate::raw::status;

/// What would be a request of its own for somebody who reads the framing otherwise.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends a request with Alice's token, whose other lines and body are these.
async fn sent(edge: &Edge, request_line: &str, lines: &str, body: &str) -> String {
    let head = format!("{request_line}\r\nHost: x\r\n{}\r\nConnection: close\r\n{lines}\r\n", edge.authorization());
    edge.exchange(format!("{head}{body}").as_bytes()).await
}

async fn assert_refused(edge: &Edge, request_line: &str, lines: &str, body: &str) {
    let before = edge.upstream.heads().len();
    let answer = sent(edge, request_line, lines, body).await;
    let refused = status(&answer).is_none_or(|status| (400..500).contains(&status) || status == 501);
    assert!(refused, "{request_line} {lines:?}: {answer}");
    assert_eq!(edge.upstream.heads().len(), before, "{request_line} {lines:?}: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_two_framings_is_refused() {
    let edge = Edge::new().await;
    let body = format!("0\r\n\r\n{SMUGGLED}");
    for lines in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -4\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: 4 4\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "X: y\r\n\tTransfer-Encoding: chunked\r\n",
        "Content-Length : 4\r\n",
    ] {
        assert_refused(&edge, "POST /upload HTTP/1.1", lines, &body).await;
    }
    edge.end().await;
}

/// RFC 9112 section 6.3: the transfer coding counts, and the length does not go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_a_transfer_coding_does_not_arrive() {
    let edge = Edge::new().await;
    let smuggling = format!("0\r\n\r\n{SMUGGLED}");
    for lines in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", smuggling.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", smuggling.len()),
    ] {
        let answer = sent(&edge, "POST /upload HTTP/1.1", &lines, &smuggling).await;
        assert!(matches!(status(&answer), Some(200 | 400)), "{lines:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lines:?}: {answer}");
    }
    let framed_twice = |head: &&String| head.contains("content-length") && head.contains("transfer-encoding");
    assert_eq!(edge.upstream.heads().iter().find(framed_twice), None);
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_can_be_read_in_two_ways_are_refused() {
    let edge = Edge::new().await;
    for body in [
        "g\r\nabc\r\n0\r\n\r\n",
        "-1\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\rabc\r\n0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
    ] {
        let answer = sent(&edge, "POST /upload HTTP/1.1", "Transfer-Encoding: chunked\r\n", body).await;
        assert!(status(&answer) != Some(200), "{body:?}: {answer}");
    }
    // An extension is dropped, and a body without a length stays without one.
    let answer =
        sent(&edge, "POST /upload HTTP/1.1", "Transfer-Encoding: chunked\r\n", "3;x=y\r\nabc\r\n0\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\n3") || answer.contains("\r\n3\r\n"), "{answer}");
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_can_be_read_in_two_ways_are_refused() {
    let edge = Edge::new().await;
    for (line, lines) in [
        ("GET /echo HTTP/1.1", "X: a\r\n b: c\r\n"),
        ("GET /echo HTTP/1.1", "X: a\rY: b\r\n"),
        ("GET /echo HTTP/1.1", "X\0: a\r\n"),
        ("GET /echo HTTP/1.1", "X: a\0b\r\n"),
        ("GET /echo HTTP/1.1", "X Y: a\r\n"),
        ("GET /echo HTTP/1.1", ": a\r\n"),
        ("GET /echo HTTP/1.1", "no colon\r\n"),
        ("GET  /echo HTTP/1.1", ""),
        ("GET /echo  HTTP/1.1", ""),
        ("GET /echo HTTP/1.2", ""),
        ("GET /echo HTTP/2.0", ""),
        ("GET /echo", ""),
        ("GET /ec\0ho HTTP/1.1", ""),
        ("GET /echo\thidden HTTP/1.1", ""),
        ("GE(T /echo HTTP/1.1", ""),
    ] {
        assert_refused(&edge, line, lines, "").await;
    }
    edge.end().await;
}

/// Lines that end without a carriage return may be read (RFC 9112 section 2.2); then they are lines for the workspace too.
#[tokio::test(flavor = "multi_thread")]
async fn bare_line_feeds_hide_nothing() {
    let edge = Edge::new().await;
    let head =
        format!("GET /echo HTTP/1.1\nHost: x\n{}\nX-Forwarded-User: root\nConnection: close\n\n", edge.authorization());
    let answer = edge.exchange(head.as_bytes()).await;
    assert!(matches!(status(&answer), None | Some(200 | 400)), "{answer}");
    assert!(!answer.to_lowercase().contains("x-forwarded"), "{answer}");
    let hidden = sent(&edge, "GET /echo HTTP/1.1", "X: a\nX-Forwarded-User: root\r\n", "").await;
    assert!(!hidden.to_lowercase().contains("x-forwarded"), "{hidden}");
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_traces_and_the_like_are_refused() {
    let edge = Edge::new().await;
    for line in [
        "CONNECT evil.example:443 HTTP/1.1",
        "CONNECT /echo HTTP/1.1",
        "TRACE /echo HTTP/1.1",
        "TRACK /echo HTTP/1.1",
        "DEBUG /echo HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET * HTTP/1.1",
        "GET echo HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1",
        "GET http:/// HTTP/1.1",
    ] {
        assert_refused(&edge, line, "", "").await;
    }
    edge.end().await;
}

/// Nothing is upgraded: what goes on is a plain request, and what follows it on the connection is not read as anything else.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_upgraded() {
    let edge = Edge::new().await;
    for lines in [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
        "Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n",
    ] {
        let answer = sent(&edge, "GET /echo HTTP/1.1", lines, "").await;
        assert_eq!(status(&answer), Some(200), "{lines:?}: {answer}");
        let lowered = answer.to_lowercase();
        for word in ["upgrade", "http2-settings", "sec-websocket"] {
            assert!(!lowered.contains(word), "{word}: {answer}");
        }
    }
    let switched = sent(&edge, "GET /switch HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", SMUGGLED).await;
    assert!(!switched.contains(" 101 "), "{switched}");
    let prior_knowledge = edge.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(matches!(status(&prior_knowledge), None | Some(400..=499)), "{prior_knowledge}");
    edge.end().await;
}

/// What stands behind a request is a request of its own, and needs a token of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_request_does_not_share_its_identity() {
    let edge = Edge::new().await;
    let first = format!("GET /echo HTTP/1.1\r\nHost: x\r\n{}\r\n\r\n", edge.authorization());
    let second = "GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answers = edge.exchange(format!("{first}{second}").as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 401").count(), 1, "{answers}");
    edge.end().await;
}
