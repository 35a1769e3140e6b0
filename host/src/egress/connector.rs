//! Connections: resolve, connect, shake hands, within a time.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::deadline::Deadline;
use super::error::{CertificateFault, SendError};
use super::resolver::Resolver;
use crate::clock::SharedClock;

/// Which versions of HTTP a connection may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// HTTP/1.1 alone: one request at a time, and its first byte is the connection's first byte.
    Http1,
    /// HTTP/2 where the server offers it, else HTTP/1.1.
    Http1AndHttp2,
}

/// Opens connections to hosts that the policy has let through.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector<Resolver>>,
    clock: SharedClock,
    timeout: Duration,
}

/// A connection, in clear (to loopback) or over TLS.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Connector {
    pub(super) fn new(
        resolver: Resolver,
        tls: ClientConfig,
        versions: Versions,
        clock: SharedClock,
        timeout: Duration,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        // The scheme is the policy's matter; plain http is right for loopback.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out over the addresses of a name, so that a dead one leaves time for the next.
        tcp.set_connect_timeout(Some(timeout));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let https = match versions {
            Versions::Http1 => builder.wrap_connector(tcp),
            Versions::Http1AndHttp2 => builder.enable_http2().wrap_connector(tcp),
        };
        Self { https, clock, timeout }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, SendError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.https.poll_ready(cx).map_err(|error| failure(&*error))
    }

    /// Opens a connection to the host of a URL. Every error proves that no byte of a request left, as the connection
    /// was not yet handed to anyone who could have written one.
    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut deadline = Deadline::after(self.clock.clone(), self.timeout);
        let connecting = self.https.call(uri);
        Box::pin(async move {
            let connected = deadline.bound(connecting).await.map_err(|_| SendError::ConnectionTimeout)?;
            connected.map_err(|error| failure(&*error))
        })
    }
}

/// Finds in the layers of an error of a connection that was not made what is at the bottom of it.
///
/// All variants that this answers prove that nothing was sent. `TLS-protocol-error` and `TLS-alert-received` would not,
/// since a host may also give them for a connection in use; a handshake that fails for another reason than the
/// certificate is therefore told as an unavailable destination.
pub(super) fn failure(error: &(dyn Error + 'static)) -> SendError {
    let mut layer = Some(error);
    while let Some(error) = layer {
        if let Some(known) = error.downcast_ref::<SendError>() {
            return known.clone();
        }
        if let Some(rustls::Error::InvalidCertificate(certificate)) = error.downcast_ref() {
            return SendError::TlsCertificateError(CertificateFault::from(certificate));
        }
        layer = match error.downcast_ref::<io::Error>() {
            Some(error) => match io_failure(error.kind()) {
                Some(failure) => return failure,
                // Not `source`, which would skip the error that is directly inside.
                None => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            },
            None => error.source(),
        };
    }
    SendError::DestinationUnavailable
}

fn io_failure(kind: io::ErrorKind) -> Option<SendError> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some(SendError::ConnectionRefused),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Some(SendError::DestinationIpUnroutable),
        io::ErrorKind::TimedOut => Some(SendError::ConnectionTimeout),
        _ => None,
    }
}
