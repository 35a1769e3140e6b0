//! Whose token a request carries, and what does not reach the workspace.

use bytes::Bytes;
use fabric_auth::contract::{Activity, Caller};
use fabric_auth_tests::{DEV, alice, bob, fabric_settings, member, stranger, team_admin, with_principal, workload};
use futures::StreamExt as _;
use futures::stream;
use http::Request;
use http_body_util::{Empty, Full};
use simulated_workspace::ServicePrincipal;

use super::{admission, as_person, get, json, raw, who, with_upstream};
use crate::support::signed_in;

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
async fn methods_that_bring_the_token_back_or_lead_elsewhere_are_not_sent_on() {
    let (world, upstream) = with_upstream().await;
    let before = upstream.heads().len();
    for method in ["TRACE", "CONNECT", "TRACK", "trace", "MOVE"] {
        let request = Request::builder().method(method).uri("/echo").body(Empty::<Bytes>::new()).unwrap();
        assert_eq!(world.host.forward(raw(), request).await.unwrap().status(), 405, "{method}");
    }
    assert_eq!(upstream.heads().len(), before);
}

/// Two tenants whose people have the same names, on one host: nobody ever acts as somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_that_are_interleaved_never_get_each_others_identity() {
    let world = signed_in().await;
    let of = |tenant: &str, user: &str| Caller { tenant: tenant.into(), ..member(user) };
    let principals = ["acme", "globex"];
    let other = ServicePrincipal::new("globex jobs");
    world.workspace.register_service_principal(other.clone());
    let settings = with_principal(fabric_settings(DEV, world.workspace.url()), &other);
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
    stream::iter(asking).for_each_concurrent(64, |one| one).await;
}
