//! Simulated hosts: long-lived instances for callers, a fresh one for each renewal, and one renewal at a time for a
//! grant, as the reference host runs the component (`host/src/runtime/`).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::contract::Error;
use fabric_auth_guest::core::Core;
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::Shared;

use crate::clock::{HostClock, Instant};
use crate::executor::{Owner, TaskId};
use crate::ports::SimulatedPorts;
use crate::rng::Rng;
use crate::world::World;

pub(crate) type Instance = Rc<Core<SimulatedPorts>>;

type Ending = Shared<oneshot::Receiver<Result<(), Error>>>;

pub(crate) struct Host {
    pub(crate) clock: HostClock,
    pub(crate) up: Cell<bool>,
    pub(crate) incarnation: Cell<u32>,
    pub(crate) frozen_until: Cell<Instant>,
    /// How long it has stood still in all.
    pub(crate) frozen: Cell<Duration>,
    pub(crate) store_failed_at: Cell<Option<Instant>>,
    /// By key: the tag that stands there, and since when this host has seen it, by its clock.
    pub(crate) sightings: RefCell<BTreeMap<String, (String, Duration)>>,
    instances: RefCell<Vec<(u64, Instance)>>,
    renewals: RefCell<BTreeMap<String, (u64, Ending)>>,
}

impl Host {
    pub(crate) fn new(rng: &Rng) -> Self {
        Self {
            clock: HostClock::new(rng),
            up: Cell::new(false),
            incarnation: Cell::new(0),
            frozen_until: Cell::new(Instant::ZERO),
            frozen: Cell::default(),
            store_failed_at: Cell::default(),
            sightings: RefCell::default(),
            instances: RefCell::default(),
            renewals: RefCell::default(),
        }
    }

    pub(crate) fn is_frozen(&self, now: Instant) -> bool {
        self.frozen_until.get() > now
    }

    /// How long it has stood still until now.
    pub(crate) fn frozen_for(&self, now: Instant) -> Duration {
        self.frozen.get().saturating_sub(self.frozen_until.get().saturating_sub(now))
    }

    pub(crate) fn has_renewals(&self) -> bool {
        !self.renewals.borrow().is_empty()
    }

    /// Forgets everything, as a process does that dies. What it had running is ended by the executor.
    pub(crate) fn forget(&self) {
        self.sightings.borrow_mut().clear();
        let instances = std::mem::take(&mut *self.instances.borrow_mut());
        let renewals = std::mem::take(&mut *self.renewals.borrow_mut());
        drop((instances, renewals));
    }
}

/// Starts a host with fresh instances.
pub(crate) fn start(world: &Rc<World>, host: usize) {
    let this = &world.hosts[host];
    this.incarnation.set(this.incarnation.get() + 1);
    this.up.set(true);
    for _ in 0..world.settings.instances {
        let instance = make_instance(world, host, None);
        this.instances.borrow_mut().push(instance);
    }
}

fn make_instance(world: &Rc<World>, host: usize, renewal: Option<u64>) -> (u64, Instance) {
    let id = renewal.unwrap_or_else(|| world.next_number());
    let incarnation = world.hosts[host].incarnation.get();
    (id, Rc::new(world.core(SimulatedPorts { world: world.clone(), host, incarnation, renewal })))
}

/// Kills a host with everything in it.
pub(crate) fn crash(world: &Rc<World>, host: usize) {
    world.hosts[host].up.set(false);
    world.hosts[host].frozen_until.set(world.now());
    world.executor.end(|owner| owner.host() == Some(host));
    world.hosts[host].forget();
}

/// Ends a long-lived instance with every call in it; a fresh one takes its place.
pub(crate) fn trap_instance(world: &Rc<World>, host: usize) {
    let count = world.hosts[host].instances.borrow().len();
    if count == 0 {
        return;
    }
    let fresh = make_instance(world, host, None);
    let place = world.rng.below(count);
    let (id, trapped) = std::mem::replace(&mut world.hosts[host].instances.borrow_mut()[place], fresh);
    world.executor.end(|owner| owner == Owner::Instance { host, instance: id });
    drop(trapped);
}

/// Ends a renewal in the middle of its work.
pub(crate) fn trap_renewal(world: &Rc<World>, host: usize) -> bool {
    let Some(id) = world.hosts[host].renewals.borrow().values().next().map(|(id, _)| *id) else { return false };
    world.executor.end(|owner| owner == Owner::Instance { host, instance: id });
    true
}

/// Tells every instance of a host that a record has changed.
pub(crate) fn invalidate(world: &Rc<World>, host: usize, key: &str) {
    let instances: Vec<Instance> =
        world.hosts[host].instances.borrow().iter().map(|(_, instance)| instance.clone()).collect();
    for instance in instances {
        instance.invalidate(&[key.to_owned()]);
    }
}

/// A call into a host.
pub(crate) struct Calling<T> {
    pub(crate) answer: oneshot::Receiver<T>,
    pub(crate) task: TaskId,
}

/// Calls one of a host's instances. None when the host is down; the answer never comes when it goes down meanwhile.
pub(crate) fn call<T: 'static, F>(
    world: &Rc<World>,
    host: usize,
    calling: impl FnOnce(Instance) -> F,
) -> Option<Calling<T>>
where
    F: Future<Output = T> + 'static,
{
    if !world.hosts[host].up.get() {
        return None;
    }
    let (id, instance) = world.rng.pick(&world.hosts[host].instances.borrow()).clone();
    let (sender, answer) = oneshot::channel();
    let future = calling(instance);
    let task = world.executor.spawn(Owner::Instance { host, instance: id }, async move {
        let _ = sender.send(future.await);
    });
    Some(Calling { answer, task })
}

/// Begins a renewal unless one is at work.
pub(crate) fn begin_renewal(world: &Rc<World>, host: usize, grant: &str) -> Ending {
    if let Some((_, ending)) = world.hosts[host].renewals.borrow().get(grant) {
        return ending.clone();
    }
    let (sender, receiver) = oneshot::channel();
    let ending = receiver.shared();
    let id = world.next_number();
    world.hosts[host].renewals.borrow_mut().insert(grant.to_owned(), (id, ending.clone()));
    let (_, core) = make_instance(world, host, Some(id));
    let duty = Duty { world: world.clone(), host, grant: grant.to_owned(), renewal: id, ended: false };
    world.executor.spawn(Owner::Instance { host, instance: id }, async move {
        let mut duty = duty;
        let result = core.renew(&duty.grant).await;
        duty.world
            .trace
            .note(duty.world.now(), Some(host), || format!("renewal {id} ended: {}", crate::world::describe(&result)));
        duty.ended = true;
        drop(duty);
        let _ = sender.send(result.map(|_| ()));
    });
    ending
}

/// Waits for the renewal of a grant, begun if there is none.
pub(crate) async fn join_renewal(world: &Rc<World>, host: usize, grant: &str) -> Result<(), Error> {
    let interrupted = Error::unavailable("The renewal was interrupted. Try again.", None);
    begin_renewal(world, host, grant).await.unwrap_or(Err(interrupted))
}

/// However a renewal goes away, it has then ended.
struct Duty {
    world: Rc<World>,
    host: usize,
    grant: String,
    renewal: u64,
    ended: bool,
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.world.hosts[self.host].renewals.borrow_mut().remove(&self.grant);
        self.world.monitor.renewal_ended(&self.world, self.renewal, !self.ended);
    }
}
