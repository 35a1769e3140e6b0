//! The bodies of requests and replies.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use fabric_auth_tests::{MANY, eventually};
use futures::StreamExt as _;
use futures::stream;
use http::{HeaderMap, Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};

use super::{get, raw, text, with_upstream};

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
        let pieces = stream::iter(
            (0..MANY / 65_536).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[7; 65_536])))),
        );
        let mut request = Request::builder().method(Method::PUT).uri("/upload");
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let reply = world.host.forward(raw(), request.body(StreamBody::new(pieces)).unwrap()).await.unwrap();
        assert_eq!(text(reply).await, MANY.to_string(), "{length:?}");
    }
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

/// Nobody has checked what they say, and some servers read them as headers.
#[tokio::test]
async fn headers_behind_a_body_go_no_further() {
    let (world, upstream) = with_upstream().await;
    let pieces = ["12345", ""].map(|piece| {
        let trailers = HeaderMap::from_iter([("authorization".parse().unwrap(), "Bearer forged".parse().unwrap())]);
        Ok::<_, Infallible>(match piece {
            "" => Frame::trailers(trailers),
            piece => Frame::data(Bytes::from_static(piece.as_bytes())),
        })
    });
    let request = Request::put("/upload").header("trailer", "authorization");
    let request = request.body(StreamBody::new(stream::iter(pieces))).unwrap();
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
            Err(io::Error::other("gone"))
        };
        let beginning = stream::iter([Ok(Frame::data(Bytes::from_static(b"12345")))]);
        let pieces = Box::pin(beginning.chain(stream::once(gone)));
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
