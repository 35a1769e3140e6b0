//! The end of the service: what has begun is completed, and nothing new begins.

use std::sync::Arc;
use std::time::Duration;

use fabric_auth_tests::{HOUR, ServiceWorld, alice, eventually};
use simulated_workspace::{Endpoint, Fault};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::raw::{connect, host_line, read_to_end, status};

/// A form whose last byte has not been sent yet.
async fn half_a_form(service: &ServiceWorld) -> TcpStream {
    let mut stream = connect(service).await;
    let head = format!(
        "POST /sign-in HTTP/1.1\r\n{}\r\nOrigin: {}\r\nContent-Length: 11\r\n\r\napi_token=",
        host_line(service),
        service.base_url,
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // An answer on another connection shows that the service has had time to see it.
    assert_eq!(status(&crate::raw::request(service, "GET /healthz", &[&host_line(service)]).await), Some(200));
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_begun_is_answered_and_no_new_one_is_taken() {
    let service = ServiceWorld::new().await;
    let address = service.address;
    let mut begun = half_a_form(&service).await;
    let mut idle = connect(&service).await;
    let ending = tokio::spawn(service.end());
    eventually("no connection is taken", async || TcpStream::connect(address).await.is_err()).await;
    assert_eq!(read_to_end(&mut idle).await, "", "a connection on which nothing was asked is closed");
    assert!(!ending.is_finished());
    begun.write_all(b"x").await.unwrap();
    let answer = read_to_end(&mut begun).await;
    assert_eq!(status(&answer), Some(403), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    ending.await.unwrap();
}

/// A refresh token that was sent and whose successor is not stored would end somebody's session.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_under_way_is_completed() {
    let service = ServiceWorld::new().await;
    service.world.sign_in(&alice()).await;
    service.world.advance(HOUR);
    service.world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_secs(2)));
    let (host, refreshes) = (service.world.host.clone(), service.world.refreshes());
    let books = Arc::new(service.world.workspace.books());
    assert_eq!(books.reuses(), 0);
    // Who asked leaves: the renewal belongs to nobody.
    let asking = tokio::spawn(async move { host.sign_in_status(&alice(), fabric_auth_tests::DEV).await });
    asking.await.unwrap().unwrap();
    let host = service.world.host.clone();
    let activity = fabric_auth::contract::Activity::OnDemandRun;
    let asking = tokio::spawn(async move { host.access_token(&alice(), fabric_auth_tests::DEV, activity).await });
    eventually("a refresh request has arrived", async || service.world.refreshes() > refreshes).await;
    let next = service.world.another_host().await;
    asking.abort();
    service.end().await;
    let (_, description) = next.access_token(&alice(), fabric_auth_tests::DEV, activity).await.expect("a token");
    assert_eq!(description.databricks_user, "alice@example.com");
    next.finish().await;
}
