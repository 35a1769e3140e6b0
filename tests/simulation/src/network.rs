//! The import `wasi:http/client` of one host: connecting, writing, waiting. What was written belongs to the network; it
//! arrives whatever becomes of the host.

use std::time::Duration;

use fabric_auth_guest::ports::{Http, HttpFailure, HttpRequest, HttpResponse, NotSent};
use futures::channel::oneshot;

use crate::executor::Owner;
use crate::faults::Fault;
use crate::invariants::exchange::{Conversation, Meaning};
use crate::nemesis;
use crate::ports::SimulatedPorts;
use crate::workspace;

/// A reply with what it means to the monitor, who must know without reading it.
pub(crate) struct Reply {
    pub(crate) response: HttpResponse,
    pub(crate) meaning: Meaning,
}

impl Http for SimulatedPorts {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        let world = &self.world;
        let handed_over = world.now();
        let started = self.monotonic_now();
        self.connect().await?;
        // The promise of `connect-timeout`: the check and the first byte are one step.
        let waited = self.monotonic_now().saturating_sub(started);
        if request.spends.is_some_and(|limit| waited > limit) {
            return Err(HttpFailure::NotSent(NotSent::NoConnection));
        }
        let (answer, answered) = oneshot::channel();
        let mut conversation = Conversation::begin(self, &request, handed_over);
        let number = conversation.number();
        world.executor.spawn(Owner::World, workspace::serve(self.clone(), request, number, answer));
        let reply = answered.await.map_err(|_| HttpFailure::OutcomeUnknown);
        // The body takes another moment to read.
        if world.rng.chance(0.5) {
            world.timers.sleep(world.rng.millis(0, 20)).await;
        }
        if reply.as_ref().is_ok_and(|reply| reply.meaning == Meaning::Success) && number.is_some() {
            nemesis::answered(world, self.host);
        }
        conversation.end(reply.as_ref().map_or(Meaning::CutOff, |reply| reply.meaning));
        reply.map(|reply| reply.response)
    }
}

impl SimulatedPorts {
    async fn connect(&self) -> Result<(), HttpFailure> {
        let world = &self.world;
        world.timers.sleep(world.latency()).await;
        if world.strikes(0.005, Fault::NameUnknown) {
            return Err(HttpFailure::NotSent(NotSent::UnknownHost));
        }
        if world.databricks_away_until.get() > world.now() || world.strikes(0.02, Fault::ConnectionRefused) {
            return Err(HttpFailure::NotSent(NotSent::NoConnection));
        }
        if world.strikes(0.02, Fault::ConnectionSlow) {
            world.timers.sleep(world.rng.between(Duration::from_secs(1), Duration::from_secs(14))).await;
        }
        Ok(())
    }
}
