//! One refresh request: what was sent, what Databricks meant by its answer, and how it ended for the core.

use std::time::Duration;

use fabric_auth_guest::ports::{HttpMethod, HttpRequest};

use crate::books::Issue;
use crate::bounds;
use crate::clock::Instant;
use crate::ports::SimulatedPorts;

/// What an answer says, as Databricks means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Success,
    /// Certainly nothing was done.
    Unprocessed,
    /// The client was not accepted; no grant was touched.
    InvalidClient,
    Dead,
    /// Nobody can tell from it.
    Unusable,
    CutOff,
    Other,
}

/// How an exchange ended for the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered(Meaning),
    /// The core gave up at its deadline.
    Deadline,
    /// The core stopped waiting before its deadline.
    Dropped,
    /// Host or instance died.
    Interrupted,
}

/// One refresh request.
pub(crate) struct Exchange {
    pub(crate) renewal: Option<u64>,
    pub(crate) host: usize,
    pub(crate) refresh_token: String,
    pub(crate) session: Option<usize>,
    /// The grant's generation when it was sent.
    pub(super) generation: Option<u64>,
    pub(super) handed_over: Instant,
    pub(super) written_by_host_clock: Duration,
    /// Databricks will do nothing more about it.
    pub(super) settled: bool,
    pub(crate) issue: Option<Issue>,
    pub(crate) end: Option<End>,
}

impl Exchange {
    /// Whether the core could not know what became of it, or could not keep what it brought.
    pub(crate) fn is_unresolved(&self) -> bool {
        match self.end {
            Some(End::Answered(Meaning::Unusable | Meaning::CutOff) | End::Deadline | End::Interrupted) | None => true,
            Some(End::Answered(_) | End::Dropped) => false,
        }
    }
}

/// The last refresh of a session that Databricks granted.
pub(crate) struct LastSuccess {
    pub(super) handed_over: Instant,
    pub(super) access_token: String,
}

/// Follows one request from its first byte to the end of the core's interest in it.
pub(crate) struct Conversation<'a> {
    ports: &'a SimulatedPorts,
    number: Option<u64>,
    ended: bool,
}

impl<'a> Conversation<'a> {
    /// The first byte is written.
    pub(crate) fn begin(ports: &'a SimulatedPorts, request: &HttpRequest, handed_over: Instant) -> Self {
        let form = form_urlencoded::parse(&request.body);
        let shown = form.into_owned().find(|(name, _)| name == "refresh_token").map(|(_, value)| value);
        let number = shown
            .filter(|_| request.method == HttpMethod::Post)
            .map(|shown| ports.world.monitor.sent(ports, shown, handed_over));
        Self { ports, number, ended: false }
    }

    pub(crate) fn number(&self) -> Option<u64> {
        self.number
    }

    /// The core has the answer.
    pub(crate) fn end(&mut self, meaning: Meaning) {
        self.ended = true;
        self.set(End::Answered(meaning));
    }

    fn set(&self, end: End) {
        let world = &self.ports.world;
        let Some(number) = self.number else { return };
        world.trace.note(world.now(), Some(self.ports.host), || format!("exchange {number} ended: {end:?}"));
        if let Some(exchange) = world.monitor.exchanges.borrow_mut().get_mut(number as usize) {
            exchange.end = Some(end);
        }
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number.filter(|_| !self.ended) else { return };
        let monitor = &self.ports.world.monitor;
        let written = monitor.exchanges.borrow().get(number as usize).map(|exchange| exchange.written_by_host_clock);
        let waited = self.ports.monotonic_now().saturating_sub(written.unwrap_or_default());
        // The deadline counts from before the connection was made.
        let connecting = Duration::from_secs(11);
        let patience = match monitor.is_second(number) {
            true => bounds::SECOND_TOKEN_DEADLINE,
            false => bounds::TOKEN_DEADLINE,
        };
        self.set(if waited + connecting >= patience { End::Deadline } else { End::Dropped });
    }
}

/// Enough of a secret to tell it from others.
pub(crate) fn short(secret: &str) -> &str {
    secret.get(secret.len().saturating_sub(6)..).unwrap_or(secret)
}
