//! The OpenAPI document that the service gives.

use fabric_auth_tests::{HttpClient, ServiceWorld, cluster_admin};
use http::Method;

use super::support::{client_of, problem};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_for_everybody_and_tells_nothing_of_the_deployment() {
    let service = ServiceWorld::new().await;
    let answer = HttpClient::new(&service.base_url).get("/api/v1/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["api_token"]["scheme"], "bearer");
    for deployments in [service.base_url.as_str(), "localhost", "127.0.0.1", "acme", service.world.workspace.url()] {
        assert!(!answer.text().contains(deployments), "{deployments}");
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_routed_and_no_other_method() {
    let service = ServiceWorld::new().await;
    let document = HttpClient::new(&service.base_url).get("/api/v1/openapi.json").await.json();
    let admin = client_of(&service, &cluster_admin()).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{fabric}", "dev").replace("{name}", "main");
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            let answer = admin.send(method.clone(), &path).await;
            let documented = item.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(answer.status == 405, !documented, "{method} {path}: {}", answer.text());
            if !documented {
                problem(&answer);
                assert!(!answer.header("allow").is_empty(), "{method} {path}");
            }
        }
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_detail_too() {
    let service = ServiceWorld::bare().await;
    let admin = client_of(&service, &cluster_admin()).await;
    for path in ["/api/v1", "/api/v1/", "/api/v2/fabrics", "/api/v1/fabrics/dev/tokens", "/api/v1/fabrics/"] {
        assert_eq!(problem(&admin.get(path).await).0, 404, "{path}");
    }
    service.end().await;
}
