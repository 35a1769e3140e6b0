//! Signing in, staying, signing out.

use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::contract::{Activity, Error, Retry, SignInReason};
use zeroize::Zeroizing;

use super::{FABRIC, grant_key, person};
use crate::bounds::{CALL, MENDED};
use crate::faults::Fault;
use crate::host::call;
use crate::world::{World, describe};

/// Somebody: signs in when told to, and now and then signs out, or signs in anew for no reason.
pub(crate) async fn live(world: Rc<World>, user: String) {
    while world.busy.get() {
        world.timers.sleep(world.rng.seconds(5, 60)).await;
        // Often just while a renewal is at work.
        let in_the_middle = world.rng.chance(0.5) && wait_for_renewal(&world).await;
        if !world.busy.get() {
            return;
        }
        if in_the_middle && world.strikes(0.05, Fault::SignedOut) {
            // Also at Databricks, perhaps: then what is under way finds its session ended.
            if world.rng.chance(0.5) && world.books.end_session(&user) {
                world.faults.count(Fault::SessionEnded);
            }
            sign_out(&world, &user).await;
            continue;
        }
        if needs_sign_in(&world, &user) {
            // People do not sit and wait for it; what was given up may come back meanwhile.
            world.timers.sleep(world.rng.seconds(0, 60)).await;
            if needs_sign_in(&world, &user) {
                sign_in(&world, &user).await;
            }
        } else if world.strikes(0.02, Fault::SignedOut) {
            sign_out(&world, &user).await;
        } else if world.strikes(0.03, Fault::SignedInAnew) {
            sign_in(&world, &user).await;
        }
    }
}

/// Waits until some host renews something, but not for ever. Whether one does.
async fn wait_for_renewal(world: &World) -> bool {
    for _ in 0..60 {
        if world.hosts.iter().any(crate::host::Host::has_renewals) || !world.busy.get() {
            return true;
        }
        world.timers.sleep(world.rng.millis(10, 2_000)).await;
    }
    false
}

fn needs_sign_in(world: &World, user: &str) -> bool {
    world.monitor.grant(&grant_key(user)).is_none_or(|grant| grant.ended.is_some() || grant.refresh_token.is_none())
}

/// Signs in through the browser. Whether it worked.
pub(crate) async fn sign_in(world: &Rc<World>, user: &str) -> bool {
    let caller = person(user);
    let begin = call(world, world.rng.below(world.hosts.len()), move |core| async move {
        core.begin_sign_in(&caller, FABRIC, None).await
    });
    let Some(begin) = begin else { return false };
    let Ok(Ok((url, binding, _))) = begin.answer.await else { return false };
    let query = url.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    let parameter = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let (Some(state), Some(challenge)) = (parameter("state"), parameter("code_challenge")) else { return false };
    world.timers.sleep(world.rng.seconds(1, 20)).await;
    let code = world.books.authorize(&world.rng, user, &challenge, world.now());
    let callback = format!("code={code}&state={state}");
    let caller = person(user);
    let complete = call(world, world.rng.below(world.hosts.len()), move |core| async move {
        core.complete_sign_in(&caller, Zeroizing::new(callback), binding).await
    });
    let Some(complete) = complete else { return false };
    let result = complete.answer.await;
    world.trace.note(world.now(), None, || format!("{user} signed in: {}", matches!(result, Ok(Ok(_)))));
    matches!(result, Ok(Ok(_)))
}

pub(crate) async fn sign_out(world: &Rc<World>, user: &str) {
    let caller = person(user);
    let host = world.rng.below(world.hosts.len());
    let sign_outs = |grant: crate::invariants::records::Grant| grant.sign_outs;
    let before = world.monitor.grant(&grant_key(user)).map_or(0, sign_outs);
    let Some(calling) = call(world, host, move |core| async move { core.sign_out(&caller, FABRIC).await }) else {
        return;
    };
    let result = calling.answer.await;
    let Ok(Ok(done)) = result else { return };
    world.trace.note(world.now(), Some(host), || format!("{user} signed out: {}", done.grant_ended));
    let after = world.monitor.grant(&grant_key(user)).map_or(0, sign_outs);
    if done.grant_ended && after == before {
        world.monitor.broken(
            world,
            "records follow each other",
            "a sign-out was confirmed and did not land".to_owned(),
        );
    }
}

/// At the end, with all faults off: everybody is served, or told to sign in for good; and once what that began is done,
/// the record holds the live refresh token, or none.
pub(crate) async fn settle(world: Rc<World>, user: String) {
    let mut told_to_sign_in = None;
    for host in 0..world.hosts.len() {
        match ask_at_the_end(&world, &user, host).await {
            Ok(()) => told_to_sign_in = None,
            Err(Error::SignInRequired(required)) => told_to_sign_in = Some(required.reason),
            Err(other) => {
                let what = format!("{user} was neither served nor told to sign in: {other:?}");
                world.monitor.broken(&world, "everybody is answered", what);
            }
        }
    }
    world.timers.sleep(Duration::from_secs(5)).await;
    match told_to_sign_in {
        None => check_held(&world, &user),
        Some(reason) => check_let_go(&world, &user, reason),
    }
}

/// Asks, and asks again whenever told to come back later: who waits for an endpoint that has been away finds one request
/// at a time on its way to it, and then the others spread. All of that together must end soon.
async fn ask_at_the_end(world: &Rc<World>, user: &str, host: usize) -> Result<(), Error> {
    let began_asking = world.now();
    loop {
        let caller = person(user);
        let began = world.now();
        let calling = call(world, host, move |core| async move {
            core.access_token(&caller, FABRIC, Activity::PipelineDevelopment).await
        });
        let Some(calling) = calling else { return Ok(()) };
        let Ok(result) = calling.answer.await else { return Ok(()) };
        let result = result.map(|_| ());
        world.trace.note(world.now(), Some(host), || format!("{user} at the end: {}", describe(&result)));
        let took = world.now().saturating_sub(began);
        if took > CALL {
            world.monitor.broken(world, "everybody is answered", format!("{user} waited {took:?} with no fault about"));
        }
        match result {
            Err(Error::Unavailable(Retry { retry_after: Some(after), .. }))
                if world.now().saturating_sub(began_asking) < MENDED =>
            {
                world.timers.sleep(Duration::from_nanos(after) + Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

fn check_held(world: &World, user: &str) {
    let grant = world.monitor.grant(&grant_key(user));
    let held = grant.as_ref().and_then(|grant| grant.refresh_token.as_ref());
    let ended = held.is_none_or(|held| {
        let session = world.books.refresh_tokens.borrow().get(held).map(|token| token.session);
        session.is_none_or(|session| world.books.sessions.borrow()[session].ended.is_some())
    });
    if let Some(held) = held
        && !ended
        && !world.books.is_live(held)
        && world.settings.single_use()
    {
        let what = format!("{user} is served, and the record does not hold the live refresh token");
        world.monitor.broken(world, "no token is lost", what);
    }
}

fn check_let_go(world: &World, user: &str, reason: SignInReason) {
    let grant = world.monitor.grant(&grant_key(user));
    let held = grant.and_then(|grant| grant.refresh_token);
    if held.is_some_and(|held| world.books.is_live(&held)) {
        let what = format!("{user} was told to sign in ({reason:?}), and the record holds a live refresh token");
        world.monitor.broken(world, "nobody signs in needlessly", what);
    }
}
