//! Sending a request and receiving its reply.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::task::JoinSet;
use tower_service::Service;

use super::body::{BodyLimits, ResponseBody};
use super::connector::{self, Connector, Versions};
use super::deadline::Deadline;
use super::error::SendError;
use super::gate::{Gate, Gated, Passage};
use super::policy::{EgressPolicy, Refusal};
use super::progress::{Progress, Watched};
use super::settings::EgressSettings;
use super::tls::{self, TlsSettingsError};
use crate::clock::SharedClock;

/// How many bytes the head of a reply may have. Databricks' replies stay below 8 KiB; four times that is room for
/// proxies on the way that add their own.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
/// How many headers a reply may have.
const MAX_HEADERS: usize = 100;
/// How long an unused connection is kept. Shorter than the idle times of the load balancers in front of workspaces, so
/// that a request seldom meets a connection that its other end is just closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

type BoxError = Box<dyn Error + Send + Sync>;
type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

/// What a single request asks for, as `wasi:http` has it in `request-options`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Given, the request spends something that cannot be spent twice: it gets a new connection of its own, and its
    /// first byte is never written later than this long after [`HttpClient::send`].
    pub connect_timeout: Option<Duration>,
    /// How long the host may take to begin its reply, from when the request is handed on: to its connection or, without
    /// a connect timeout, to the pool of connections.
    pub first_byte_timeout: Option<Duration>,
    /// How long the host may be silent within the body of its reply. Given, and without a connect timeout, the exchange is
    /// forwarded for somebody else: both bodies may take as long and be as large as they like, as long as they keep coming.
    pub between_bytes_timeout: Option<Duration>,
}

/// Sends requests: the one thing in this library that talks to the Internet.
///
/// It never follows a redirect, never sends a request twice and takes no notice of proxy variables. A clone is another
/// handle to the same connections.
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    policy: EgressPolicy,
    clock: SharedClock,
    total_timeout: Duration,
    max_response_body: u64,
    pool: Client<Connector, RequestBody>,
    single_use: Connector,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Makes a client. Nothing is connected to yet. `clock` must run while the machine sleeps.
    ///
    /// # Errors
    ///
    /// [`TlsSettingsError`] when the settings' `ca_file` is not a file of root certificates.
    pub fn new(settings: &EgressSettings, clock: SharedClock) -> Result<Self, TlsSettingsError> {
        let tls = tls::client_config(settings.ca_file.as_deref())?;
        let connector = |versions| {
            Connector::new(settings.resolver(), tls.clone(), versions, clock.clone(), settings.connect_timeout)
        };
        let pool = pool(connector(Versions::Http1AndHttp2));
        let single_use = connector(Versions::Http1);
        Ok(Self(Arc::new(Inner {
            policy: settings.policy(),
            clock,
            total_timeout: settings.total_timeout,
            max_response_body: settings.max_response_body,
            pool,
            single_use,
        })))
    }

    /// Sends a request and answers with the head of its reply; the body follows as it is read.
    ///
    /// All times count from this call, not from when the future is first polled. The `Host` header is made from the URL;
    /// one that the request brings along is dropped, as it could name another host than the one that was checked.
    ///
    /// # Errors
    ///
    /// The future ends in a [`SendError`]; [`SendError::proves_unsent`] says whether the request may be sent again. A
    /// status such as 404 or 302 is a reply and not an error.
    pub fn send<B>(
        &self,
        request: Request<B>,
        options: SendOptions,
    ) -> impl Future<Output = Result<Response<ResponseBody>, SendError>> + Send + use<B>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inner = self.0.clone();
        let started = inner.clock.monotonic();
        async move {
            inner.policy.check(request.method(), request.uri()).map_err(SendError::HttpRequestDenied)?;
            let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            request.headers_mut().remove(HOST);
            *request.version_mut() = Version::HTTP_11;
            match options.connect_timeout {
                Some(connect_timeout) => inner.send_on_new_connection(request, options, started, connect_timeout).await,
                None => inner.send_through_pool(request, options, started).await,
            }
        }
    }
}

/// The pool of connections for ordinary requests.
///
/// By default it would put a request on a second connection when the first, taken from the pool, turns out to be closed
/// before the request was begun. That is off: whether to repeat is decided in one place, which is not here. The price
/// is that an ordinary request can fail with [`SendError::ConnectionTerminated`] when it meets a connection that its
/// other end closes at that moment.
fn pool(connector: Connector) -> Client<Connector, RequestBody> {
    Client::builder(TokioExecutor::new())
        .retry_canceled_requests(false)
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .http1_max_headers(MAX_HEADERS)
        .http1_max_buf_size(MAX_HEAD_BYTES as usize)
        .http2_max_header_list_size(MAX_HEAD_BYTES)
        .build(connector)
}

impl Inner {
    /// Sends an ordinary request over a connection of the pool, or a new one that goes to the pool afterwards.
    async fn send_through_pool(
        &self,
        request: Request<RequestBody>,
        options: SendOptions,
        started: Duration,
    ) -> Result<Response<ResponseBody>, SendError> {
        if let Some(silence) = options.between_bytes_timeout {
            return self.forward_through_pool(request, options, started, silence).await;
        }
        let mut total = self.total_deadline(started);
        let sending = self.pool.request(request);
        let head = self.await_head(sending, &mut total, options).await?.map_err(|error| pool_failure(&error))?;
        self.reply(head, Some(total), options, None)
    }

    /// Sends a request for somebody else: while its body is being sent, nothing is late.
    async fn forward_through_pool(
        &self,
        request: Request<RequestBody>,
        options: SendOptions,
        started: Duration,
        silence: Duration,
    ) -> Result<Response<ResponseBody>, SendError> {
        let progress = Progress::since(self.clock.clone(), started);
        let request = request.map(|body| Watched::new(body, progress.clone()).boxed_unsync());
        let mut sending = pin!(self.pool.request(request));
        loop {
            let moved = progress.last();
            let mut head_by = Deadline::at(self.clock.clone(), moved.saturating_add(silence));
            match self.await_head(&mut sending, &mut head_by, options).await {
                Ok(head) => return self.reply(head.map_err(|error| pool_failure(&error))?, None, options, None),
                Err(SendError::HttpResponseTimeout) if progress.last() > moved => {}
                Err(late) => return Err(late),
            }
        }
    }

    /// Sends a request that must not be sent twice, over a connection of its own.
    async fn send_on_new_connection(
        &self,
        request: Request<RequestBody>,
        options: SendOptions,
        started: Duration,
        connect_timeout: Duration,
    ) -> Result<Response<ResponseBody>, SendError> {
        let mut total = self.total_deadline(started);
        let writes_until = started.saturating_add(connect_timeout.min(self.total_timeout));
        let stream = self.connect(request.uri().clone(), writes_until).await?;
        let request = in_origin_form(request)?;

        let gate = Gate::new(self.clock.clone(), writes_until);
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES as usize)
            .handshake(Gated::new(stream, gate.clone()))
            .await
            .map_err(|_| SendError::DestinationUnavailable)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its error reaches the sender or the body as well.
            let _ = connection.await;
        });

        let head = self.await_head(sender.send_request(request), &mut total, options).await;
        let head = head.and_then(|head| head.map_err(|error| SendError::of_exchange(&error)));
        let head = head.map_err(|error| unless_unsent(gate.give_up(), error))?;
        self.reply(head, Some(total), options, Some(driver))
    }

    /// Opens a connection of its own, until a moment of the monotonic clock.
    async fn connect(&self, uri: Uri, until: Duration) -> Result<connector::Stream, SendError> {
        let mut connector = self.single_use.clone();
        let connecting = async move {
            poll_fn(|cx| connector.poll_ready(cx)).await?;
            connector.call(uri).await
        };
        let mut deadline = Deadline::at(self.clock.clone(), until);
        deadline.bound(connecting).await.map_err(|_| SendError::ConnectionTimeout)?
    }

    /// Waits for the head of a reply, no longer than the options and the total deadline allow.
    async fn await_head<T>(
        &self,
        sending: impl Future<Output = T>,
        total: &mut Deadline,
        options: SendOptions,
    ) -> Result<T, SendError> {
        let sending = total.bound(async {
            match options.first_byte_timeout {
                Some(longest) => Deadline::after(self.clock.clone(), longest).bound(sending).await,
                None => Ok(sending.await),
            }
        });
        let in_total = sending.await.map_err(|_| SendError::HttpResponseTimeout)?;
        in_total.map_err(|_| SendError::ConnectionReadTimeout)
    }

    /// Checks the head of a reply and puts the bounds on its body.
    fn reply(
        &self,
        head: Response<Incoming>,
        total: Option<Deadline>,
        options: SendOptions,
        connection: Option<JoinSet<()>>,
    ) -> Result<Response<ResponseBody>, SendError> {
        // HTTP/1.1 has counted them already; HTTP/2 has only looked at their size.
        if head.headers().len() > MAX_HEADERS {
            return Err(SendError::HttpResponseHeaderSectionSize);
        }
        let limits = BodyLimits {
            clock: self.clock.clone(),
            between_bytes: options.between_bytes_timeout,
            size: total.as_ref().map_or(u64::MAX, |_| self.max_response_body),
            total,
        };
        Ok(head.map(|incoming| ResponseBody::new(incoming, limits, connection)))
    }

    fn total_deadline(&self, started: Duration) -> Deadline {
        Deadline::at(self.clock.clone(), started.saturating_add(self.total_timeout))
    }
}

/// Tells an error by what its gate has seen: while no byte has passed, the request is known to be unsent, whatever
/// else went wrong. A gate that was given up cannot be passed any more, so this stays true.
fn unless_unsent(passage: Passage, error: SendError) -> SendError {
    match (passage, error) {
        (Passage::Begun, error) => error,
        (Passage::Late, _) | (_, SendError::HttpResponseTimeout | SendError::ConnectionReadTimeout) => {
            SendError::ConnectionTimeout
        }
        // The body of the request could not be read: the caller's doing, and not for want of a connection.
        (_, SendError::InternalError) => SendError::InternalError,
        (Passage::Untouched | Passage::GivenUp, _) => SendError::DestinationUnavailable,
    }
}

/// What an error of the pool says. Only while connecting does it prove anything: the pool does not tell whether a request
/// that failed on a connection had been begun.
fn pool_failure(error: &legacy::Error) -> SendError {
    if error.is_connect() {
        return connector::failure(error);
    }
    let cause = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    cause.map_or(SendError::ConnectionTerminated, SendError::of_exchange)
}

/// Gives a request the form in which HTTP/1.1 sends it to the host itself (RFC 9112 section 3.2.1): the path alone in
/// its first line, the authority in `Host`. And asks the host to close the connection, as nothing else will use it.
fn in_origin_form(mut request: Request<RequestBody>) -> Result<Request<RequestBody>, SendError> {
    let not_absolute = SendError::HttpRequestDenied(Refusal::NotAbsolute);
    let host = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    request.headers_mut().insert(HOST, host.ok_or(not_absolute)?);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    Ok(request)
}
