//! What can be done with a token is what Databricks grants its identity, no more and no less.

use bytes::Bytes;
use fabric_auth::contract::databricks_oauth::{Rejection, RejectionVerdict};
use fabric_auth::contract::{Activity, Error, IdentityKind, TokenReference};
use fabric_auth_tests::{DEV, World, alice, bob, workload_for_admin};
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use simulated_workspace::Cluster;

use crate::support::signed_in;

const ALICE: &str = "alice@example.com";
const WAREHOUSE: &str = "a1b2c3d4e5f60718";

/// A call to the workspace, as a runtime makes it with a token that it was given.
async fn call(world: &World, token: &str, path: &str, body: Option<Value>) -> (u16, Vec<u8>) {
    let request = Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(format!("{}{path}", world.workspace.url()))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.map(|body| body.to_string()).unwrap_or_default())))
        .unwrap();
    let reply = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    (reply.status().as_u16(), reply.into_body().collect().await.unwrap().to_bytes().to_vec())
}

/// A statement on a warehouse.
async fn statement(world: &World, token: &str, statement: &str) -> Value {
    let body = json!({ "warehouse_id": WAREHOUSE, "statement": statement });
    let (status, body) = call(world, token, "/api/2.0/sql/statements", Some(body)).await;
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

async fn orders(world: &World, token: &str) -> Value {
    statement(world, token, "SELECT * FROM main.sales.orders").await
}

/// PB-003, PB-005, PB-033, PB-125.
#[tokio::test]
async fn each_person_sees_on_a_warehouse_what_they_are_granted_and_no_longer_once_it_is_revoked() {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    let (alices, bobs) = (world.token(&alice()).await.unwrap().0, world.token(&bob()).await.unwrap().0);
    for (token, user, rows) in [(&alices, ALICE, 5), (&bobs, "bob@example.com", 2)] {
        let who = statement(&world, token, "SELECT current_user()").await;
        assert_eq!(who["result"]["data_array"], json!([[user]]));
        assert_eq!(orders(&world, token).await["manifest"]["total_row_count"], rows, "{user}");
    }
    world.workspace.revoke_table(ALICE);
    let refused = orders(&world, &alices).await;
    assert_eq!(refused["status"]["error"]["error_code"], "PERMISSION_DENIED", "{refused}");
    assert_eq!(orders(&world, &bobs).await["manifest"]["total_row_count"], 2);
}

/// PB-004: the cluster API knows whose call it was.
#[tokio::test]
async fn a_call_to_a_cluster_is_the_persons_own() {
    let world = signed_in().await;
    let (token, _) = world.token(&alice()).await.unwrap();
    let (status, body) = call(&world, &token, "/api/2.1/clusters/list", None).await;
    let clusters: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &clusters["clusters"][0]["cluster_name"]), (200, &"shared".into()));
    assert_eq!(world.books().calls_by(ALICE, "/api/2.1/clusters/list"), 1);
}

/// Reports what Databricks answered to a deployment.
async fn report(world: &World, token: &TokenReference, answer: (u16, Vec<u8>)) -> Result<RejectionVerdict, Error> {
    let rejection = Rejection { status: answer.0, body: answer.1, location: None };
    world.host.report_rejection(&workload_for_admin(), DEV, Activity::ProjectDeployment, token, rejection).await
}

/// PB-055, PB-126, PB-150: a deployment whose call was refused is told the reason, and a new token is no way around it.
#[tokio::test]
async fn what_the_service_principal_may_not_do_fails_the_deployment_with_databricks_reason() {
    let world = World::new().await;
    let permitted = Some(vec![ALICE.to_owned()]);
    world.workspace.put_cluster(Cluster { permitted, ..Cluster::new("closed", "closed") });
    let deployment = async || world.token_for(&workload_for_admin(), Activity::ProjectDeployment).await.unwrap();
    let (token, description) = deployment().await;
    assert_eq!(description.identity, IdentityKind::ServicePrincipal);
    let answer = call(&world, &token, "/api/2.1/clusters/get?cluster_id=closed", None).await;
    assert_eq!(answer.0, 403);
    let refused = report(&world, &description.reference, answer).await.unwrap_err();
    assert!(matches!(&refused, Error::PermissionDenied(peer) if peer.code == "PERMISSION_DENIED"), "{refused:?}");
    assert!(refused.message().contains("does not have Attach permission on cluster closed"), "{refused}");
    assert_eq!((deployment().await.0, world.client_credentials()), (token, 1));
}

/// PB-150: nor is a refusal of the token itself taken for a success.
#[tokio::test]
async fn a_deployment_whose_token_is_refused_is_told_to_repeat_its_call_with_another() {
    let world = World::new().await;
    let deployment = async || world.token_for(&workload_for_admin(), Activity::ProjectDeployment).await.unwrap();
    let (token, description) = deployment().await;
    assert!(world.workspace.revoke_access_token(&token));
    let answer = call(&world, &token, "/api/2.1/clusters/list", None).await;
    assert_eq!(answer.0, 403);
    assert_eq!(report(&world, &description.reference, answer).await, Ok(RejectionVerdict::TokenRejected));
    let (next, _) = deployment().await;
    assert_eq!(call(&world, &next, "/api/2.1/clusters/list", None).await.0, 200);
}
