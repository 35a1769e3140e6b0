//! Requests on connections that stay open, one after the other on each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How many wrong answers are shown of one connection.
const MOST_SHOWN: usize = 3;

/// What is asked for, and what must come.
#[derive(Clone)]
pub struct Target {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The request.
    pub request: Request<Full<Bytes>>,
    /// What a right answer has in its body.
    pub expected: String,
}

/// When a load ends: by whichever is reached first.
#[derive(Clone, Copy)]
pub struct Bound {
    /// How many requests.
    pub requests: usize,
    /// How long it takes.
    pub time: Duration,
}

/// A load as it went.
pub struct Load {
    /// How long each right answer took, in ascending order.
    pub latencies: Vec<Duration>,
    /// How long all of it took.
    pub took: Duration,
    /// What came of the first wrong answers, without what was in them.
    pub wrong: Vec<String>,
}

impl Load {
    /// Sends requests on so many connections until the bound is reached. The connections take the targets in turn.
    pub async fn of(targets: &[Target], connections: usize, bound: Bound) -> Self {
        let targets = targets.iter().cycle().take(connections);
        let senders = join_all(targets.clone().map(|target| connect(target.address))).await;
        let left = Arc::new(AtomicUsize::new(bound.requests));
        let began = Instant::now();
        let deadline = began + bound.time;
        let working: Vec<_> = senders
            .into_iter()
            .zip(targets)
            .map(|(sender, target)| tokio::spawn(work(sender, target.clone(), left.clone(), deadline)))
            .collect();
        let mut load = Self { latencies: Vec::new(), took: Duration::ZERO, wrong: Vec::new() };
        for worked in join_all(working).await {
            let (latencies, wrong) = worked.expect("a connection's work");
            load.latencies.extend(latencies);
            load.wrong.extend(wrong);
        }
        load.took = began.elapsed();
        load.latencies.sort_unstable();
        load
    }

    /// How many answers were right.
    pub fn answers(&self) -> usize {
        self.latencies.len()
    }

    /// Right answers in a second.
    pub fn rate(&self) -> f64 {
        self.answers() as f64 / self.took.as_secs_f64()
    }

    /// What this part of the answers, in thousandths, did not take longer than.
    pub fn at(&self, thousandths: usize) -> Duration {
        let place = self.answers().saturating_mul(thousandths).div_ceil(1_000).saturating_sub(1);
        self.latencies.get(place).copied().unwrap_or_default()
    }
}

/// Opens a connection for requests.
pub async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a handshake");
    // What it ends with is told to whoever waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    sender
}

/// Sends a request, and gives the status of the answer and its body.
pub async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, String), hyper::Error> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

async fn work(
    mut sender: SendRequest<Full<Bytes>>,
    target: Target,
    left: Arc<AtomicUsize>,
    deadline: Instant,
) -> (Vec<Duration>, Vec<String>) {
    let (mut latencies, mut wrong) = (Vec::new(), Vec::new());
    let one_less = |left: usize| left.checked_sub(1);
    while Instant::now() < deadline && left.try_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
        let began = Instant::now();
        match exchange(&mut sender, target.request.clone()).await {
            Ok((StatusCode::OK, body)) if body.contains(&target.expected) => latencies.push(began.elapsed()),
            Ok((status, _)) => wrong.push(format!("an answer of status {status}, or with another body")),
            Err(error) => {
                wrong.push(format!("no answer: {error}"));
                break;
            }
        }
        if wrong.len() == MOST_SHOWN {
            break;
        }
    }
    (latencies, wrong)
}
