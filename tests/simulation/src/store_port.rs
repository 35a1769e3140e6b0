//! The import `storage` of one host: the way to the store and back, with everything that can go wrong on it, and what
//! the host itself has seen (`unchanged-for`), as the reference host does it (`host/src/storage/observed.rs`).

use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::contract::storage::{Entry, Page, Precondition, StorageError, WriteOutcome};
use fabric_auth_guest::ports::Storage;
use futures::channel::oneshot;
use futures::future::{Either, select};

use crate::executor::Owner;
use crate::faults::Fault;
use crate::nemesis;
use crate::ports::SimulatedPorts;
use crate::world::World;

/// As the reference host has them.
const READ_BUDGET: Duration = Duration::from_secs(2);
const WRITE_BUDGET: Duration = Duration::from_secs(5);

/// Most that passes between two tries of a network to deliver something.
const LONGEST_RESEND: Duration = Duration::from_secs(15);

/// What is written.
enum Change {
    Put { value: Vec<u8>, tag: Option<String>, precondition: Precondition },
    Delete { revision: u64 },
}

/// What goes wrong with a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteFault {
    None,
    Failed,
    NotLanded,
    Landed,
    LandsLate,
}

impl Storage for SimulatedPorts {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        let began = self.monotonic_now();
        self.reach_for_reading().await?;
        let found = self.world.store.get(key, self.world.now());
        self.world.timers.sleep(self.world.latency()).await;
        Ok(self.see(key, found, began))
    }

    async fn put(
        &self,
        key: &str,
        value: Vec<u8>,
        tag: Option<String>,
        precondition: Precondition,
    ) -> Result<WriteOutcome, StorageError> {
        self.change(key, Change::Put { value, tag, precondition }).await
    }

    async fn delete(&self, key: &str, revision: u64) -> Result<WriteOutcome, StorageError> {
        self.change(key, Change::Delete { revision }).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError> {
        self.reach_for_reading().await?;
        let page = self.world.store.list(prefix, after, limit, self.world.now());
        self.world.timers.sleep(self.world.latency()).await;
        Ok(page)
    }
}

impl SimulatedPorts {
    async fn reach_for_reading(&self) -> Result<(), StorageError> {
        let world = &self.world;
        world.timers.sleep(world.latency()).await;
        let away = world.store.unreachable_until(self.host, world.now()).is_some();
        let failed = world.strikes(0.002, Fault::ReadFailed);
        if away || failed {
            world.timers.sleep(world.rng.between(Duration::ZERO, READ_BUDGET)).await;
            return Err(self.store_failed(StorageError::Unavailable("no answer".to_owned())));
        }
        Ok(())
    }

    fn store_failed(&self, error: StorageError) -> StorageError {
        self.world.hosts[self.host].store_failed_at.set(Some(self.world.now()));
        self.world.monitor.store_failed(self.renewal, self.world.now());
        error
    }

    /// A write runs in a task of the host's, so that whoever wanted it may go away.
    async fn change(&self, key: &str, change: Change) -> Result<WriteOutcome, StorageError> {
        let (answer, answered) = oneshot::channel();
        let (ports, key) = (self.clone(), key.to_owned());
        // What the value says of time is true now, whatever happens before it is on its way.
        let begun = (self.monotonic_now(), self.world.store.clock(self.world.now()));
        self.world.clone().executor.spawn(Owner::Host(self.host), async move {
            let result = ports.carry_through(key, change, begun).await;
            let _ = answer.send(result);
        });
        let result = answered.await.unwrap_or_else(|_| Err(StorageError::OutcomeUnknown("the host ended".to_owned())));
        if matches!(result, Ok(WriteOutcome::Written(_))) {
            self.world.monitor.store_answered(self.renewal);
        }
        result
    }

    /// `begun`: when the write was begun, by the host's clock and by the store's.
    async fn carry_through(
        &self,
        key: String,
        change: Change,
        (began, begun): (Duration, i64),
    ) -> Result<WriteOutcome, StorageError> {
        let world = &self.world;
        let tag = match &change {
            Change::Put { tag, .. } => tag.clone(),
            Change::Delete { .. } => None,
        };
        let fault = world.write_fault();
        if fault == WriteFault::Failed {
            world.timers.sleep(world.latency()).await;
            return Err(self.store_failed(StorageError::Unavailable("no connection".to_owned())));
        }
        let (landing, landed) = oneshot::channel();
        world.executor.spawn(Owner::World, land(self.clone(), key.clone(), (change, begun), fault, landing));
        let patience = world.timers.sleep_until(world.hosts[self.host].clock.after(world.now(), WRITE_BUDGET));
        let result = match select(landed, patience).await {
            Either::Left((Ok(result), _)) => result,
            _ => Err(StorageError::OutcomeUnknown("no answer in time".to_owned())),
        };
        let result = result.map(|outcome| match outcome {
            WriteOutcome::Written(revision) => {
                self.remember(&key, tag.as_deref(), began);
                WriteOutcome::Written(revision)
            }
            WriteOutcome::Lost(current) => WriteOutcome::Lost(self.see(&key, current, began)),
        });
        if matches!(result, Ok(WriteOutcome::Written(_)) | Err(StorageError::OutcomeUnknown(_))) {
            world.announce(self.host, key);
        }
        result.map_err(|error| self.store_failed(error))
    }

    fn see(&self, key: &str, found: Option<Entry>, began: Duration) -> Option<Entry> {
        let tag = found.as_ref().and_then(|entry| entry.tag.clone());
        let unchanged_for = self.remember(key, tag.as_deref(), began);
        found.map(|entry| Entry { unchanged_for: unchanged_for.as_nanos() as u64, ..entry })
    }

    /// Since when this host has seen this tag. `began` is when the store was asked.
    fn remember(&self, key: &str, tag: Option<&str>, began: Duration) -> Duration {
        let now = self.monotonic_now();
        let mut sightings = self.world.hosts[self.host].sightings.borrow_mut();
        let first_seen = match (tag, sightings.get(key)) {
            (Some(tag), Some((seen, since))) if seen == tag => *since,
            (Some(tag), _) => {
                sightings.insert(key.to_owned(), (tag.to_owned(), now));
                now
            }
            (None, _) => {
                sightings.remove(key);
                now
            }
        };
        began.saturating_sub(first_seen)
    }
}

/// A write on its way to the store and back. It belongs to nobody: the host may be gone before it lands.
async fn land(
    ports: SimulatedPorts,
    key: String,
    (change, begun): (Change, i64),
    fault: WriteFault,
    answer: oneshot::Sender<Result<WriteOutcome, StorageError>>,
) {
    let world = ports.world.clone();
    world.timers.sleep(world.latency()).await;
    if ports.host_is_gone() && world.rng.chance(0.5) {
        world.faults.count(Fault::WriteLostWithHost);
        return;
    }
    if let Some(until) = world.store.unreachable_until(ports.host, world.now()) {
        if world.rng.chance(0.3) {
            let _ = answer.send(Err(StorageError::Unavailable("no connection".to_owned())));
            return;
        }
        // On its way when the way broke: it arrives some time after the way is mended, since senders try ever more
        // seldom, or never.
        if world.rng.chance(0.7) {
            // Its sender notices that the way is broken, or waits for as long as it has patience.
            if world.rng.chance(0.5) {
                world.timers.sleep(WRITE_BUDGET).await;
            }
            return;
        }
        world.timers.sleep_until(until + world.rng.between(Duration::from_secs(1), LONGEST_RESEND)).await;
    }
    match fault {
        WriteFault::NotLanded => return,
        WriteFault::LandsLate => world.timers.sleep(WRITE_BUDGET + world.rng.millis(0, 15_000)).await,
        _ => {}
    }
    let outcome = apply(&world, &ports, &key, change, begun);
    if fault == WriteFault::Landed {
        let _ = answer.send(Err(StorageError::OutcomeUnknown("the answer was lost".to_owned())));
        return;
    }
    if world.strikes(0.02, Fault::WriteAnsweredLate) {
        nemesis::answers_late(&world, &key);
        world.timers.sleep(world.rng.millis(1_000, 4_500)).await;
    }
    world.timers.sleep(world.latency()).await;
    let _ = answer.send(Ok(outcome));
}

/// The moment at which a write happens, or does not.
fn apply(world: &Rc<World>, ports: &SimulatedPorts, key: &str, change: Change, begun: i64) -> WriteOutcome {
    let now = world.now();
    match change {
        Change::Put { value, tag, precondition } => {
            let is_claim = tag.is_some();
            let outcome = world.store.put(key, value.clone(), tag, &precondition, begun, now);
            if is_claim && matches!(outcome, WriteOutcome::Written(_)) {
                nemesis::claim_landed(world, ports.host);
            }
            if let WriteOutcome::Written(_) = outcome {
                world.trace.note(now, Some(ports.host), || format!("landed: put {key}"));
                world.monitor.landed(world, ports, key, Some(&value));
            }
            outcome
        }
        Change::Delete { revision } => {
            let outcome = world.store.delete(key, revision, now);
            if let WriteOutcome::Written(_) = outcome {
                world.monitor.landed(world, ports, key, None);
            }
            outcome
        }
    }
}

impl World {
    fn write_fault(&self) -> WriteFault {
        for (fault, kind) in [
            (WriteFault::Failed, Fault::WriteFailed),
            (WriteFault::NotLanded, Fault::WriteUnknownNotLanded),
            (WriteFault::Landed, Fault::WriteUnknownLanded),
            (WriteFault::LandsLate, Fault::WriteLandedLate),
        ] {
            if self.strikes(0.01, kind) {
                return fault;
            }
        }
        WriteFault::None
    }
}
