//! Ordinary requests: what leaves, over which connection, and what is never done on one's own account.

use super::super::Refusal;
use super::*;

#[tokio::test]
async fn ordinary_requests_share_a_connection() {
    let server = Server::answering(Some(OK)).await;
    let client = client(&settings());
    for path in ["/1", "/2", "/3"] {
        let response = client.send(get(&server.url(path)), ORDINARY).await.unwrap();
        assert_eq!(body(response).await.unwrap(), "ok");
    }
    assert_eq!((server.requests().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn a_redirect_is_a_reply_like_any_other() {
    let elsewhere = Server::answering(Some(OK)).await;
    let reply = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 2\r\n\r\nno", elsewhere.url("/"));
    let server = Server::answering(Some(reply.leak())).await;
    for options in [ORDINARY, SPENDING] {
        let response = client(&settings()).send(get(&server.url("/")), options).await.unwrap();
        assert_eq!(response.status(), 302);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_request_that_meets_a_closed_connection_is_not_sent_again() {
    let (listener, url) = listen().await;
    let accepted = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        read_request(&mut first).await.unwrap();
        first.write_all(OK.as_bytes()).await.unwrap();
        // The second request is read, and the connection closed instead of an answer.
        read_request(&mut first).await.unwrap();
        drop(first);
        tokio::time::timeout(Duration::from_millis(300), listener.accept()).await.is_ok()
    });
    let client = client(&settings());
    body(client.send(get(&url), ORDINARY).await.unwrap()).await.unwrap();
    let error = client.send(get(&url), ORDINARY).await.unwrap_err();
    assert!(!error.proves_unsent(), "{error:?}");
    assert!(!accepted.await.unwrap(), "the client connected again");
}

/// The one case in which the pool would try again by itself: the connection turns out to be closed before the request
/// was begun. The server's thread closes it while this test's thread does not look; then the request is queued before
/// the connection's task gets to see the end.
#[tokio::test]
async fn a_request_that_the_pool_could_not_begin_is_not_sent_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (close, closing) = std::sync::mpsc::channel::<()>();
    let (closed, seen_closed) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut first, _) = listener.accept().unwrap();
        assert_ne!(first.read(&mut [0; 1024]).unwrap(), 0);
        first.write_all(OK.as_bytes()).unwrap();
        closing.recv().unwrap();
        drop(first);
        closed.send(()).unwrap();
        listener.set_nonblocking(true).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        listener.accept().is_ok()
    });
    let client = client(&settings());
    body(client.send(get(&url), ORDINARY).await.unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    close.send(()).unwrap();
    seen_closed.recv().unwrap();
    tokio::task::yield_now().await;
    assert_eq!(client.send(get(&url), ORDINARY).await.unwrap_err(), SendError::ConnectionTerminated);
    assert!(!server.join().unwrap(), "the client connected again");
}

#[tokio::test]
async fn plain_http_to_loopback_stays_in_unless_it_is_allowed() {
    let server = Server::answering(Some(OK)).await;
    let closed = client(&EgressSettings { allow_loopback_http: false, ..settings() });
    let error = closed.send(get(&server.url("/")), ORDINARY).await.unwrap_err();
    assert_eq!(error, SendError::HttpRequestDenied(Refusal::LoopbackHttpOff));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn https_to_an_address_of_this_machine_stays_in() {
    let server = Server::answering(Some(OK)).await;
    let url = format!("https://{}/", server.address);
    for options in [ORDINARY, SPENDING] {
        let error = client(&settings()).send(get(&url), options).await.unwrap_err();
        assert_eq!(error, SendError::HttpRequestDenied(Refusal::HostName));
        assert!(error.proves_unsent());
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_host_header_that_names_another_host_is_replaced() {
    let server = Server::answering(Some(OK)).await;
    for options in [ORDINARY, SPENDING] {
        let mut request = get(&server.url("/"));
        request.headers_mut().insert("host", "evil.example.com".parse().unwrap());
        client(&settings()).send(request, options).await.unwrap();
    }
    for request in server.requests() {
        assert!(request.to_lowercase().contains(&format!("host: {}\r\n", server.address)), "{request}");
        assert!(!request.contains("evil"), "{request}");
    }
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_was_sent() {
    let (listener, url) = listen().await;
    drop(listener);
    for options in [ORDINARY, SPENDING] {
        let error = client(&settings()).send(get(&url), options).await.unwrap_err();
        assert_eq!(error, SendError::ConnectionRefused);
        assert!(error.proves_unsent());
    }
}

#[tokio::test]
async fn localhost_is_connected_to_by_name() {
    let server = Server::answering(Some(OK)).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let response = client(&settings()).send(get(&url), ORDINARY).await.unwrap();
    assert_eq!(body(response).await.unwrap(), "ok");
}

#[test]
fn a_client_prints_no_more_than_its_policy() {
    let printed = format!("{:?}", client(&settings()));
    assert!(printed.starts_with("HttpClient { policy: EgressPolicy"), "{printed}");
}
