//! One run: setting up, a storm, calm, and the account.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::policy::Policy;

use crate::actors::{IDLE, admin, callers, grant_key, people, user};
use crate::faults::Fault;
use crate::host;
use crate::invariants::Violation;
use crate::nemesis;
use crate::world::World;

/// A run that takes more steps than this does not end.
const MOST_STEPS: u64 = 2_000_000;

/// What came of a run.
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What was broken first, if anything.
    pub violation: Option<Violation>,
    /// How many steps tasks took.
    pub steps: u64,
    /// How many refresh requests were sent.
    pub exchanges: usize,
    /// The same for two runs that went the same way.
    pub digest: u64,
    /// How often each kind of fault struck.
    pub faults: BTreeMap<Fault, u64>,
    /// What happened last, where a trace was asked for.
    pub trace: String,
    /// What the seed decided.
    pub settings: String,
}

/// Runs one seed with the core as it is shipped.
pub fn run(seed: u64, traced: bool) -> Outcome {
    run_under(seed, traced, Policy::SHIPPED)
}

/// Runs one seed with a core under other rules.
pub fn run_under(seed: u64, traced: bool, policy: Policy) -> Outcome {
    let world = World::new(seed, traced, policy);
    for host in 0..world.hosts.len() {
        host::start(&world, host);
    }
    let done = Rc::new(Cell::new(false));
    let story = story(world.clone());
    let finished = done.clone();
    world.spawn(async move {
        story.await;
        finished.set(true);
    });
    let mut steps = 0;
    while !done.get() && world.monitor.violation().is_none() {
        let now = world.now();
        match world.executor.step(&world.rng, |host| world.hosts[host].is_frozen(now)) {
            Some(task) => world.trace.step(task),
            None if world.timers.advance() => world.trace.step(world.now().as_nanos() as u64),
            None => world.monitor.broken(&world, "everybody is answered", "nothing moves any more".to_owned()),
        }
        steps += 1;
        if steps > MOST_STEPS {
            world.monitor.broken(&world, "everybody is answered", "the run does not end".to_owned());
        }
    }
    let outcome = Outcome {
        seed,
        violation: world.monitor.violation(),
        steps,
        exchanges: world.monitor.exchange_count(),
        digest: world.trace.digest(),
        faults: world.faults.all(),
        trace: world.trace.text(),
        settings: format!("{:?}", world.settings),
    };
    world.end();
    outcome
}

async fn story(world: Rc<World>) {
    admin::set_up(&world).await;
    let people: Vec<String> = (0..world.settings.users).map(user).collect();
    for person in people.iter().map(String::as_str).chain([IDLE]) {
        if !people::sign_in(&world, person).await {
            world.monitor.broken(&world, "set up", format!("{person} could not sign in"));
        }
    }
    world.stormy.set(true);
    world.busy.set(true);
    world.spawn(nemesis::rage(world.clone()));
    world.spawn(nemesis::lurk(world.clone()));
    world.spawn(admin::work(world.clone()));
    for person in &people {
        world.spawn(people::live(world.clone(), person.clone()));
        world.spawn(callers::ask(world.clone(), person.clone()));
    }
    world.timers.sleep(world.settings.duration).await;
    world.stormy.set(false);
    world.timers.sleep(Duration::from_secs(1)).await;
    calm(&world).await;
    for person in &people {
        people::settle(world.clone(), person.clone()).await;
    }
    check_idle(&world);
}

/// No more faults, and time for what is broken to mend: hosts come back, pauses and claims run out, tokens end.
async fn calm(world: &Rc<World>) {
    world.store.mend();
    world.keys_away_until.set(Duration::ZERO);
    world.databricks_away_until.set(Duration::ZERO);
    world.busy.set(false);
    for host in &world.hosts {
        host.frozen_until.set(host.frozen_until.get().min(world.now()));
    }
    // The longest that anything lasts: a pause that Databricks asked for, and a secret that is changed meanwhile. For a
    // store whose clock has jumped back, everything lasts that much longer: it tells ages by that clock.
    let longest = Duration::from_secs(1_200).max(world.settings.believed_life());
    world.timers.sleep(longest + world.store.jumped_back_since(Duration::ZERO)).await;
}

/// A grant that nobody uses is left alone.
fn check_idle(world: &World) {
    let grant = world.monitor.grant(&grant_key(IDLE));
    let untouched = grant.is_some_and(|grant| grant.generation == 1 && grant.ended.is_none());
    if !untouched || world.monitor.refreshed(world, IDLE) {
        world.monitor.broken(world, "an unused grant is left alone", "it was renewed or ended".to_owned());
    }
}
