//! The JSON API.

use fabric_auth_tests::{HttpClient, ServiceWorld};

#[tokio::test(flavor = "multi_thread")]
async fn the_service_tells_that_it_runs() {
    let service = ServiceWorld::bare().await;
    let client = HttpClient::new(&service.base_url);
    assert_eq!(client.get("/healthz").await.status, 200);
    service.end().await;
}
