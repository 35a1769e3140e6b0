//! One request and its reply, within a deadline, and how a failure to get one is told.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use zeroize::Zeroizing;

use crate::contract::Error;
use crate::core::Core;
use crate::ports::{HttpFailure, HttpMethod, HttpRequest, HttpResponse, NotSent, Ports};

/// A token request may take this long. Identity providers behind Databricks answer in seconds; past this, waiting
/// callers are better told. Every bound on claims builds on it.
pub const TOKEN_DEADLINE: Duration = Duration::from_secs(30);

/// A request that spends something must have begun by then: long enough for a slow handshake, short enough that a
/// frozen host does not send long after somebody took over.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Discovery and workspace calls.
pub const CALL_DEADLINE: Duration = Duration::from_secs(15);

/// What a reply that is already on this machine takes at most to be handed over.
const AFTER_SLEEP: Duration = Duration::from_millis(500);

/// Longest reply of a token endpoint or a metadata document. The largest seen is some 6 KiB.
pub const SMALL_REPLY: usize = 128 * 1024;

/// Longest reply of a workspace call; SCIM `Me` lists all groups of a user.
pub const LARGE_REPLY: usize = 1024 * 1024;

impl HttpRequest {
    /// A GET of a JSON document.
    pub fn get(url: String) -> Self {
        Self {
            method: HttpMethod::Get,
            url,
            headers: vec![("accept", Zeroizing::new("application/json".to_owned()))],
            body: Zeroizing::default(),
            spends: None,
            reply_limit: SMALL_REPLY,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: Zeroizing<String>) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl HttpResponse {
    /// The body as JSON, if it is.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl<P: Ports> Core<P> {
    /// Sends, and gives up at the deadline. Given up means outcome unknown: the request may yet be acted on.
    ///
    /// A machine that slept past the deadline may have the reply in its buffers. It gets a moment to hand that over.
    pub(crate) async fn send(&self, request: HttpRequest, deadline: Duration) -> Result<HttpResponse, HttpFailure> {
        let reply = pin!(self.ports.send(request));
        let late = pin!(self.ports.wait(deadline));
        let reply = match select(reply, late).await {
            Either::Left((reply, _)) => return reply,
            Either::Right(((), reply)) => reply,
        };
        let too_late = pin!(self.ports.wait(AFTER_SLEEP));
        match select(reply, too_late).await {
            Either::Left((reply, _)) => reply,
            Either::Right(((), _)) => Err(HttpFailure::OutcomeUnknown),
        }
    }
}

/// Tells why a host could not be asked.
pub fn unreachable(failure: HttpFailure, root: &str) -> Error {
    match failure {
        HttpFailure::NotSent(NotSent::UnknownHost) => Error::Unreachable(format!(
            "The name of {root} does not resolve from this deployment. Check the workspace URL; if it is right, the network administrator must make the name known here."
        )),
        HttpFailure::NotSent(NotSent::NoConnection) => Error::Unreachable(format!(
            "{root} does not accept a connection from this deployment. The network administrator must allow it; your own browser may still reach it."
        )),
        HttpFailure::NotSent(NotSent::Certificate) => Error::Unreachable(format!(
            "The certificate of {root} is not valid here. The operator must name the certificate authority in `egress.ca_file`, or something intercepts the connection."
        )),
        HttpFailure::NotSent(NotSent::Forbidden) => Error::Unreachable(format!(
            "This deployment's egress rules do not allow {root}. Whoever operates it can add the host to `egress.allow` or `egress.workspace_suffixes`."
        )),
        HttpFailure::OutcomeUnknown => {
            Error::unavailable(format!("{root} did not answer in time, or the connection broke. Try again."), None)
        }
    }
}
