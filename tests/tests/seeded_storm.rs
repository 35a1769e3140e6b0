//! Seeded storms over the component that was built, in real hosts: where callers who leave, hosts that are dropped and
//! time that runs out are real. The simulation (`tests/simulation`) goes through far more of it with the core alone.

use std::sync::Arc;
use std::time::Duration;

use fabric_auth::FabricAuth;
use fabric_auth::contract::Activity::PipelineDevelopment;
use fabric_auth::contract::{Caller, Error, SignInReason};
use fabric_auth_tests::{DEV, FlakyStore, World, alice, bob, while_time_passes};
use simulated_workspace::{Endpoint, Fault, RetryAfter};
use tokio::task::JoinSet;

/// How many things happen in one storm.
const EVENTS: u32 = 40;

/// What a storm may do beside the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// Nothing that can lose a reply of Databricks: nobody may be asked to sign in.
    Kind,
    /// Replies get lost, hosts are dropped in the middle of anything.
    Harsh,
}

/// A seed's choices (SplitMix64).
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

type Answered = (Caller, Result<String, Error>);

struct Storm {
    seed: u64,
    world: World,
    choices: Choices,
    store: Arc<FlakyStore>,
    hosts: Vec<FabricAuth>,
    calls: JoinSet<Answered>,
    /// How many replies of Databricks may have been lost.
    may_be_lost: u64,
    refreshes: u64,
}

impl Storm {
    async fn new(seed: u64) -> Self {
        let world = World::new().await;
        for caller in [alice(), bob()] {
            world.sign_in(&caller).await;
        }
        let store = FlakyStore::over(Arc::new(world.database.storage()));
        let hosts = vec![world.host_on(store.clone()).await, world.host_on(store.clone()).await];
        let (choices, calls) = (Choices(seed), JoinSet::new());
        Self { seed, world, choices, store, hosts, calls, may_be_lost: 0, refreshes: 0 }
    }

    async fn rage(&mut self, weather: Weather) {
        let kinds = if weather == Weather::Kind { 11 } else { 14 };
        for _ in 0..EVENTS {
            match self.choices.below(kinds) {
                0..=4 => self.ask(),
                5 => self.ask_and_leave().await,
                6 | 7 => self.let_much_time_pass().await,
                8 => self.disturb_the_store().await,
                9 => self.world.workspace.inject(Endpoint::Token, unprocessed(self.choices.below(3))),
                10 => self.sign_out_and_in().await,
                11 | 12 => self.lose_a_reply(),
                _ => self.drop_a_host().await,
            }
            let seconds = self.choices.below(4);
            self.pass(seconds).await;
        }
    }

    fn ask(&mut self) {
        let caller = if self.choices.below(2) == 0 { alice() } else { bob() };
        let host = self.hosts[self.choices.below(2) as usize].clone();
        self.calls.spawn(async move {
            let answer = host.access_token(&caller, DEV, PipelineDevelopment).await;
            (caller, answer.map(|(_, description)| description.databricks_user))
        });
    }

    async fn ask_and_leave(&mut self) {
        let host = self.hosts[self.choices.below(2) as usize].clone();
        let patience = Duration::from_millis(self.choices.below(30));
        let _ = tokio::time::timeout(patience, host.access_token(&alice(), DEV, PipelineDevelopment)).await;
    }

    /// What is under way comes to its end first: a host that stands still for minutes between reply and put is another
    /// story (`tests/processes`).
    async fn let_much_time_pass(&mut self) {
        self.store.fail_next_puts(0);
        self.store.acknowledge_no_puts(0);
        self.pass(3).await;
        let minutes = 10 + self.choices.below(50);
        self.world.advance(Duration::from_secs(60 * minutes));
    }

    async fn disturb_the_store(&mut self) {
        match self.choices.below(3) {
            0 => self.store.fail_next_puts(1 + self.choices.below(3) as u32),
            1 => self.store.acknowledge_no_puts(1 + self.choices.below(3) as u32),
            _ => {
                self.store.set_away(true);
                let seconds = self.choices.below(20);
                self.pass(seconds).await;
                self.store.set_away(false);
            }
        }
    }

    async fn sign_out_and_in(&mut self) {
        let (world, caller) = (&self.world, bob());
        // Faults that were meant for renewals may meet the sign-in; whoever sees that tries again.
        world.workspace.clear_faults();
        world.host.sign_out(&caller, DEV).await.expect("a sign-out");
        world.sign_in(&caller).await;
    }

    fn lose_a_reply(&mut self) {
        let faults = [Fault::HangUp, Fault::HalfReply, Fault::NotJson, Fault::HangUpBefore];
        let fault = faults[self.choices.below(4) as usize].clone();
        self.world.workspace.inject(Endpoint::Token, fault);
        self.may_be_lost += 1;
    }

    async fn drop_a_host(&mut self) {
        let fresh = self.world.host_on(self.store.clone()).await;
        let place = self.choices.below(2) as usize;
        // Its instances go with it, whatever they are doing.
        drop(std::mem::replace(&mut self.hosts[place], fresh));
        self.may_be_lost += 2;
    }

    /// Lets seconds pass, a second in some milliseconds. A refresh request takes real time, which must not count as
    /// seconds: time stands still for a moment whenever one has arrived.
    async fn pass(&mut self, seconds: u64) {
        for _ in 0..=seconds {
            self.world.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.world.refreshes() != self.refreshes {
                self.refreshes = self.world.refreshes();
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
    }

    /// Everybody is answered, by their own name or with a reason; no token was sent twice but for a reply that was lost;
    /// and after the storm everybody is served or told to sign in.
    async fn check(mut self, weather: Weather) {
        self.world.workspace.clear_faults();
        while let Some(answered) = while_time_passes(&self.world, self.calls.join_next()).await {
            let (caller, answer) = answered.expect("an answer");
            if let Ok(databricks_user) = answer {
                assert_eq!(databricks_user, format!("{}@example.com", caller.user), "seed {}", self.seed);
            }
        }
        // Pauses and claims run out, and tokens come to their end.
        self.world.advance(Duration::from_secs(7_200));
        for caller in [alice(), bob()] {
            let reason = self.served_or_told(&caller).await;
            let may_be_told = weather == Weather::Harsh && self.may_be_lost > 0;
            assert!(reason.is_none() || may_be_told, "seed {}: {} was told {reason:?}", self.seed, caller.user);
        }
        let reuses = self.world.books().reuses();
        assert!(reuses <= self.may_be_lost, "seed {}: {reuses} reuses, {} losses", self.seed, self.may_be_lost);
    }

    async fn served_or_told(&self, caller: &Caller) -> Option<SignInReason> {
        for host in self.hosts.iter().cycle().take(6) {
            match while_time_passes(&self.world, host.access_token(caller, DEV, PipelineDevelopment)).await {
                Ok(_) => return None,
                Err(Error::SignInRequired(required)) => return Some(required.reason),
                // A pause that Databricks asked for, or a claim that has to be taken over.
                Err(_) => self.world.advance(Duration::from_secs(120)),
            }
        }
        panic!("seed {}: {} is neither served nor told to sign in", self.seed, caller.user)
    }
}

fn unprocessed(kind: u64) -> Fault {
    match kind {
        0 => Fault::Throttle { retry_after: RetryAfter::Seconds(2) },
        1 => Fault::json(503, &serde_json::json!({ "error": "temporarily_unavailable" })),
        _ => Fault::DelayBefore(Duration::from_millis(100)),
    }
}

async fn weather(seeds: std::ops::Range<u64>, weather: Weather) {
    for seed in seeds {
        let mut storm = Storm::new(seed).await;
        storm.rage(weather).await;
        storm.check(weather).await;
    }
}

/// PB-083, PB-164: callers leave, the store fails and forgets, Databricks asks for pauses, and nobody loses a session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_loses_a_session_where_no_reply_is_lost() {
    weather(0..4, Weather::Kind).await;
}

/// PB-164: replies get lost and hosts are dropped in the middle of their work; everybody is served or told, and no
/// refresh token is sent again but for a reply that was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_served_or_told_where_replies_are_lost() {
    weather(100..104, Weather::Harsh).await;
}
