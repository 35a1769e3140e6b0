//! Requests that must not be sent twice: a connection of their own, written once or not at all, and never late.

use super::*;

#[tokio::test]
async fn each_request_that_spends_something_gets_a_new_connection() {
    let server = Server::answering(Some(OK)).await;
    let client = client(&settings());
    // One connection in the pool, ready to be misused.
    body(client.send(get(&server.url("/")), ORDINARY).await.unwrap()).await.unwrap();
    for _ in 0..2 {
        let response = client.send(post(&server.url("/token?a=b"), "grant"), SPENDING).await.unwrap();
        assert_eq!(body(response).await.unwrap(), "ok");
    }
    assert_eq!(server.connections(), 3);
    let last = server.requests().pop().unwrap();
    assert!(last.starts_with("POST /token?a=b HTTP/1.1\r\n"), "{last}");
}

/// A client whose clock the test moves, with a request that is under way and waits for its connection.
async fn late_connection(jump: Duration) -> (Result<Response<ResponseBody>, SendError>, usize) {
    let server = Server::answering(Some(OK)).await;
    let clock = MovableClock::new();
    let client = HttpClient::new(&settings(), Arc::new(clock.clone())).unwrap();
    let sending = client.send(post(&server.url("/token"), "grant"), SPENDING);
    // The machine sleeps between `send` and the moment the connection is ready.
    clock.advance(jump);
    let answer = sending.await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    (answer, server.requests().len())
}

#[tokio::test]
async fn a_connection_that_is_ready_in_time_carries_the_request() {
    let (answer, requests) = late_connection(Duration::from_secs(2)).await;
    assert!(answer.is_ok());
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_connection_that_is_ready_late_carries_nothing() {
    let (answer, requests) = late_connection(Duration::from_millis(5_001)).await;
    let error = answer.unwrap_err();
    assert_eq!(error, SendError::ConnectionTimeout);
    assert!(error.proves_unsent());
    assert_eq!(requests, 0);
}

/// Moves its clock while the request's head is being put together: after the connection was ready, before the first
/// byte is written.
struct BodyThatTakesTime(MovableClock, Option<Bytes>);

impl http_body::Body for BodyThatTakesTime {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        self.0.advance(Duration::from_secs(60));
        std::task::Poll::Ready(self.1.take().map(|bytes| Ok(http_body::Frame::data(bytes))))
    }
}

#[tokio::test]
async fn the_clock_is_read_at_the_first_byte_and_not_when_the_connection_is_ready() {
    let server = Server::answering(Some(OK)).await;
    let clock = MovableClock::new();
    let settings = EgressSettings { total_timeout: Duration::from_secs(600), ..settings() };
    let client = HttpClient::new(&settings, Arc::new(clock.clone()));
    let request = Request::post(server.url("/token")).body(BodyThatTakesTime(clock, Some(Bytes::from("grant"))));
    let error = client.unwrap().send(request.unwrap(), SPENDING).await.unwrap_err();
    assert_eq!(error, SendError::ConnectionTimeout);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_request_is_written_once_when_the_server_closes_instead_of_answering() {
    let server = Server::answering(None).await;
    let error = client(&settings()).send(post(&server.url("/token"), "grant"), SPENDING).await.unwrap_err();
    assert!(!error.proves_unsent(), "{error:?}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((server.requests().len(), server.connections()), (1, 1));
}

#[tokio::test]
async fn a_server_that_stays_silent_leaves_the_outcome_unknown() {
    let (listener, url) = listen().await;
    let options = SendOptions { first_byte_timeout: Some(Duration::from_millis(50)), ..SPENDING };
    let client = client(&settings());
    let (error, _) = tokio::join!(client.send(post(&url, "grant"), options), listener.accept());
    let error = error.unwrap_err();
    assert_eq!(error, SendError::ConnectionReadTimeout);
    assert!(!error.proves_unsent());
}

#[tokio::test]
async fn a_request_that_is_dropped_closes_its_connection() {
    let (listener, url) = listen().await;
    let client = client(&settings());
    let accept = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream
    };
    let sending = client.send(post(&url, "grant"), SPENDING);
    let mut stream = tokio::select! {
        answer = sending => panic!("{answer:?}"),
        stream = accept => stream,
    };
    let end = tokio::time::timeout(Duration::from_secs(5), read_request(&mut stream)).await;
    assert_eq!(end, Ok(None));
}
