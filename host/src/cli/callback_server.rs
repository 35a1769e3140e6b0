//! The server on loopback that a browser comes back to. It takes callbacks, and nothing else, from anybody on this
//! machine, and bounds what each connection may cost.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::callback_page::{self, Page};
use super::failure::Failure;
use super::loopback_redirect::LoopbackRedirect;

/// Where the browser is sent once its query was taken.
const END: &str = "/done";

/// Connections at once. A browser opens a handful.
const CONNECTIONS: usize = 32;

/// How long a request head may take, and how large it may be.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const LARGEST_HEAD: usize = 32 * 1024;

/// How long a connection may last: longer than completing a sign-in may.
const CONNECTION_WITHIN: Duration = Duration::from_secs(180);

/// How long to wait for the browser to fetch the last page.
const LAST_PAGE_WITHIN: Duration = Duration::from_secs(3);

/// A running server. It ends when this is dropped.
pub(super) struct CallbackServer {
    callbacks: mpsc::Receiver<Callback>,
    state: Arc<State>,
    _listening: JoinSet<()>,
}

/// What a browser came back with. It waits for the answer.
pub(super) struct Callback {
    /// The query, undecoded.
    pub(super) query: SecretString,
    answer: oneshot::Sender<Answer>,
}

enum Answer {
    /// The sign-in has ended; the page stands under [`END`].
    Ended,
    /// This is not the callback that is waited for.
    Page(Page),
}

struct State {
    authority: String,
    path: String,
    callbacks: mpsc::Sender<Callback>,
    last_page: OnceLock<Page>,
    last_page_shown: AtomicBool,
    last_page_fetched: Notify,
    connections: Arc<Semaphore>,
}

impl CallbackServer {
    /// Listens at the redirect URL.
    pub(super) async fn bind(redirect: &LoopbackRedirect) -> Result<Self, Failure> {
        let (sender, callbacks) = mpsc::channel(1);
        let state = Arc::new(State {
            authority: redirect.authority.clone(),
            path: redirect.path.clone(),
            callbacks: sender,
            last_page: OnceLock::new(),
            last_page_shown: AtomicBool::new(false),
            last_page_fetched: Notify::new(),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        });
        let mut listening = JoinSet::new();
        for address in &redirect.addresses {
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    listening.spawn(accept(listener, state.clone()));
                }
                // `localhost` on a machine without IPv6.
                Err(error) if address.is_ipv6() && is_no_address(&error) && !listening.is_empty() => {}
                Err(error) => return Err(not_bound(address, &error)),
            }
        }
        Ok(Self { callbacks, state, _listening: listening })
    }

    /// The next callback.
    pub(super) async fn next(&mut self) -> Callback {
        match self.callbacks.recv().await {
            Some(callback) => callback,
            // The sender is in the state that this holds.
            None => std::future::pending().await,
        }
    }

    /// Answers the callback that ended the sign-in, and waits a moment for the browser to fetch the last page.
    pub(super) async fn end(self, callback: Callback, page: Page) {
        let _ = self.state.last_page.set(page);
        // The browser may have gone away.
        if callback.answer.send(Answer::Ended).is_ok() {
            let _ = timeout(LAST_PAGE_WITHIN, self.state.last_page_fetched.notified()).await;
        }
    }
}

impl Callback {
    /// Answers a callback that belongs to another sign-in, or to none.
    pub(super) fn refuse(self, page: Page) {
        let _ = self.answer.send(Answer::Page(page));
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = state.connections.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = state.clone();
                connections.spawn(async move {
                    // What a connection ends with concerns nobody here.
                    let _ = timeout(CONNECTION_WITHIN, serve(stream, state)).await;
                    drop(permit);
                });
            }
            // Too many open files, say: waiting is all that helps.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(state.answer(&request).await) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // Only now has the page left: what ends with the server before that would be cut off.
    if state.last_page_shown.load(Ordering::Relaxed) {
        state.last_page_fetched.notify_one();
    }
}

impl State {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !self.is_for_us(request) {
            return callback_page::bare(StatusCode::MISDIRECTED_REQUEST);
        }
        let (path, query) = (request.uri().path(), request.uri().query());
        let is_callback = path == self.path && query.is_some();
        if !is_callback && path != END {
            return callback_page::bare(StatusCode::NOT_FOUND);
        }
        if request.method() != Method::GET {
            return callback_page::bare(StatusCode::METHOD_NOT_ALLOWED);
        }
        match query {
            Some(query) if is_callback => self.take(SecretString::from(query)).await,
            _ => self.show_last_page(),
        }
    }

    /// Whether the request names this server. One that came by a rebound DNS name names another (RFC 9110 section 7.4).
    fn is_for_us(&self, request: &Request<Incoming>) -> bool {
        let mut hosts = request.headers().get_all(HOST).iter();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.as_bytes().eq_ignore_ascii_case(self.authority.as_bytes()),
            _ => false,
        }
    }

    async fn take(&self, query: SecretString) -> Response<Full<Bytes>> {
        if self.last_page.get().is_some() {
            return callback_page::redirect_to(END);
        }
        let (answer, answered) = oneshot::channel();
        if self.callbacks.send(Callback { query, answer }).await.is_err() {
            return callback_page::bare(StatusCode::SERVICE_UNAVAILABLE);
        }
        match answered.await {
            Ok(Answer::Ended) => callback_page::redirect_to(END),
            Ok(Answer::Page(page)) => page.response(),
            Err(_) => callback_page::bare(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    fn show_last_page(&self) -> Response<Full<Bytes>> {
        let Some(page) = self.last_page.get() else { return callback_page::bare(StatusCode::NOT_FOUND) };
        self.last_page_shown.store(true, Ordering::Relaxed);
        page.response()
    }
}

fn is_no_address(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn not_bound(address: &SocketAddr, error: &io::Error) -> Failure {
    let port = address.port();
    Failure::operator(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "Port {port} of this machine, where the browser is to come back, is in use. If Prophecy runs here, sign in \
             there; else end the other program, or give deployment.redirect_urls another port."
        ),
        _ => format!("The command cannot listen at {address}, where the browser is to come back ({error})."),
    })
}
