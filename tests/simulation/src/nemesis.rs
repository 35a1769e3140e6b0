//! Who brings the faults that no single request or write brings by itself: crashes, freezes, outages, clocks that jump,
//! sessions that end. Much of it strikes in the middle of renewals, where it can do the most harm.

use std::rc::Rc;
use std::time::Duration;

use crate::actors;
use crate::executor::Owner;
use crate::faults::Fault;
use crate::host;
use crate::world::World;

/// How often it thinks of something.
const PACE: Duration = Duration::from_secs(60);

/// Goes on until the storm is over.
pub(crate) async fn rage(world: Rc<World>) {
    if world.settings.intensity == 0.0 {
        return;
    }
    while world.stormy.get() {
        world.timers.sleep(world.rng.between(Duration::ZERO, PACE.div_f64(world.settings.intensity))).await;
        if strikes_now(&world) {
            strike(&world);
        }
    }
}

/// Watches for renewals at work, and often strikes just then.
pub(crate) async fn lurk(world: Rc<World>) {
    if world.settings.intensity == 0.0 {
        return;
    }
    while world.stormy.get() {
        world.timers.sleep(world.rng.millis(50, 400)).await;
        let renewing: Vec<usize> = (0..world.hosts.len()).filter(|host| world.hosts[*host].has_renewals()).collect();
        if renewing.is_empty() {
            world.timers.sleep(world.rng.millis(200, 2_000)).await;
        } else if strikes_now(&world) && world.rng.chance(0.03 * world.settings.intensity) {
            strike_host(&world, *world.rng.pick(&renewing));
            world.timers.sleep(world.rng.seconds(1, 30)).await;
        }
    }
}

/// A claim stands, and its owner is about to send.
pub(crate) fn claim_landed(world: &Rc<World>, host: usize) {
    if !in_the_middle(world) {
        return;
    }
    match world.rng.below(4) {
        0 => strike_host(world, host),
        1 => freeze_for(world, host, world.rng.millis(50, 6_000)),
        _ => {
            freeze_for(world, host, world.rng.seconds(30, 75));
            note(world, None, Fault::Slowness);
            world.databricks_slow_until.set(world.now() + Duration::from_secs(120));
        }
    }
}

/// Databricks has acted on a request, and its reply is on its way.
pub(crate) fn acted_on(world: &Rc<World>, host: usize) {
    if in_the_middle(world) {
        match world.rng.below(3) {
            0 => strike_host(world, host),
            _ => freeze_for(world, host, world.rng.seconds(60, 200)),
        }
    }
}

/// A write stands, and its writer will hear of it only in some seconds: time for a person to change their mind.
pub(crate) fn answers_late(world: &Rc<World>, key: &str) {
    let users = (0..world.settings.users).map(actors::user);
    let Some(user) = users.into_iter().find(|user| actors::grant_key(user) == key) else { return };
    if world.rng.chance(0.3) {
        note(world, None, Fault::SignedOut);
        let world = world.clone();
        world.clone().spawn(async move { actors::people::sign_out(&world, &user).await });
    }
}

/// New tokens have arrived, and are about to be stored.
pub(crate) fn answered(world: &Rc<World>, host: usize) {
    if !strikes_now(world) || !world.rng.chance(0.1 * world.settings.intensity) {
        return;
    }
    let now = world.now();
    match world.rng.below(8) {
        0 => strike_host(world, host),
        1 | 2 => {
            note(world, Some(host), Fault::StorePartition);
            // Long enough, at times, that another host takes over and finds the refresh token spent.
            let least = *world.rng.pick(&[1, 70, 80]);
            world.store.go_away(Some(host), now + world.rng.seconds(least, 88));
            lull(world);
        }
        3..=6 => {
            // Others may see the claim for a while, and then nothing until it may be taken over.
            note(world, Some(host), Fault::StorePartition);
            let alone = now + world.rng.seconds(2, 16);
            world.store.go_away(Some(host), alone);
            lull(world);
            let world = world.clone();
            world.clone().spawn(async move {
                world.timers.sleep_until(alone).await;
                if world.stormy.get() {
                    note(&world, None, Fault::StoreOutage);
                    world.store.go_away(None, now + world.rng.seconds(60, 82));
                }
            });
        }
        _ => {
            note(world, None, Fault::StoreOutage);
            world.store.go_away(None, now + world.rng.seconds(1, 80));
        }
    }
}

/// Whether something strikes in the middle of a renewal.
fn in_the_middle(world: &World) -> bool {
    strikes_now(world) && world.rng.chance(0.05 * world.settings.intensity)
}

fn strikes_now(world: &World) -> bool {
    world.stormy.get() && world.lull_until.get() <= world.now()
}

/// Mostly lets what has just gone wrong play itself out, as long as new tokens are held: a host that is struck once more
/// holds nothing.
fn lull(world: &World) {
    if world.rng.chance(0.7) {
        world.lull_until.set(world.now() + Duration::from_secs(95));
    }
}

fn note(world: &World, host: Option<usize>, fault: Fault) {
    world.faults.count(fault);
    world.trace.note(world.now(), host, || format!("fault: {fault:?}"));
}

fn strike(world: &Rc<World>) {
    let now = world.now();
    let rng = &world.rng;
    match rng.below(12) {
        0..4 => strike_host(world, rng.below(world.hosts.len())),
        4 => {
            note(world, None, Fault::StoreOutage);
            world.store.go_away(None, now + outage(world));
        }
        5 => {
            let host = rng.below(world.hosts.len());
            note(world, Some(host), Fault::StorePartition);
            world.store.go_away(Some(host), now + outage(world));
        }
        6 => {
            let seconds = *rng.pick(&[-600, -30, -3, 3, 30, 600]);
            note(world, None, if seconds < 0 { Fault::StoreClockJumpedBack } else { Fault::StoreClockJumpedForward });
            world.store.jump(seconds, now);
        }
        7 => {
            note(world, None, Fault::Restart);
            world.databricks_away_until.set(now + rng.seconds(1, 60));
        }
        8 => {
            note(world, None, Fault::KeysUnavailable);
            world.keys_away_until.set(now + rng.millis(100, 20_000));
        }
        9 => {
            let host = rng.below(world.hosts.len());
            note(world, Some(host), Fault::WallClockJumped);
            world.hosts[host].clock.jump_wall(*rng.pick(&[-86_400 * 365, -300, 300, 86_400 * 365]));
        }
        10 => {
            let host = rng.below(world.hosts.len());
            note(world, Some(host), Fault::InstanceTrapped);
            host::trap_instance(world, host);
        }
        _ => {
            // Seldom: most runs should see sessions live.
            let user = actors::user(rng.below(world.settings.users));
            if rng.chance(0.2) && world.books.end_session(&user) {
                note(world, None, Fault::SessionEnded);
            }
        }
    }
}

/// How long a store is away: mostly seconds, sometimes long.
fn outage(world: &World) -> Duration {
    match world.rng.below(4) {
        0 => world.rng.seconds(10, 40),
        _ => world.rng.millis(100, 8_000),
    }
}

fn strike_host(world: &Rc<World>, host: usize) {
    let this = &world.hosts[host];
    if !this.up.get() {
        return;
    }
    match world.rng.below(4) {
        0 => {
            note(world, Some(host), Fault::HostCrashed);
            host::crash(world, host);
            let world = world.clone();
            world.clone().spawn(async move {
                world.timers.sleep(world.rng.millis(500, 60_000)).await;
                host::start(&world, host);
            });
        }
        1 | 2 => freeze(world, host),
        _ => {
            if host::trap_renewal(world, host) {
                note(world, Some(host), Fault::RenewalTrapped);
            }
        }
    }
}

fn freeze(world: &Rc<World>, host: usize) {
    let span = match world.rng.below(3) {
        0 => world.rng.seconds(20, 300),
        1 => world.rng.seconds(1, 20),
        _ => world.rng.millis(50, 1_000),
    };
    freeze_for(world, host, span);
}

fn freeze_for(world: &Rc<World>, host: usize, span: Duration) {
    let this = &world.hosts[host];
    if this.is_frozen(world.now()) || !this.up.get() {
        return;
    }
    note(world, Some(host), Fault::HostFrozen);
    this.frozen_until.set(world.now() + span);
    this.frozen.set(this.frozen.get() + span);
    let world = world.clone();
    world.clone().executor.spawn(Owner::World, async move {
        // Time has to move there, or nobody would notice that the host goes on.
        world.timers.sleep(span).await;
    });
}
