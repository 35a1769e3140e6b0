//! A world for one core: records in memory, a clock that jumps to the next thing that is waited for, renewals that do
//! what a test says. The keys are real.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use aes_kw::KwAes256;
use aes_kw::cipher::KeyInit as _;
use futures::task::noop_waker;
use zeroize::Zeroizing;

use crate::contract::Error;
use crate::contract::callers::Admission;
use crate::contract::deployment::{Description, Mode};
use crate::contract::journal::Event;
use crate::contract::keys::{KeysError, WrappedKey};
use crate::contract::storage::{Entry, Page, Precondition, StorageError, WriteOutcome};
use crate::error::nanoseconds;
use crate::ports::{
    Callers, Clock, Deployment, Http, HttpFailure, HttpRequest, HttpResponse, Journal, Keys, NotSent, Random, Renewals,
    Storage,
};

/// What a renewal does.
pub enum Renewal {
    /// Puts this record in the grant's place, then ends like this.
    Puts(Vec<u8>, Result<(), Error>),
    /// Ends like this and changes nothing.
    Ends(Result<(), Error>),
    /// Does not end.
    Hangs,
}

/// A record: its value, its revision and when it was written.
type Placed = (Vec<u8>, u64, Duration);

/// The world.
#[derive(Default)]
pub struct World {
    records: RefCell<BTreeMap<String, Placed>>,
    now: Cell<Duration>,
    waits: RefCell<Vec<Duration>>,
    random: Cell<u8>,
    /// Whether the store answers nothing.
    pub away: Cell<bool>,
    /// Whether the keys are out of reach.
    pub keys_away: Cell<bool>,
    /// Whether the store has read but does not answer yet.
    pub held: Cell<bool>,
    /// How often the store was asked.
    pub reads: Cell<u32>,
    /// What the next renewals do.
    pub renewals: RefCell<VecDeque<Renewal>>,
    /// What was journalled.
    pub events: RefCell<Vec<Event>>,
}

impl World {
    /// Puts a record as of now.
    pub fn place(&self, key: &str, value: Vec<u8>) {
        let mut records = self.records.borrow_mut();
        let revision = records.get(key).map_or(1, |(_, revision, _)| revision + 1);
        records.insert(key.to_owned(), (value, revision, self.now.get()));
    }

    /// Removes a record.
    pub fn displace(&self, key: &str) {
        self.records.borrow_mut().remove(key);
    }

    /// The keys of the records.
    pub fn keys(&self) -> Vec<String> {
        self.records.borrow().keys().cloned().collect()
    }

    /// A record's value.
    pub fn value(&self, key: &str) -> Vec<u8> {
        self.records.borrow()[key].0.clone()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.now.set(self.now.get() + by);
    }

    /// Goes on with a future as far as it gets without time passing.
    pub fn step<F: Future>(&self, future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(&noop_waker())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Runs a future to its end; whenever it waits, time jumps to the end of the shortest wait.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        for _ in 0..10_000 {
            self.waits.borrow_mut().clear();
            if let Some(output) = self.step(future.as_mut()) {
                return output;
            }
            let next = self.waits.borrow().iter().min().copied();
            self.now.set(next.expect("something that time brings about"));
        }
        panic!("it does not end")
    }

    fn check(&self) -> Result<(), StorageError> {
        if self.away.get() { Err(StorageError::Unavailable("away".into())) } else { Ok(()) }
    }

    fn entry(&self, key: &str) -> Option<Entry> {
        let records = self.records.borrow();
        let (value, revision, written_at) = records.get(key)?;
        let age = nanoseconds(self.now.get() - *written_at);
        Some(Entry { value: value.clone(), revision: *revision, tag: None, age, unchanged_for: 0 })
    }
}

impl Storage for &World {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        self.reads.set(self.reads.get() + 1);
        self.check()?;
        let entry = self.entry(key);
        poll_fn(|_| if self.held.get() { Poll::Pending } else { Poll::Ready(()) }).await;
        Ok(entry)
    }

    async fn put(
        &self,
        key: &str,
        value: Vec<u8>,
        _: Option<String>,
        precondition: Precondition,
    ) -> Result<WriteOutcome, StorageError> {
        self.check()?;
        let now = self.entry(key);
        let holds = match precondition {
            Precondition::Absent => now.is_none(),
            Precondition::Revision(revision) => now.as_ref().is_some_and(|now| now.revision == revision),
        };
        if !holds {
            return Ok(WriteOutcome::Lost(now));
        }
        self.place(key, value);
        Ok(WriteOutcome::Written(self.entry(key).expect("what was just put").revision))
    }

    async fn delete(&self, key: &str, revision: u64) -> Result<WriteOutcome, StorageError> {
        self.check()?;
        match self.entry(key) {
            Some(entry) if entry.revision == revision => {
                self.displace(key);
                Ok(WriteOutcome::Written(revision))
            }
            other => Ok(WriteOutcome::Lost(other)),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError> {
        self.check()?;
        let is_listed = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        let keys: Vec<String> = self.records.borrow().keys().filter(is_listed).cloned().collect();
        let piece = keys.iter().take(limit as usize);
        let entries: Vec<_> = piece.filter_map(|key| Some((key.clone(), self.entry(key)?))).collect();
        let next = entries.last().filter(|_| entries.len() < keys.len()).map(|(key, _)| key.clone());
        Ok(Page { entries, next })
    }
}

/// Where a master key would be.
const MASTER_KEY: [u8; 32] = [3; 32];

impl Keys for &World {
    async fn wrap(&self, data_key: &[u8; 32]) -> Result<WrappedKey, KeysError> {
        let mut encrypted_key = vec![0; 40];
        KwAes256::new(&MASTER_KEY.into()).wrap_key(data_key, &mut encrypted_key).expect("a key of the right length");
        Ok(WrappedKey { algorithm: "A256KW".into(), key_id: "k1".into(), encrypted_key })
    }

    async fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        if self.keys_away.get() {
            return Err(KeysError::Unavailable("away".into()));
        }
        let mut data_key = Zeroizing::new(vec![0; 32]);
        let unwrapped = KwAes256::new(&MASTER_KEY.into()).unwrap_key(&wrapped.encrypted_key, &mut data_key).is_ok();
        if unwrapped { Ok(data_key) } else { Err(KeysError::Refused) }
    }
}

impl Renewals for &World {
    async fn run(&self, grant: &str) -> Result<(), Error> {
        let renewal = self.renewals.borrow_mut().pop_front();
        match renewal.expect("a renewal that was foreseen") {
            Renewal::Puts(value, ending) => {
                self.place(grant, value);
                ending
            }
            Renewal::Ends(ending) => ending,
            Renewal::Hangs => std::future::pending().await,
        }
    }

    fn start(&self, _: &str) {}
}

impl Journal for &World {
    async fn record(&self, event: Event) -> Result<(), String> {
        self.events.borrow_mut().push(event);
        Ok(())
    }
}

impl Clock for &World {
    fn monotonic(&self) -> Duration {
        self.now.get()
    }

    fn unix_seconds(&self) -> u64 {
        0
    }

    async fn wait(&self, duration: Duration) {
        let until = self.now.get() + duration;
        poll_fn(|_| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            self.waits.borrow_mut().push(until);
            Poll::Pending
        })
        .await;
    }
}

impl Random for &World {
    fn fill(&self, bytes: &mut [u8]) {
        self.random.set(self.random.get().wrapping_add(1));
        bytes.fill(self.random.get());
    }
}

impl Http for &World {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        Err(HttpFailure::NotSent(NotSent::NoConnection))
    }
}

impl Callers for &World {
    fn redeem(&self, _: &str) -> Option<Admission> {
        None
    }
}

impl Deployment for &World {
    fn describe(&self) -> Description {
        Description {
            prophecy_version: "4.2.1".into(),
            mode: Mode::SelfHosted,
            base_url: "https://prophecy.example.com".into(),
            redirect_urls: Vec::new(),
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
