//! Clients that take their time on purpose: each is let go in time, and nobody else waits for them.
//!
//! One test, since it mostly waits.

use std::time::{Duration, Instant};

use fabric_auth_tests::{HttpClient, ServiceWorld};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::raw::{connect, host_line, read_to_end, status};

/// How long the service waits for the head of a request, for the next piece of a body, and for somebody to fetch an
/// answer.
const HEAD: Duration = Duration::from_secs(30);
const BODY: Duration = Duration::from_secs(15);
const FETCH: Duration = Duration::from_secs(30);

/// What is added for a busy machine.
const SLACK: Duration = Duration::from_secs(10);

/// How many connections hold on without a word.
const SILENT: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_let_go_in_time_and_nobody_waits_for_them() {
    let service = ServiceWorld::bare().await;
    let began = Instant::now();
    tokio::join!(
        silent_connections(&service),
        a_head_that_never_ends(&service),
        a_head_that_trickles(&service),
        a_connection_that_asked_once(&service),
        a_body_that_stops(&service),
        a_client_that_reads_nothing(&service),
        others(&service, began),
    );
    service.end().await;
}

/// Holds the time that something took to what it may take.
#[track_caller]
fn assert_within(what: &str, began: Instant, bound: Duration) {
    let took = began.elapsed();
    assert!(took >= bound.saturating_sub(SLACK) && took <= bound + SLACK, "{what} took {took:?}");
}

async fn silent_connections(service: &ServiceWorld) {
    let mut open = Vec::new();
    for _ in 0..SILENT {
        open.push(connect(service).await);
    }
    let began = Instant::now();
    for stream in &mut open {
        assert_eq!(status(&read_to_end(stream).await), None);
    }
    assert_within("a connection without a request", began, HEAD);
}

async fn a_head_that_never_ends(service: &ServiceWorld) {
    let mut stream = connect(service).await;
    let head = format!("GET /sign-in HTTP/1.1\r\n{}\r\nX: ", host_line(service));
    stream.write_all(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    assert!(!matches!(status(&read_to_end(&mut stream).await), Some(200)));
    assert_within("a head that never ends", began, HEAD);
}

async fn a_head_that_trickles(service: &ServiceWorld) {
    let mut stream = connect(service).await;
    let began = Instant::now();
    let _ = stream.write_all(b"GET /sign-in HTTP/1.1\r\nX: ").await;
    while began.elapsed() < HEAD + SLACK {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if stream.write_all(b"x").await.is_err() {
            break;
        }
    }
    assert_within("a head that trickles", began, HEAD);
}

async fn a_connection_that_asked_once(service: &ServiceWorld) {
    let mut stream = connect(service).await;
    let request = format!("GET /healthz HTTP/1.1\r\n{}\r\n\r\n", host_line(service));
    stream.write_all(request.as_bytes()).await.unwrap();
    let began = Instant::now();
    assert_eq!(status(&read_to_end(&mut stream).await), Some(200));
    assert_within("a connection that is kept alive", began, HEAD);
}

async fn a_body_that_stops(service: &ServiceWorld) {
    let mut stream = connect(service).await;
    let head = format!(
        "POST /sign-in HTTP/1.1\r\n{}\r\nOrigin: {}\r\nContent-Length: 1000\r\nConnection: close\r\n\r\napi_token=",
        host_line(service),
        service.base_url,
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(status(&answer), Some(408), "{answer}");
    assert_within("a body that stops", began, BODY);
}

/// It asks for more than fits between it and the service, and never looks at what comes. That the service has let go of
/// it shows in that nothing more can be sent.
async fn a_client_that_reads_nothing(service: &ServiceWorld) {
    let mut stream = connect(service).await;
    let request = format!("GET /assets/console.css HTTP/1.1\r\n{}\r\n\r\n", host_line(service));
    let mut went_on = Instant::now();
    loop {
        match timeout(FETCH + SLACK, stream.write_all(request.as_bytes())).await.expect("an end of the connection") {
            Ok(()) => went_on = Instant::now(),
            Err(_) => break,
        }
    }
    assert_within("a client that reads nothing", went_on, FETCH);
}

async fn others(service: &ServiceWorld, began: Instant) {
    let client = HttpClient::new(&service.base_url);
    while began.elapsed() < HEAD {
        let asked = Instant::now();
        assert_eq!(client.get("/readyz").await.status, 200);
        assert_eq!(client.get("/sign-in").await.status, 200);
        assert!(asked.elapsed() < Duration::from_secs(5), "others waited {:?}", asked.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
