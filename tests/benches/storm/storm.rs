//! One storm: set up, let loose, and measured.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fabric_auth::clock::SystemClock;
use fabric_auth::keys::KeyRing;
use fabric_auth_tests::{Engine, HOUR, Outcome, Replica, ReplicaSettings, SHORT_LIFE, TestStore, until_expired};
use futures::future::join_all;
use tempfile::TempDir;

use crate::report::Measured;
use crate::token_endpoint::TokenEndpoint;

/// How many refusals are shown.
const MOST_SHOWN: usize = 5;

/// What hosts have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stores {
    /// One store, and so the claims in it.
    One,
    /// Nothing.
    OneForEachHost,
}

/// What is let loose.
pub struct Storm {
    /// How many ask at the same time.
    pub callers: usize,
    /// How many hosts they ask, in turn.
    pub hosts: usize,
    /// The engine of the stores.
    pub engine: Engine,
    /// What hosts have in common.
    pub stores: Stores,
}

impl Storm {
    /// Sets it up, lets it loose, and measures it.
    pub async fn measure(&self) -> Measured {
        let endpoint = TokenEndpoint::start(SHORT_LIFE);
        let folder = tempfile::tempdir().expect("a folder");
        let (_stores, hosts) = self.hosts(&folder).await;
        for (number, host) in hosts.iter().enumerate() {
            if number == 0 || self.stores == Stores::OneForEachHost {
                host.must(&endpoint.administer_command(&folder)).await;
                host.must("sign-in alice dev").await;
            }
        }
        endpoint.give_tokens_a_life_of(HOUR).await;
        endpoint.take_for_each_token(Duration::from_millis(300)).await;
        until_expired(SHORT_LIFE).await;
        let asked = (0..self.callers).map(|caller| hosts[caller % hosts.len()].ask("token alice dev"));
        let answers = join_all(asked.collect::<Vec<_>>()).await;
        let mut measured = Measured { refreshes: endpoint.refreshes().await, waits: Vec::new(), failures: Vec::new() };
        for answer in answers {
            let answer = answer.expect("a host that answers");
            match answer.outcome {
                Outcome::Token { .. } => measured.waits.push(Duration::from_micros(answer.microseconds)),
                refusal if measured.failures.len() < MOST_SHOWN => measured.failures.push(refusal),
                _ => {}
            }
        }
        measured.waits.sort_unstable();
        for host in hosts {
            host.quit().await;
        }
        measured
    }

    /// Starts the hosts, and gives them with their stores.
    async fn hosts(&self, folder: &TempDir) -> (Vec<TestStore>, Vec<Replica>) {
        let program = Path::new(env!("CARGO_BIN_EXE_replica"));
        let keys = folder.path().join("keyring.json");
        KeyRing::create(&keys, Arc::new(SystemClock::new())).expect("a key ring");
        let (mut stores, mut hosts) = (Vec::new(), Vec::new());
        for number in 0..self.hosts {
            if number == 0 || self.stores == Stores::OneForEachHost {
                let folder = folder.path().join(number.to_string());
                std::fs::create_dir(&folder).expect("a folder");
                stores.push(TestStore::new(self.engine, &folder).await.expect("a store"));
            }
            let storage_url = stores.last().expect("a store").url();
            let settings =
                ReplicaSettings { storage_url, keys: keys.clone(), wall_clock_offset: 0, hears_announcements: true };
            hosts.push(Replica::start(program, &settings).await.expect("a host that starts"));
        }
        (stores, hosts)
    }
}
