//! Replies that are too large, too slow, cut off or no HTTP.

use super::*;

async fn answer_to_each_kind(reply: &'static str, settings: &EgressSettings) -> Vec<Result<Bytes, SendError>> {
    let mut answers = Vec::new();
    for options in [ORDINARY, SPENDING] {
        let server = Server::answering(Some(reply)).await;
        let answer = match client(settings).send(get(&server.url("/")), options).await {
            Ok(response) => body(response).await,
            Err(error) => Err(error),
        };
        answers.push(answer);
    }
    answers
}

async fn assert_fails(reply: String, expected: SendError) {
    for answer in answer_to_each_kind(reply.leak(), &settings()).await {
        assert_eq!(answer, Err(expected.clone()));
    }
    assert!(!expected.proves_unsent());
}

#[tokio::test]
async fn a_body_of_exactly_the_greatest_size_is_passed_on() {
    let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n{}", "x".repeat(1024));
    for answer in answer_to_each_kind(reply.leak(), &settings()).await {
        assert_eq!(answer.unwrap().len(), 1024);
    }
}

#[tokio::test]
async fn a_body_that_is_one_byte_too_large_is_cut_off() {
    let reply = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1025));
    assert_fails(reply, SendError::HttpResponseBodySize(1024)).await;
}

#[tokio::test]
async fn a_body_that_ends_before_its_length_is_incomplete() {
    assert_fails("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".into(), SendError::HttpResponseIncomplete).await;
}

#[tokio::test]
async fn a_head_that_ends_in_the_middle_is_incomplete() {
    assert_fails("HTTP/1.1 200 OK\r\nContent-Le".into(), SendError::HttpResponseIncomplete).await;
}

#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let reply = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert_fails(reply, SendError::HttpResponseHeaderSectionSize).await;
}

#[tokio::test]
async fn a_header_that_is_too_large_is_refused() {
    let reply = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(64 * 1024));
    assert_fails(reply, SendError::HttpResponseHeaderSectionSize).await;
}

#[tokio::test]
async fn what_is_not_http_is_told_so() {
    assert_fails("SSH-2.0-OpenSSH_9.6\r\n\r\n".into(), SendError::HttpProtocolError).await;
}

/// A server that sends a head, then one byte of the body every 20 ms without end.
async fn trickle(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    read_request(&mut stream).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off_at_the_total_deadline() {
    for options in [ORDINARY, SPENDING] {
        let (listener, url) = listen().await;
        tokio::spawn(trickle(listener));
        let settings = EgressSettings { total_timeout: Duration::from_millis(300), ..settings() };
        let response = client(&settings).send(get(&url), options).await.unwrap();
        assert_eq!(body(response).await, Err(SendError::HttpResponseTimeout));
    }
}

#[tokio::test]
async fn a_body_that_falls_silent_is_cut_off_after_the_time_between_bytes() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
        stream
    });
    let options = SendOptions { between_bytes_timeout: Some(Duration::from_millis(50)), ..ORDINARY };
    let response = client(&settings()).send(get(&url), options).await.unwrap();
    assert_eq!(body(response).await, Err(SendError::ConnectionReadTimeout));
    drop(server.await);
}

#[tokio::test]
async fn a_head_that_does_not_come_is_given_up_at_the_total_deadline() {
    let (listener, url) = listen().await;
    let settings = EgressSettings { total_timeout: Duration::from_millis(100), ..settings() };
    let client = client(&settings);
    let (answer, _connection) = tokio::join!(client.send(get(&url), ORDINARY), listener.accept());
    assert_eq!(answer.unwrap_err(), SendError::HttpResponseTimeout);
}

#[tokio::test]
async fn a_body_is_at_its_end_after_an_error() {
    let server = Server::answering(Some("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")).await;
    let mut reply = client(&settings()).send(get(&server.url("/")), SPENDING).await.unwrap().into_body();
    while let Some(Ok(_)) = reply.frame().await {}
    assert!(reply.frame().await.is_none());
    assert!(http_body::Body::is_end_stream(&reply));
}
