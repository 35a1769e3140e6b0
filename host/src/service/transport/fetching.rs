//! Answers on HTTP/2 whose other end must go on fetching them. A client can withhold the window of one stream there while
//! its connection goes on, which the connection itself ([`Stalling`](super::stalling::Stalling)) does not show.
//!
//! What is seen is that a client opens its window, which many do long after they have begun to read. And the last piece of an
//! answer is hyper's once it has been handed over: it may lie there for as long as the connection lasts.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::task_local;
use tokio::time::{Instant, sleep_until};

task_local! {
    /// Of the stream that the current task serves.
    static UNFETCHED: Unfetched;
}

/// Runs the streams of a connection, and lets go of those of which nothing is fetched for too long. The client is told by a
/// reset of that stream; others of the same connection go on.
#[derive(Clone, Copy)]
pub(super) struct FetchingExecutor {
    longest: Duration,
}

/// Since when a client has fetched nothing of what is there for it. None while it waits for us.
#[derive(Clone, Default)]
struct Unfetched(Arc<Mutex<Option<Instant>>>);

/// The body of an answer, which notes when something of it is there and when the next of it is asked for.
struct Watched<B> {
    body: B,
    unfetched: Unfetched,
}

impl FetchingExecutor {
    /// Clients may fetch nothing for this long.
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for FetchingExecutor {
    fn execute(&self, stream: F) {
        tokio::spawn(while_fetched(stream, self.longest));
    }
}

/// Has the answer to a request on HTTP/2 watched.
pub(super) async fn watched(answer: Response) -> Response {
    // Outside of such a stream nobody looks at it.
    let unfetched = UNFETCHED.try_with(Clone::clone).unwrap_or_default();
    // Its head is there, and with it the first piece is.
    unfetched.note(Some(Instant::now()));
    answer.map(|body| Body::new(Watched { body, unfetched }))
}

async fn while_fetched(stream: impl Future<Output = ()>, longest: Duration) {
    let unfetched = Unfetched::default();
    let mut stream = pin!(UNFETCHED.scope(unfetched.clone(), stream));
    let mut end = pin!(sleep_until(Instant::now() + longest));
    poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = unfetched.since() else { return Poll::Pending };
        end.as_mut().reset(since + longest);
        end.as_mut().poll(context)
    })
    .await;
}

impl Unfetched {
    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let next = Pin::new(&mut self.body).poll_frame(context);
        let is_there = matches!(next, Poll::Ready(Some(_)));
        self.unfetched.note(is_there.then(Instant::now));
        next
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::Router;
    use axum::middleware::map_response;
    use axum::routing::get;
    use futures::stream;
    use http::Request;
    use http_body_util::{BodyExt as _, Empty, StreamBody};
    use hyper::client::conn::http2 as client;
    use hyper::server::conn::http2 as server;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::service::TowerToHyperService;
    use tokio::io::duplex;
    use tokio::sync::mpsc;
    use tokio::time::{sleep, timeout};

    use super::*;

    const LONGEST: Duration = Duration::from_millis(300);
    const PIECE: usize = 16 * 1024;
    const PIECES: usize = 64;

    /// Tells when it is dropped.
    struct Dropped(#[expect(dead_code, reason = "held")] mpsc::Sender<()>);

    /// Sends requests to a server whose answers have so many pieces, and a receiver that ends with the last answer.
    async fn connection(pieces: usize, apart: Duration) -> (client::SendRequest<Empty<Bytes>>, mpsc::Receiver<()>) {
        let (alive, ended) = mpsc::channel(1);
        let answer = move || {
            let held = Dropped(alive.clone());
            let frames = stream::unfold((0, held), move |(sent, held)| async move {
                sleep(apart).await;
                let frame = Frame::data(Bytes::from(vec![b'x'; PIECE]));
                (sent < pieces).then_some((Ok::<_, Infallible>(frame), (sent + 1, held)))
            });
            async move { Response::new(Body::new(StreamBody::new(frames))) }
        };
        let router = Router::new().route("/", get(answer)).layer(map_response(watched));
        let (ours, theirs) = duplex(PIECE);
        let serving = server::Builder::new(FetchingExecutor::new(LONGEST))
            .serve_connection(TokioIo::new(ours), TowerToHyperService::new(router));
        tokio::spawn(serving);
        let (sender, driving) = client::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(u32::try_from(PIECE).unwrap())
            .handshake(TokioIo::new(theirs))
            .await
            .unwrap();
        tokio::spawn(driving);
        (sender, ended)
    }

    fn request() -> Request<Empty<Bytes>> {
        Request::get("http://localhost/").body(Empty::new()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_nobody_fetches_is_let_go_and_another_on_its_connection_goes_on() {
        let (mut sender, mut ended) = connection(PIECES, Duration::ZERO).await;
        let unread = sender.send_request(request()).await.unwrap();
        let read = sender.send_request(request()).await.unwrap().into_body().collect().await;
        assert_eq!(read.unwrap().to_bytes().len(), PIECES * PIECE);
        sleep(3 * LONGEST).await;
        let failed = timeout(10 * LONGEST, unread.into_body().collect()).await.unwrap();
        assert!(failed.is_err(), "all of it arrived");
        // The router holds one end as well, until the connection has ended.
        drop(sender);
        assert!(timeout(10 * LONGEST, ended.recv()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn who_fetches_slowly_gets_everything() {
        let (mut sender, _ended) = connection(8, Duration::ZERO).await;
        let mut body = sender.send_request(request()).await.unwrap().into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().unwrap().len();
            sleep(LONGEST / 3).await;
        }
        assert_eq!(read, 8 * PIECE);
    }

    #[tokio::test]
    async fn who_waits_for_us_waits_as_long_as_it_takes() {
        let (mut sender, _ended) = connection(2, 2 * LONGEST).await;
        let read = sender.send_request(request()).await.unwrap().into_body().collect().await;
        assert_eq!(read.unwrap().to_bytes().len(), 2 * PIECE);
    }
}
