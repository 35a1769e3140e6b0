//! The listener: takes connections, bounds what each may cost, and ends in order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::map_response;
use axum::{Extension, Router};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::Arrival;
use super::fetching::{self, FetchingExecutor};
use super::stalling::Stalling;
use super::tls::{Tls, TlsFilesError};
use crate::service::crowd::{Crowd, Place};
use crate::service::settings::ServiceSettings;

/// How long a TLS handshake may take, and how long the head of a request, waiting for it included.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// How long a client may fetch nothing of what is there for it.
const FETCH_WITHIN: Duration = Duration::from_secs(30);

/// How long a client may open no window for an answer on HTTP/2. Some open it only when they have worked through megabytes.
const OPEN_WITHIN: Duration = Duration::from_secs(600);

/// How large the head of a request may be.
const LARGEST_HEAD: usize = 32 * 1024;
const LARGEST_HEADER_LIST: u32 = 32 * 1024;

/// Connections at once, and from one address that is not a proxy's.
const MOST: usize = 4_096;
const MOST_OF_ONE: usize = 512;

/// Requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 64;

/// How long requests that have begun may go on after the service was told to end. Renewals are waited for beyond that.
const END_WITHIN: Duration = Duration::from_secs(30);

/// A bound port.
pub(crate) struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    settings: Arc<ServiceSettings>,
    connections: Crowd<IpAddr>,
}

impl Listener {
    /// Binds the port and reads the certificate.
    pub(crate) async fn bind(settings: Arc<ServiceSettings>, address: SocketAddr) -> Result<Self, BindError> {
        let tls = settings.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        let tcp = TcpListener::bind(address).await.map_err(|source| BindError::NotBound { address, source })?;
        Ok(Self { tcp, address, tls, settings, connections: Crowd::default() })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.tcp.local_addr().unwrap_or(self.address)
    }

    /// Serves until `stop` completes, and then what has begun.
    pub(crate) async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut open = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.tcp.accept() => accepted,
            };
            while open.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer)) => {
                    let is_proxy = self.settings.is_proxy(peer.ip().to_canonical());
                    // One too many is closed at once: to let it wait would only move the queue.
                    let most_of_one = if is_proxy { MOST } else { MOST_OF_ONE };
                    let Some(place) = self.connections.enter(peer.ip(), most_of_one, MOST) else { continue };
                    let (tls, router, watcher) = (self.tls.clone(), router.clone(), graceful.watcher());
                    open.spawn(serve(stream, peer, tls, router, watcher, place));
                }
                // Too many open files, say: waiting is all that helps.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        drop(self.tcp);
        if timeout(END_WITHIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests that took too long were cut off at the end of the service");
        }
    }
}

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be listened at.
    #[error("{address} cannot be listened at ({source})")]
    NotBound {
        /// The address.
        address: SocketAddr,
        /// What is in the way.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsFilesError),
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<Tls>>,
    router: Router,
    watcher: Watcher,
    _place: Place<IpAddr>,
) {
    let _ = stream.set_nodelay(true);
    let arrival = Arrival { peer: peer.ip().to_canonical(), tls: tls.is_some() };
    let router = router.layer(Extension(arrival));
    let stream = Stalling::new(stream, FETCH_WITHIN);
    match tls {
        None => http1(stream, router, watcher).await,
        Some(tls) => {
            let Ok(Ok(stream)) = timeout(HANDSHAKE_WITHIN, tls.acceptor().accept(stream)).await else { return };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                http2(stream, router, watcher).await;
            } else {
                http1(stream, router, watcher).await;
            }
        }
    }
}

/// What a connection ends with concerns nobody here.
async fn http1(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, watcher: Watcher) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _ = watcher.watch(connection).await;
}

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, watcher: Watcher) {
    let router = router.layer(map_response(fetching::watched));
    let connection = http2::Builder::new(FetchingExecutor::new(OPEN_WITHIN))
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_WITHIN)
        .keep_alive_timeout(HANDSHAKE_WITHIN)
        .max_header_list_size(LARGEST_HEADER_LIST)
        .max_concurrent_streams(MOST_STREAMS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _ = watcher.watch(connection).await;
}
