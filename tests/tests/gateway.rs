//! Requests that pass through the component to the workspace of a fabric.

use std::time::Duration;

use bytes::Bytes;
use fabric_auth::ForwardedBody;
use fabric_auth::contract::callers::Admission;
use fabric_auth::contract::{Activity, Authentication, Caller, FabricSettings};
use fabric_auth_tests::{
    DEV, HOUR, MANY, Upstream, World, alice, bob, eventually, fabric_settings, stranger, team_admin, workload,
};
use futures::StreamExt as _;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use serde_json::Value;

use crate::support::signed_in;

fn admission(caller: Caller, activity: Activity) -> Admission {
    Admission { caller, fabric: DEV.into(), activity }
}

fn as_person(caller: Caller) -> Admission {
    admission(caller, Activity::PipelineDevelopment)
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).body(Empty::new()).unwrap()
}

async fn text(reply: Response<ForwardedBody>) -> String {
    String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json(reply: Response<ForwardedBody>) -> Value {
    serde_json::from_str(&text(reply).await).unwrap()
}

/// The user name that the workspace takes a request for.
async fn who(world: &World, admission: Admission) -> String {
    let reply = world.host.forward(admission, get("/api/2.0/preview/scim/v2/Me")).await.unwrap();
    assert_eq!(reply.status(), 200);
    json(reply).await["userName"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_carries_the_identity_that_its_activity_calls_for() {
    let world = signed_in().await;
    assert_eq!(who(&world, as_person(alice())).await, "alice@example.com");
    assert_eq!(who(&world, admission(workload(), Activity::ScheduledRun)).await, world.principal.application_id);
}

#[tokio::test]
async fn who_may_not_have_the_token_is_not_let_through() {
    let world = signed_in().await;
    let calls = world.books().api_calls.len();
    for (admission, status, case) in [
        (as_person(bob()), 401, "sign-in-required"),
        (as_person(stranger()), 404, "not-found"),
        (admission(alice(), Activity::ScheduledRun), 403, "forbidden"),
        (as_person(workload()), 403, "forbidden"),
    ] {
        let reply = world.host.forward(admission, get("/api/2.0/preview/scim/v2/Me")).await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["content-type"]),
            (status, &"application/problem+json".parse().unwrap())
        );
        let problem = json(reply).await;
        assert_eq!(problem["case"], case, "{problem}");
        if case == "sign-in-required" {
            assert_eq!(problem["sign_in_url"], "https://prophecy.example.com/connect?fabric=dev");
        }
    }
    assert_eq!(world.books().api_calls.len(), calls);
}

#[tokio::test]
async fn paths_that_make_tokens_or_read_secrets_do_not_reach_the_workspace() {
    let world = signed_in().await;
    let tokens = world.books().token_requests.len();
    for (path, status) in [("/oidc/v1/token", 403), ("/api/2.0/token/create", 403), ("/api/%2e%2e/oidc/v1/token", 400)]
    {
        let request =
            Request::post(path).body(Full::new(Bytes::from_static(b"grant_type=client_credentials"))).unwrap();
        assert_eq!(world.host.forward(as_person(alice()), request).await.unwrap().status().as_u16(), status, "{path}");
    }
    assert_eq!(world.books().token_requests.len(), tokens);
}

/// A token that Databricks has revoked costs nobody a request: it is renewed, and the request is sent once more.
#[tokio::test]
async fn a_token_that_is_refused_is_renewed_and_the_request_repeated_once() {
    let world = signed_in().await;
    let (token, _) = world.token(&alice()).await.unwrap();
    assert!(world.workspace.revoke_access_token(&token));
    assert_eq!(who(&world, as_person(alice())).await, "alice@example.com");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_request_whose_body_is_gone_is_not_repeated_but_the_next_one_succeeds() {
    let world = signed_in().await;
    let (token, _) = world.token(&alice()).await.unwrap();
    assert!(world.workspace.revoke_access_token(&token));
    let statement = || {
        let body = r#"{"warehouse_id": "a1b2c3d4e5f60718", "statement": "SELECT 1"}"#;
        let request = Request::post("/api/2.0/sql/statements").header("content-type", "application/json");
        request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
    };
    let refused = world.host.forward(as_person(alice()), statement()).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"0".parse().unwrap()));
    assert_eq!(world.host.forward(as_person(alice()), statement()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_renewal_in_the_middle_fails_no_request() {
    let world = signed_in().await;
    world.advance(HOUR);
    let asking: Vec<_> = (0..32).map(|_| who(&world, as_person(alice()))).collect();
    for user in futures::future::join_all(asking).await {
        assert_eq!(user, "alice@example.com");
    }
    assert_eq!(world.refreshes(), 1);
}

/// A world in which Alice has a personal access token for a workspace that answers as its path says.
async fn with_upstream() -> (World, Upstream) {
    let (world, upstream) = (World::new().await, Upstream::start().await);
    let settings =
        FabricSettings { authentication: Authentication::PersonalAccessToken, ..fabric_settings("raw", &upstream.url) };
    world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    world.host.set_personal_access_token(&alice(), "raw", &"dapi0123456789abcdef".into()).await.unwrap();
    (world, upstream)
}

fn raw() -> Admission {
    Admission { fabric: "raw".into(), ..as_person(alice()) }
}

#[tokio::test]
async fn nothing_that_says_who_sends_a_request_goes_on() {
    let (world, _upstream) = with_upstream().await;
    let request = Request::get("/echo")
        .header("authorization", "Bearer forged")
        .header("prophecy-ticket", "forged")
        .header("cookie", "session=1")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x_forwarded_user", "root")
        .header("x-databricks-org-id", "9")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("user-agent", "databricks-sdk-py")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let reply = world.host.forward(raw(), request).await.unwrap();
    let head = json(reply).await.as_str().unwrap().to_lowercase();
    assert!(head.contains("\r\nauthorization: bearer dapi0123456789abcdef\r\n"), "{head}");
    assert!(head.contains("user-agent: databricks-sdk-py"), "{head}");
    for word in ["forged", "cookie", "forwarded", "org-id", "x-hop", "ticket"] {
        assert!(!head.contains(word), "{word} in {head}");
    }
}

#[tokio::test]
async fn nothing_that_comes_back_acts_on_the_gateways_origin() {
    let (world, _upstream) = with_upstream().await;
    let reply = world.host.forward(raw(), get("/acts-on-the-origin")).await.unwrap();
    let headers = reply.headers().clone();
    assert_eq!(text(reply).await, "ok");
    for name in ["set-cookie", "clear-site-data", "access-control-allow-origin", "x-accel-redirect"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox");
    assert_eq!(world.host.forward(raw(), get("/elsewhere")).await.unwrap().status(), 502);
    let here = world.host.forward(raw(), get("/here")).await.unwrap();
    assert_eq!((here.status().as_u16(), &here.headers()["location"]), (302, &"/echo".parse().unwrap()));
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_token_comes_back_whole() {
    let (world, _upstream) = with_upstream().await;
    let reply = world.host.forward(raw(), get("/refused-for-another-reason")).await.unwrap();
    assert_eq!(reply.status(), 403);
    let body = text(reply).await;
    assert!(body.len() > 60_000 && body.starts_with("{\"error_code\"") && body.ends_with("\"}"), "{}", body.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_in_both_directions_whole() {
    let (world, _upstream) = with_upstream().await;
    let reply = world.host.forward(raw(), get("/bytes")).await.unwrap();
    let mut body = reply.into_body();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame.unwrap().into_data().map_or(0, |data| data.len());
    }
    assert_eq!(received, MANY);
    for length in [None, Some(MANY)] {
        let pieces = futures::stream::iter(
            (0..MANY / 65_536)
                .map(|_| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(&[7; 65_536])))),
        );
        let mut request = Request::builder().method(Method::PUT).uri("/upload");
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let reply = world.host.forward(raw(), request.body(StreamBody::new(pieces)).unwrap()).await.unwrap();
        assert_eq!(text(reply).await, MANY.to_string(), "{length:?}");
    }
}

#[tokio::test]
async fn events_come_as_they_are_sent() {
    let (world, _upstream) = with_upstream().await;
    let mut body = world.host.forward(raw(), get("/events")).await.unwrap().into_body();
    let mut gaps = Vec::new();
    let mut last = std::time::Instant::now();
    while let Some(frame) = body.frame().await {
        let frame = frame.unwrap();
        if frame.data_ref().is_some_and(|data| data.starts_with(b"data")) {
            gaps.push(last.elapsed());
            last = std::time::Instant::now();
        }
    }
    assert_eq!(gaps.len(), 3);
    assert!(gaps[1] > Duration::from_millis(150) && gaps[2] > Duration::from_millis(150), "{gaps:?}");
}

#[tokio::test]
async fn a_workspace_that_breaks_off_or_lies_about_length_fails_that_request_alone() {
    let (world, _upstream) = with_upstream().await;
    for path in ["/reset", "/garbage", "/two-lengths", "/large-head"] {
        let reply = world.host.forward(raw(), get(path)).await.unwrap();
        assert_eq!(reply.status(), 504, "{path}");
        assert_eq!(json(reply).await["case"], "unreachable");
    }
    assert_eq!(world.host.forward(raw(), get("/switch")).await.unwrap().status(), 502);
    for path in ["/short", "/cut"] {
        let short = world.host.forward(raw(), get(path)).await.unwrap();
        assert!(short.into_body().collect().await.is_err(), "{path}");
    }
    // What comes behind a reply is nobody's.
    for _ in 0..3 {
        assert_eq!(text(world.host.forward(raw(), get("/much-after")).await.unwrap()).await, "ok");
    }
    assert_eq!(world.host.forward(raw(), get("/echo")).await.unwrap().status(), 200);
}

/// Two lengths of one body are two requests for somebody behind us.
#[tokio::test]
async fn a_request_that_says_two_lengths_is_not_sent_on() {
    let (world, upstream) = with_upstream().await;
    let before = upstream.heads().len();
    for lengths in [["5", "6"], ["6", "5"], ["5", "+5"], ["5", "5, 5"]] {
        let mut request = Request::post("/upload").body(Full::new(Bytes::from_static(b"12345"))).unwrap();
        for length in lengths {
            request.headers_mut().append("content-length", length.parse().unwrap());
        }
        assert_eq!(world.host.forward(raw(), request).await.unwrap().status(), 400, "{lengths:?}");
    }
    assert_eq!(upstream.heads().len(), before);
}

#[tokio::test]
async fn methods_that_bring_the_token_back_or_lead_elsewhere_are_not_sent_on() {
    let (world, upstream) = with_upstream().await;
    let before = upstream.heads().len();
    for method in ["TRACE", "CONNECT", "TRACK", "trace", "MOVE"] {
        let request = Request::builder().method(method).uri("/echo").body(Empty::<Bytes>::new()).unwrap();
        assert_eq!(world.host.forward(raw(), request).await.unwrap().status(), 405, "{method}");
    }
    assert_eq!(upstream.heads().len(), before);
}

/// Nobody has checked what they say, and some servers read them as headers.
#[tokio::test]
async fn headers_behind_a_body_go_no_further() {
    let (world, upstream) = with_upstream().await;
    let pieces = ["12345", ""].map(|piece| {
        let trailers =
            http::HeaderMap::from_iter([("authorization".parse().unwrap(), "Bearer forged".parse().unwrap())]);
        Ok::<_, std::convert::Infallible>(match piece {
            "" => Frame::trailers(trailers),
            piece => Frame::data(Bytes::from_static(piece.as_bytes())),
        })
    });
    let request = Request::put("/upload").header("trailer", "authorization");
    let request = request.body(StreamBody::new(futures::stream::iter(pieces))).unwrap();
    assert_eq!(text(world.host.forward(raw(), request).await.unwrap()).await, "5");
    assert_eq!(upstream.count("/upload"), 1);
}

/// Nobody behind us may take the beginning of a body for the whole of it.
#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_at_the_workspace() {
    let (world, upstream) = with_upstream().await;
    for length in [None, Some("10")] {
        let gone = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Err(std::io::Error::other("gone"))
        };
        let beginning = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"12345")))]);
        let pieces = Box::pin(beginning.chain(futures::stream::once(gone)));
        let mut request = Request::put("/upload");
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let request = request.body(StreamBody::new(pieces)).unwrap();
        assert_eq!(world.host.forward(raw(), request).await.unwrap().status(), 504, "{length:?}");
    }
    eventually("both bodies have broken off", async || upstream.broken_off() == 2).await;
    assert_eq!(world.host.forward(raw(), get("/echo")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_reply_without_a_body_tells_how_long_it_would_be() {
    let (world, _upstream) = with_upstream().await;
    let request = Request::head("/bytes").body(Empty::<Bytes>::new()).unwrap();
    let reply = world.host.forward(raw(), request).await.unwrap();
    assert_eq!(reply.headers()["content-length"], MANY.to_string());
}

/// A workspace that says nothing is waited for as long as is stated, and holds up nobody else.
#[tokio::test]
async fn a_workspace_that_stalls_is_not_waited_for_without_end() {
    let (world, upstream) = with_upstream().await;
    let stalled: Vec<_> = (0..1_000)
        .map(|_| {
            let host = world.host.clone();
            tokio::spawn(async move { host.forward(raw(), get("/stall")).await.unwrap().status() })
        })
        .collect();
    eventually("all of them wait", async || upstream.count("/stall") == stalled.len()).await;
    assert_eq!(world.host.forward(raw(), get("/echo")).await.unwrap().status(), 200);
    world.advance(Duration::from_secs(450));
    assert_eq!(world.host.forward(raw(), get("/echo")).await.unwrap().status(), 200);
    assert!(stalled.iter().all(|request| !request.is_finished()));
    world.advance(Duration::from_secs(151));
    for status in futures::future::join_all(stalled).await {
        assert_eq!(status.unwrap(), 504);
    }
    assert_eq!(world.host.figures().given_up, 0);
}

/// Two tenants whose people have the same names, on one host: nobody ever acts as somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_that_are_interleaved_never_get_each_others_identity() {
    let world = signed_in().await;
    let of = |tenant: &str, user: &str| Caller { tenant: tenant.into(), ..fabric_auth_tests::member(user) };
    let principals = ["acme", "globex"];
    let other = simulated_workspace::ServicePrincipal::new("globex jobs");
    world.workspace.register_service_principal(other.clone());
    let settings = fabric_auth_tests::with_principal(fabric_settings(DEV, world.workspace.url()), &other);
    let secret = other.secret().unwrap().expose().into();
    let admin = Caller { tenant: "globex".into(), ..team_admin() };
    world.host.put_fabric(&admin, settings, Some(&secret), None).await.unwrap();
    let asking = (0..4_000).map(|number| {
        let tenant = principals[number % 2];
        let caller = Caller { tenant: tenant.into(), ..workload() };
        let expected = if tenant == "acme" { &world.principal.application_id } else { &other.application_id };
        let person = number % 4 == 0;
        let world = &world;
        async move {
            if person {
                // Alice of Acme is signed in, and nobody of Globex.
                let reply =
                    world.host.forward(as_person(of(tenant, "alice")), get("/api/2.0/preview/scim/v2/Me")).await;
                assert_eq!(reply.unwrap().status() == 200, tenant == "acme");
            } else {
                assert_eq!(&who(world, admission(caller, Activity::ScheduledRun)).await, expected);
            }
        }
    });
    futures::stream::iter(asking).for_each_concurrent(64, |one| one).await;
}
