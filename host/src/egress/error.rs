//! Why a request got no reply, in the words of `wasi:http`.

use std::error::Error;
use std::io;

use super::policy::Refusal;

/// Why a request got no reply, or its reply no end.
///
/// Each variant stands for the error code of `wasi:http/types` with the same name. [`SendError::proves_unsent`] divides
/// them: a refresh token that may have reached the server must not be sent again, one that did not may. A variant on the
/// proving side is given only where this library knows that it has not handed one byte of the request to the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The policy does not let the request out.
    #[error("the request was not sent: {0}")]
    HttpRequestDenied(Refusal),
    /// The operating system could not resolve the name.
    #[error("the host's name could not be resolved; check the workspace URL and the name servers of this machine")]
    DnsError,
    /// The name exists and has no address.
    #[error("the host's name has no address; check the workspace URL")]
    DestinationNotFound,
    /// Every address of the name is one that connections may not go to.
    #[error(
        "the host resolves to internal addresses only; if the workspace is reached by a private link, an operator can \
         set egress.allow_private_addresses"
    )]
    DestinationIpProhibited,
    /// No route leads to the address.
    #[error("no route leads to the host; check this machine's network")]
    DestinationIpUnroutable,
    /// The connection could not be made ready, or ended before the first byte of the request.
    #[error("the connection to the host ended before the request was sent; try again later")]
    DestinationUnavailable,
    /// The host refused the connection.
    #[error("the host refused the connection; check the workspace URL and the firewalls on the way")]
    ConnectionRefused,
    /// The connection was not ready in time, and the request was not begun.
    #[error("the connection to the host was not ready in time, and the request was not sent; try again later")]
    ConnectionTimeout,
    /// The host's certificate is not acceptable. Nothing was sent.
    #[error("the host's certificate was not accepted: {0}")]
    TlsCertificateError(CertificateFault),
    /// The connection ended while the request or its reply was under way.
    #[error("the connection broke while the request was under way; whether the host acted on it is not known")]
    ConnectionTerminated,
    /// The first byte of the reply, or the next one, did not come within the time that the request's options give.
    #[error("the host fell silent; whether it acted on the request is not known")]
    ConnectionReadTimeout,
    /// The exchange did not end within the total time.
    #[error("the host did not answer in full in time; whether it acted on the request is not known")]
    HttpResponseTimeout,
    /// The reply ended before it was complete.
    #[error("the host's reply was cut off; whether it acted on the request is not known")]
    HttpResponseIncomplete,
    /// The reply has more headers, or larger ones, than are accepted.
    #[error("the headers of the host's reply are too many or too large")]
    HttpResponseHeaderSectionSize,
    /// The body of the reply is larger than the given number of bytes.
    #[error("the body of the host's reply is larger than {0} bytes")]
    HttpResponseBodySize(u64),
    /// The reply is not HTTP.
    #[error("the host's reply is not valid HTTP; something else may be listening there")]
    HttpProtocolError,
    /// The body of the request could not be read to its end, so the request was given up.
    #[error("the request was given up because its body could not be read to its end")]
    InternalError,
}

impl SendError {
    /// Whether this error proves that no byte of the request left this machine.
    ///
    /// A TLS handshake carries no byte of the request, as early data is never used: whatever fails up to its end proves
    /// it. From the first byte handed to the connection on nothing proves anything, whatever the connection says
    /// afterwards: it may have been delivered, acted upon, and the answer lost.
    pub fn proves_unsent(&self) -> bool {
        match self {
            Self::HttpRequestDenied(_)
            | Self::DnsError
            | Self::DestinationNotFound
            | Self::DestinationIpProhibited
            | Self::DestinationIpUnroutable
            | Self::DestinationUnavailable
            | Self::ConnectionRefused
            | Self::ConnectionTimeout
            | Self::TlsCertificateError(_) => true,
            Self::ConnectionTerminated
            | Self::ConnectionReadTimeout
            | Self::HttpResponseTimeout
            | Self::HttpResponseIncomplete
            | Self::HttpResponseHeaderSectionSize
            | Self::HttpResponseBodySize(_)
            | Self::HttpProtocolError
            | Self::InternalError => false,
        }
    }

    /// What an error of hyper says about an exchange that had begun. None of the answers proves anything.
    pub(super) fn of_exchange(error: &hyper::Error) -> Self {
        if error.is_parse_too_large() {
            Self::HttpResponseHeaderSectionSize
        } else if error.is_parse() {
            Self::HttpProtocolError
        } else if error.is_user() {
            Self::InternalError
        } else if error.is_incomplete_message() || is_early_end(error) {
            Self::HttpResponseIncomplete
        } else {
            Self::ConnectionTerminated
        }
    }
}

/// Whether the stream ended before its end was due: within a body of known length, or without TLS' own farewell.
fn is_early_end(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

/// What is wrong with a host's certificate, and who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No trusted root stands behind it.
    #[error(
        "no trusted root has signed it; if a proxy of your company inspects TLS, an operator can name its root in \
         egress.ca_file"
    )]
    UnknownIssuer,
    /// It is for other names.
    #[error("it was issued for another host; check the workspace URL")]
    OtherName,
    /// It has expired, or is not valid yet.
    #[error("it is not valid at this time; check this machine's clock, else the host's operator must renew it")]
    Time,
    /// Anything else: malformed, revoked, badly signed, not for servers.
    #[error("it is malformed, revoked or not meant for servers; the host's operator must replace it")]
    Other,
}

impl From<&rustls::CertificateError> for CertificateFault {
    fn from(error: &rustls::CertificateError) -> Self {
        use rustls::CertificateError::{
            Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
            UnknownIssuer,
        };
        match error {
            UnknownIssuer => Self::UnknownIssuer,
            NotValidForName | NotValidForNameContext { .. } => Self::OtherName,
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => Self::Time,
            _ => Self::Other,
        }
    }
}
