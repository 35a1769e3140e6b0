//! What comes back from a workspace, or does not.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fabric_auth_tests::{MANY, eventually};
use futures::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Empty};

use super::{get, json, raw, text, with_upstream};

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
async fn events_come_as_they_are_sent() {
    let (world, _upstream) = with_upstream().await;
    let mut body = world.host.forward(raw(), get("/events")).await.unwrap().into_body();
    let mut gaps = Vec::new();
    let mut last = Instant::now();
    while let Some(frame) = body.frame().await {
        let frame = frame.unwrap();
        if frame.data_ref().is_some_and(|data| data.starts_with(b"data")) {
            gaps.push(last.elapsed());
            last = Instant::now();
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
    for status in join_all(stalled).await {
        assert_eq!(status.unwrap(), 504);
    }
    assert_eq!(world.host.figures().given_up, 0);
}
