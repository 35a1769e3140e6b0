//! Whose identity a request gets, at which fabric, and for what.

use fabric_auth::contract::Caller;
use fabric_auth_tests::{HttpAnswer, HttpClient, alice, bob, stranger, team_admin, workload};

use super::support::{ALICES, BOBS, Edge, ME, blamed, echoed, problem, settings};

#[track_caller]
fn user_name(answer: &HttpAnswer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["userName"].as_str().unwrap().to_owned()
}

async fn client_of(edge: &Edge, caller: &Caller) -> HttpClient {
    edge.anybody().with_token(&edge.service.api_token(caller).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_act_as_themselves_and_workloads_as_the_service_principal() {
    let edge = Edge::new().await;
    let world = &edge.service.world;
    world.sign_in(&alice()).await;
    let alice = edge.alice().with_header("prophecy-fabric", "dev");
    assert_eq!(user_name(&alice.get(ME).await), "alice@example.com");
    let workload = client_of(&edge, &workload()).await.with_header("prophecy-fabric", "dev");
    assert_eq!(user_name(&workload.get(ME).await), world.principal.application_id);
    // Each at the raw workspace, at the same time as the other.
    let bob = client_of(&edge, &bob()).await;
    for _ in 0..20 {
        let (of_alice, of_bob) = (edge.alice(), bob.clone());
        let (of_alice, of_bob) = tokio::join!(of_alice.get("/echo"), of_bob.get("/echo"));
        assert!(echoed(&of_alice).contains(ALICES) && echoed(&of_bob).contains(BOBS));
    }
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_acts_for_somebody_gains_no_identity_by_it() {
    let edge = Edge::new().await;
    let world = &edge.service.world;
    world.sign_in(&alice()).await;
    edge.service.api_token(&team_admin()).await;
    let workload = client_of(&edge, &workload()).await.with_header("prophecy-fabric", "dev");
    for person in ["alice", "tina"] {
        let answer = workload.with_header("prophecy-on-behalf-of", person).get(ME).await;
        assert_eq!(user_name(&answer), world.principal.application_id);
    }
    let nobody = workload.with_header("prophecy-on-behalf-of", "nobody").get(ME).await;
    assert_eq!(blamed(&nobody), (400, "prophecy-on-behalf-of".to_owned()));
    let person = edge.alice().with_header("prophecy-on-behalf-of", "tina").get("/echo").await;
    assert_eq!(problem(&person), (403, "forbidden".to_owned()));
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_activity_decides_the_identity_and_nobody_names_one_of_others() {
    let edge = Edge::new().await;
    edge.service.world.sign_in(&alice()).await;
    let of =
        |activity: &str| edge.alice().with_header("prophecy-fabric", "dev").with_header("prophecy-activity", activity);
    assert_eq!(user_name(&of("on-demand-run").get(ME).await), "alice@example.com");
    assert_eq!(problem(&of("scheduled-run").get(ME).await), (403, "forbidden".to_owned()));
    for unknown in ["", "Scheduled-Run", "run", "scheduled-run,on-demand-run"] {
        assert_eq!(blamed(&of(unknown).get(ME).await), (400, "prophecy-activity".to_owned()), "{unknown}");
    }
    let twice = of("on-demand-run").with_header("prophecy-activity", "on-demand-run");
    assert_eq!(blamed(&twice.get(ME).await), (400, "prophecy-activity".to_owned()));
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_is_named_by_header_by_host_or_by_the_configuration() {
    let edge = Edge::new().await;
    edge.service.world.sign_in(&alice()).await;
    let reaches_dev = |answer: &HttpAnswer| answer.status == 200 && answer.text().contains("alice@example.com");
    let asked = edge.upstream.count(ME);
    assert!(reaches_dev(&edge.alice().with_header("prophecy-fabric", "dev").get(ME).await));
    for host in ["dev.gateway.test", "dev.gateway.test:8021", "dev.GATEWAY.test", "dev.gateway.test."] {
        assert!(reaches_dev(&edge.alice().with_header("host", host).get(ME).await), "{host}");
    }
    let both = edge.alice().with_header("host", "dev.gateway.test").with_header("prophecy-fabric", "dev");
    assert!(reaches_dev(&both.get(ME).await));
    assert_eq!(edge.upstream.count(ME), asked);
    assert!(echoed(&edge.alice().get("/echo").await).contains(ALICES));
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_that_is_not_named_clearly_is_none() {
    let edge = Edge::new().await;
    let alice = edge.alice();
    let header = |value: &str| alice.with_header("prophecy-fabric", value);
    for unclear in [
        header("dev").with_header("host", "raw.gateway.test"),
        header("raw").with_header("prophecy-fabric", "raw"),
        header("raw").with_header("prophecy-fabric", "dev"),
        header("r\u{e4}w"),
    ] {
        assert_eq!(blamed(&unclear.get("/echo").await), (400, "prophecy-fabric".to_owned()));
    }
    for host in ["a.b.gateway.test", ".gateway.test"] {
        assert_eq!(blamed(&alice.with_header("host", host).get("/echo").await), (400, "host".to_owned()), "{host}");
    }
    for unknown in ["none", "RAW", "raw/../dev", "raw,dev"] {
        assert!(matches!(header(unknown).get("/echo").await.status.as_u16(), 400 | 404), "{unknown}");
    }
    assert!(matches!(header("").get("/echo").await.status.as_u16(), 400 | 404));
    assert_eq!(problem(&header("none").get("/echo").await), (404, "not-found".to_owned()));
    assert_eq!(problem(&alice.with_header("host", "none.gateway.test").get("/echo").await).0, 404);
    edge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_usual_fabric_it_must_be_named() {
    let edge = Edge::with(fabric_auth::service::GatewaySettings { default_fabric: None, ..settings() }).await;
    assert_eq!(blamed(&edge.alice().get("/echo").await), (400, "prophecy-fabric".to_owned()));
    let named = edge.alice().with_header("prophecy-fabric", "raw");
    assert_eq!(named.get("/echo").await.status, 200);
    edge.service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_of_another_team_is_not_there() {
    let edge = Edge::new().await;
    let sven = client_of(&edge, &stranger()).await;
    assert_eq!(problem(&sven.get("/echo").await), (404, "not-found".to_owned()));
    assert_eq!(edge.upstream.count("/echo"), 0);
    edge.end().await;
}
