//! Everything there is in one run.

use std::cell::Cell;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::contract::Error;
use fabric_auth_guest::core::Core;
use fabric_auth_guest::policy::Policy;

use crate::books::Books;
use crate::clock::{Instant, Timers};
use crate::executor::{Executor, Owner};
use crate::faults::{Fault, FaultCounts};
use crate::host::{Host, invalidate};
use crate::invariants::Monitor;
use crate::keys::KeyRing;
use crate::ports::SimulatedPorts;
use crate::rng::Rng;
use crate::settings::Settings;
use crate::store::Store;
use crate::trace::Trace;

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) rng: Rng,
    pub(crate) timers: Rc<Timers>,
    pub(crate) executor: Executor,
    pub(crate) hosts: Vec<Host>,
    pub(crate) store: Store,
    pub(crate) keys: KeyRing,
    pub(crate) keys_away_until: Cell<Instant>,
    pub(crate) books: Books,
    pub(crate) databricks_away_until: Cell<Instant>,
    pub(crate) databricks_slow_until: Cell<Instant>,
    /// Until then a fault may play itself out: no host is struck meanwhile.
    pub(crate) lull_until: Cell<Instant>,
    pub(crate) faults: FaultCounts,
    pub(crate) monitor: Monitor,
    pub(crate) trace: Trace,
    /// Whether faults strike.
    pub(crate) stormy: Cell<bool>,
    /// Whether people and callers go on.
    pub(crate) busy: Cell<bool>,
    /// The rules that the core runs by.
    policy: Policy,
    last_number: Cell<u64>,
}

impl World {
    pub(crate) fn new(seed: u64, traced: bool, policy: Policy) -> Rc<Self> {
        let rng = Rng::new(seed);
        let settings = Settings::draw(&rng);
        let hosts = (0..settings.hosts).map(|_| Host::new(&rng)).collect();
        let keys = KeyRing::new(&rng);
        Rc::new(Self {
            settings,
            rng,
            hosts,
            keys,
            timers: Rc::default(),
            executor: Executor::default(),
            store: Store::default(),
            keys_away_until: Cell::default(),
            books: Books::default(),
            databricks_away_until: Cell::default(),
            databricks_slow_until: Cell::default(),
            lull_until: Cell::default(),
            faults: FaultCounts::default(),
            monitor: Monitor::default(),
            trace: Trace::new(traced),
            stormy: Cell::new(false),
            busy: Cell::new(false),
            policy,
            last_number: Cell::default(),
        })
    }

    pub(crate) fn now(&self) -> Instant {
        self.timers.now()
    }

    /// Never the same twice.
    pub(crate) fn next_number(&self) -> u64 {
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }

    /// The core of an instance.
    pub(crate) fn core(&self, ports: SimulatedPorts) -> Core<SimulatedPorts> {
        Core::with_policy(ports, self.policy.clone())
    }

    /// Whether a fault strikes here, with a probability that the run's intensity multiplies.
    pub(crate) fn strikes(&self, probability: f64, fault: Fault) -> bool {
        let strikes = self.stormy.get() && self.rng.chance(probability * self.settings.intensity);
        if strikes {
            self.faults.count(fault);
            self.trace.note(self.now(), None, || format!("fault: {fault:?}"));
        }
        strikes
    }

    /// One way over a network: mostly short.
    pub(crate) fn latency(&self) -> Duration {
        match self.rng.below(20) {
            0 if self.stormy.get() => self.rng.millis(20, 800),
            _ => self.rng.millis(1, 10),
        }
    }

    /// Spawns something that belongs to no host.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.executor.spawn(Owner::World, future);
    }

    /// Tells a host's own instances at once, and other hosts late or never, that a record has changed.
    pub(crate) fn announce(self: &Rc<Self>, from: usize, key: String) {
        for host in 0..self.hosts.len() {
            let mut delay = self.rng.millis(0, 3);
            if host != from {
                if self.rng.chance(self.settings.deafness) {
                    self.faults.count(Fault::AnnouncementLost);
                    continue;
                }
                delay = self.rng.millis(1, 200);
                if self.strikes(0.1, Fault::AnnouncementLate) {
                    delay = self.rng.millis(200, 60_000);
                }
            }
            let (world, key) = (self.clone(), key.clone());
            self.executor.spawn(Owner::Host(host), async move {
                world.timers.sleep(delay).await;
                invalidate(&world, host, &key);
            });
        }
    }

    /// Everything ends, so that nothing keeps anything else in memory.
    pub(crate) fn end(&self) {
        self.executor.end(|_| true);
        for host in &self.hosts {
            host.forget();
        }
    }
}

/// A result in one line.
pub(crate) fn describe<T: Debug>(result: &Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(Error::SignInRequired(required)) => format!("sign-in-required ({:?})", required.reason),
        Err(error @ (Error::Internal(text) | Error::Misconfigured(text))) => format!("{} ({text})", error.case()),
        Err(error @ (Error::Unavailable(retry) | Error::Throttled(retry))) => {
            format!("{} ({})", error.case(), retry.message)
        }
        Err(error) => error.case().to_owned(),
    }
}
