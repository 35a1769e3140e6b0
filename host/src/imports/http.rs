//! Import `wasi:http`: wasmtime's types, and our own way out. The feature of wasmtime that would send requests by
//! itself is off, so [`EgressHooks::send_request`] is the only one.

use std::pin::Pin;
use std::sync::Arc;

use http::uri::Scheme;
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::egress::{SendError, SendOptions};
use crate::runtime::{Parts, State};

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Reply = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send>;

/// Sends what an instance wants sent.
pub(crate) struct EgressHooks {
    parts: Arc<Parts>,
}

impl EgressHooks {
    /// Hooks that send through the host's client and its policy.
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.egress, table: &mut self.table, ctx: &mut self.http }
    }
}

impl WasiHttpHooks for EgressHooks {
    fn is_supported_scheme(&mut self, scheme: &Scheme) -> bool {
        // Plain http is decided by the policy, which knows loopback.
        *scheme == Scheme::HTTPS || *scheme == Scheme::HTTP
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processing: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Reply {
        let options = options.unwrap_or_default();
        let options = SendOptions {
            connect_timeout: options.connect_timeout,
            first_byte_timeout: options.first_byte_timeout,
            between_bytes_timeout: options.between_bytes_timeout,
        };
        // The times that the client promises count from here, not from when the future is first polled.
        let reply = self.parts.egress.send(request, options);
        let parts = self.parts.clone();
        Box::new(async move {
            let reply = reply.await;
            parts.counts.sent(reply.as_ref().ok().map(http::Response::status));
            let reply = reply.map_err(error)?.map(|body| body.map_err(error).boxed_unsync());
            // The client drives the connection by itself; there is nothing left to wait for.
            let done: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(async { Ok(()) });
            Ok((reply, Box::new(done) as Transmission))
        })
    }
}

/// The error code of `wasi:http` that says the same. Those that prove that nothing left stay apart from all others
/// (`wit/worlds.wit`), and no text of a peer goes along.
fn error(error: SendError) -> Error {
    match error {
        SendError::HttpRequestDenied(_) => Error::HttpRequestDenied,
        SendError::DnsError => Error::DnsError { rcode: None, info_code: None },
        SendError::DestinationNotFound => Error::DestinationNotFound,
        SendError::DestinationIpProhibited => Error::DestinationIpProhibited,
        SendError::DestinationIpUnroutable => Error::DestinationIpUnroutable,
        SendError::DestinationUnavailable => Error::DestinationUnavailable,
        SendError::ConnectionRefused => Error::ConnectionRefused,
        SendError::ConnectionTimeout => Error::ConnectionTimeout,
        SendError::TlsCertificateError(_) => Error::TlsCertificateError,
        SendError::ConnectionTerminated => Error::ConnectionTerminated,
        SendError::ConnectionReadTimeout => Error::ConnectionReadTimeout,
        SendError::HttpResponseTimeout => Error::HttpResponseTimeout,
        SendError::HttpResponseIncomplete => Error::HttpResponseIncomplete,
        SendError::HttpResponseHeaderSectionSize => Error::HttpResponseHeaderSectionSize(None),
        SendError::HttpResponseBodySize(size) => Error::HttpResponseBodySize(Some(size)),
        SendError::HttpProtocolError => Error::HttpProtocolError,
        SendError::InternalError => Error::InternalError(None),
    }
}
