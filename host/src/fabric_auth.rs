//! The embedding API: the component's functions as Rust methods, those of an interface in the module of its name. Here
//! are the host itself, the gateway and the figures.
//!
//! Effects, edge cases and errors of every function are documented in `wit/`; what is said here is what Rust adds.
//! Secrets come and go as [`SecretString`], which does not print and is wiped. When the future of a call is dropped,
//! the call goes on to its end inside.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use wasmtime_wasi_http::Error as WasiError;

use crate::builder::Builder;
use crate::clock::SharedClock;
use crate::contract::Error;
use crate::contract::callers::Admission;
use crate::deployment::Deployment;
use crate::figures::Figures;
use crate::runtime::{ForwardedBody, Held, Hold, Instances};

/// A running host. Clones are handles to the same one.
#[derive(Clone)]
pub struct FabricAuth {
    instances: Arc<Instances>,
    _hold: Arc<Hold>,
}

/// Calls a function of an exported interface with owned copies of its parameters.
macro_rules! call {
    ($self:ident, $affinity:expr, $interface:ident . $function:ident ( $($parameter:expr),* )) => {{
        let affinity: &[&str] = &$affinity;
        $self
            .instances
            .call(affinity, move |accessor, guest| {
                Box::pin(async move { guest.$interface().$function(accessor, $($parameter),*).await })
            })
            .await?
    }};
}

// Below the macro, which they use.
mod administration;
mod databricks_oauth;
mod maintenance;

impl FabricAuth {
    /// Begins to put a host together.
    pub fn builder(deployment: Deployment) -> Builder {
        Builder::new(deployment)
    }

    pub(crate) fn new(instances: Arc<Instances>, hold: Hold) -> Self {
        Self { instances, _hold: Arc::new(hold) }
    }

    /// The clock that this host goes by.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.instances.parts.clock
    }

    /// Lets a piece of the journal's events go that are older than [`Builder::retention`] says, and gives how many went: a
    /// few hundred of each chain, none when there is nothing left to do. A host does this by itself unless
    /// [`Builder::expire_every`] says otherwise.
    ///
    /// # Errors
    /// A sentence for the operator, when the journal cannot be read or written.
    pub async fn prune_journal(&self) -> Result<u64, String> {
        self.instances.prune_journal().await
    }

    /// Sends a request to the workspace of a fabric, with the token that the admission calls for: `wasi:http/handler`, see
    /// `wit/callers.wit`. The URL's path and query are what the workspace is asked for; scheme and authority are the
    /// fabric's in any case. Bodies stream in both directions.
    ///
    /// What the gateway refuses is a reply with problem details (RFC 9457), not an error.
    ///
    /// # Errors
    /// `unavailable` when the component was interrupted, `internal`.
    pub async fn forward<B>(
        &self,
        admission: Admission,
        request: http::Request<B>,
    ) -> Result<http::Response<ForwardedBody>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        self.forward_holding(admission, request, Box::new(())).await
    }

    /// The same, and keeps something until nothing of the request is left: it goes on when its sender has gone.
    pub(crate) async fn forward_holding<B>(
        &self,
        admission: Admission,
        request: http::Request<B>,
        held: Held,
    ) -> Result<http::Response<ForwardedBody>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        // Why a client's body broke off concerns nobody behind it.
        let request = request.map(|body| body.map_err(|_| WasiError::ConnectionTerminated).boxed_unsync());
        self.instances.forward(admission, request, held).await
    }

    /// How many events this host has written into the journal since it was built.
    pub fn journal_events(&self) -> u64 {
        self.instances.parts.journal.written()
    }

    /// How many events this host could not write into the journal, or not for certain, since it was built. Each is also
    /// logged with its cause. Anything but zero means that the audit trail has gaps.
    pub fn journal_losses(&self) -> u64 {
        self.instances.parts.journal.losses()
    }

    /// What this host has done since it was built, and what it is at, in numbers.
    pub fn figures(&self) -> Figures {
        self.instances.figures()
    }

    /// Waits for renewals and writes that have begun. A host that ends without it may lose a reply of Databricks, and
    /// with it a person's session. Makes no further calls possible.
    pub async fn finish(self) {
        self.instances.finish().await;
    }
}

/// A secret, copied for the crossing into the sandbox, whose memory ends with the instance.
fn exposed(secret: Option<&SecretString>) -> Option<String> {
    secret.map(|secret| secret.expose_secret().to_owned())
}
