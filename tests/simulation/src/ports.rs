//! The imports of one instance on one host, except storage and HTTP, which have files of their own.

use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::contract::Error;
use fabric_auth_guest::contract::callers::Admission;
use fabric_auth_guest::contract::deployment::{Description, Mode};
use fabric_auth_guest::contract::journal::Event;
use fabric_auth_guest::contract::keys::{KeysError, WrappedKey};
use fabric_auth_guest::ports::{Callers, Clock, Deployment, Journal, Keys, Random, Renewals};
use zeroize::Zeroizing;

use crate::faults::Fault;
use crate::host::{begin_renewal, join_renewal};
use crate::world::World;

pub(crate) const BASE_URL: &str = "https://app.prophecy.example";

/// What an instance is given.
#[derive(Clone)]
pub(crate) struct SimulatedPorts {
    pub(crate) world: Rc<World>,
    pub(crate) host: usize,
    /// Which life of the host it belongs to.
    pub(crate) incarnation: u32,
    /// The renewal it was made for, if for one.
    pub(crate) renewal: Option<u64>,
}

impl SimulatedPorts {
    pub(crate) fn monotonic_now(&self) -> Duration {
        self.world.hosts[self.host].clock.monotonic(self.world.now())
    }

    /// Whether the host has crashed since.
    pub(crate) fn host_is_gone(&self) -> bool {
        let host = &self.world.hosts[self.host];
        host.incarnation.get() != self.incarnation || !host.up.get()
    }

    async fn reach_keys(&self) -> Result<(), KeysError> {
        let world = &self.world;
        if world.rng.chance(0.02) {
            world.timers.sleep(world.latency()).await;
        }
        if world.keys_away_until.get() > world.now() || world.strikes(0.001, Fault::KeysUnavailable) {
            return Err(KeysError::Unavailable("no answer".to_owned()));
        }
        Ok(())
    }
}

impl Keys for SimulatedPorts {
    async fn wrap(&self, data_key: &[u8; 32]) -> Result<WrappedKey, KeysError> {
        self.reach_keys().await?;
        self.world.keys.wrap(data_key)
    }

    async fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        self.reach_keys().await?;
        self.world.keys.unwrap(wrapped)
    }
}

impl Renewals for SimulatedPorts {
    async fn run(&self, grant: &str) -> Result<(), Error> {
        join_renewal(&self.world, self.host, grant).await
    }

    fn start(&self, grant: &str) {
        drop(begin_renewal(&self.world, self.host, grant));
    }
}

impl Journal for SimulatedPorts {
    async fn record(&self, event: Event) -> Result<(), String> {
        let world = &self.world;
        world.trace.note(world.now(), Some(self.host), || format!("journal: {:?} {:?}", event.action, event.outcome));
        if world.strikes(0.01, Fault::JournalFailed) {
            world.timers.sleep(world.latency()).await;
            return Err("the journal is full".to_owned());
        }
        Ok(())
    }
}

impl Callers for SimulatedPorts {
    fn redeem(&self, _ticket: &str) -> Option<Admission> {
        None
    }
}

impl Deployment for SimulatedPorts {
    fn describe(&self) -> Description {
        Description {
            prophecy_version: "4.2.1".to_owned(),
            mode: Mode::SelfHosted,
            base_url: BASE_URL.to_owned(),
            redirect_urls: vec![format!("{BASE_URL}/api/databricks/oauthredirect")],
            default_client_id: None,
            workspace_suffixes: Vec::new(),
            allow_loopback_http: false,
            gateway_allowed_paths: Vec::new(),
            gateway_refused_paths: Vec::new(),
        }
    }

    fn default_client_secret(&self) -> Option<String> {
        None
    }
}

impl Clock for SimulatedPorts {
    fn monotonic(&self) -> Duration {
        self.monotonic_now()
    }

    fn unix_seconds(&self) -> u64 {
        self.world.hosts[self.host].clock.unix_seconds(self.world.now())
    }

    async fn wait(&self, duration: Duration) {
        let until = self.world.hosts[self.host].clock.after(self.world.now(), duration);
        self.world.timers.sleep_until(until).await;
    }
}

impl Random for SimulatedPorts {
    fn fill(&self, bytes: &mut [u8]) {
        self.world.rng.fill(bytes);
    }
}
