//! What the core needs of the world, as traits: the imports of the component, without WebAssembly.
//!
//! In the component they are the imports (`component::imports`); native tests give the core their own.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::contract::Error;
use crate::contract::callers::Admission;
use crate::contract::deployment::Description;
use crate::contract::journal::Event;
use crate::contract::keys::{KeysError, WrappedKey};
use crate::contract::storage::{Entry, Page, Precondition, StorageError, WriteOutcome};

/// Everything the core needs, in one bound.
pub trait Ports: Http + Storage + Keys + Renewals + Journal + Callers + Deployment + Clock + Random {}

impl<T: Http + Storage + Keys + Renewals + Journal + Callers + Deployment + Clock + Random> Ports for T {}

/// Interface `storage`: see `wit/storage.wit` for every guarantee.
#[expect(async_fn_in_trait, reason = "an instance is single-threaded; no future of the core is ever sent")]
pub trait Storage {
    /// Reads a record.
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError>;
    /// Writes a record if the precondition holds.
    async fn put(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
    ) -> Result<WriteOutcome, StorageError>;
    /// Removes a record if it still has this revision.
    async fn delete(&self, key: &str, revision: u64) -> Result<WriteOutcome, StorageError>;
    /// Lists records by prefix, in the byte order of their keys.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError>;
}

/// Interface `keys`: the master keys, which stay with the host.
#[expect(async_fn_in_trait, reason = "an instance is single-threaded; no future of the core is ever sent")]
pub trait Keys {
    /// Wraps a data key under the primary master key.
    async fn wrap(&self, data_key: &[u8; 32]) -> Result<WrappedKey, KeysError>;
    /// Unwraps a data key.
    async fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, KeysError>;
}

/// Interface `renewals`: runs `maintenance.renew` in an instance of its own.
#[expect(async_fn_in_trait, reason = "an instance is single-threaded; no future of the core is ever sent")]
pub trait Renewals {
    /// Renews or joins, and answers when it has ended.
    async fn run(&self, grant: &str) -> Result<(), Error>;
    /// Begins a renewal unless one is under way.
    fn start(&self, grant: &str);
}

/// Interface `journal`.
#[expect(async_fn_in_trait, reason = "an instance is single-threaded; no future of the core is ever sent")]
pub trait Journal {
    /// Writes an event down.
    async fn record(&self, event: Event) -> Result<(), String>;
}

/// Interface `callers`.
pub trait Callers {
    /// Redeems a gateway ticket, once.
    fn redeem(&self, ticket: &str) -> Option<Admission>;
}

/// Interface `deployment`.
pub trait Deployment {
    /// Describes the deployment.
    fn describe(&self) -> Description;
    /// The client secret of SaaS's own app connection.
    fn default_client_secret(&self) -> Option<String>;
}

/// Interface `wasi:clocks`.
#[expect(async_fn_in_trait, reason = "an instance is single-threaded; no future of the core is ever sent")]
pub trait Clock {
    /// Time since an unspecified start, on a clock that runs while the machine sleeps.
    fn monotonic(&self) -> Duration;
    /// Seconds since 1970 by the wall clock. Only for reading dates that a peer sent.
    fn unix_seconds(&self) -> u64;
    /// Waits.
    async fn wait(&self, duration: Duration);
}

/// Interface `wasi:random`.
pub trait Random {
    /// Fills with cryptographically secure random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Interface `wasi:http/client`: one request, one reply, both held whole.
#[expect(async_fn_in_trait, reason = "an instance is single-threaded; no future of the core is ever sent")]
pub trait Http {
    /// Sends a request and reads the reply. Never follows a redirect, never repeats.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpFailure>;
}

/// A request. Its headers and body may hold secrets, so it does not print.
pub struct HttpRequest {
    /// Method.
    pub method: HttpMethod,
    /// Whole URL: https, or http on loopback.
    pub url: String,
    /// Headers; values may hold secrets.
    pub headers: Vec<(&'static str, Zeroizing<String>)>,
    /// Body; empty for GET.
    pub body: Zeroizing<Vec<u8>>,
    /// For requests that spend what cannot be spent twice: a new connection, and no byte later than this after the
    /// request was handed over (`wit/worlds.wit`, "connect-timeout").
    pub spends: Option<Duration>,
    /// Most bytes of a reply that are read; a longer reply is a failure.
    pub reply_limit: usize,
}

/// The methods the core uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// A reply. Its body may hold tokens, so it does not print and is zeroed.
pub struct HttpResponse {
    /// Status.
    pub status: u16,
    /// `content-type`.
    pub content_type: Option<String>,
    /// `location`.
    pub location: Option<String>,
    /// `retry-after`.
    pub retry_after: Option<String>,
    /// `date`.
    pub date: Option<String>,
    /// The whole body.
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFailure {
    /// It is certain that no byte of the request left.
    NotSent(NotSent),
    /// The request may have been received and acted on.
    OutcomeUnknown,
}

/// Why a request did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// The name does not resolve.
    UnknownHost,
    /// The host does not accept connections, or not in time.
    NoConnection,
    /// The certificate is not valid for the host.
    Certificate,
    /// The host's egress policy forbids this destination.
    Forbidden,
}
