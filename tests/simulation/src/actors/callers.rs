//! Callers who want tokens, one at a time and in crowds.

use std::rc::Rc;
use std::time::Duration;

use fabric_auth_guest::contract::databricks_oauth::Rejection;
use fabric_auth_guest::contract::{Activity, Error, TokenDescription};
use futures::future::{Either, select};
use zeroize::Zeroizing;

use super::{FABRIC, person};
use crate::bounds::CALL;
use crate::faults::Fault;
use crate::host::call;
use crate::invariants::serving::Call;
use crate::world::World;

type Answer = Result<(Zeroizing<String>, TokenDescription), Error>;

/// Asks for a person's token again and again: now and then, seldom, or many at once.
pub(crate) async fn ask(world: Rc<World>, user: String) {
    let usual = world.settings.believed_life() / world.settings.eagerness;
    while world.busy.get() {
        // Seldom nobody asks until the token has ended, and then everybody at once.
        let silence = world.rng.chance(0.1);
        let pause = if silence { world.settings.believed_life() } else { usual };
        world.timers.sleep(world.rng.between(Duration::ZERO, pause * 2)).await;
        let crowd = if world.rng.chance(if silence { 0.8 } else { 0.1 }) { world.rng.from(3, 6) } else { 1 };
        for _ in 0..crowd {
            let (world, user) = (world.clone(), user.clone());
            world.clone().spawn(async move { ask_in_earnest(&world, &user).await });
        }
    }
}

/// Whoever is told to try again mostly leaves it at that; some do not give up for a while.
async fn ask_in_earnest(world: &Rc<World>, user: &str) {
    let tries = if world.rng.chance(0.3) { 30 } else { 1 };
    for _ in 0..tries {
        if !world.busy.get() || !ask_once(world, user).await {
            return;
        }
        world.timers.sleep(world.rng.millis(200, 3_000)).await;
    }
}

/// Asks once. Whether it may be worth while to ask again soon.
async fn ask_once(world: &Rc<World>, user: &str) -> bool {
    let host = world.rng.below(world.hosts.len());
    let this = Call { host, user, began: world.now(), frozen: world.hosts[host].frozen_for(world.now()) };
    let caller = person(user);
    let calling = call(world, host, move |core| async move {
        core.access_token(&caller, FABRIC, Activity::PipelineDevelopment).await
    });
    let Some(calling) = calling else { return true };
    if world.strikes(0.03, Fault::CallerLeft) {
        world.timers.sleep(world.rng.millis(0, 200)).await;
        if world.rng.chance(0.5) {
            world.executor.abort(calling.task);
        }
        return false;
    }
    let Some(answer) = answer(world, &this, calling.answer).await else { return true };
    world.monitor.ended(world, &this);
    world.trace.note(world.now(), Some(host), || {
        let text =
            crate::world::describe(&answer.as_ref().map(|(_, token)| token.reference.generation).map_err(Clone::clone));
        format!("{user} asked: {text}")
    });
    match answer {
        Ok((token, description)) => {
            world.monitor.served(world, &this, &token, &description);
            use_token(world, user, &token, &description).await;
        }
        Err(Error::Internal(text)) => world.monitor.broken(world, "no defect shows", text),
        Err(error) if world.settings.intensity == 0.0 => {
            let what = format!("with no fault about, {user} was told: {error:?}");
            world.monitor.broken(world, "everybody is answered", what);
        }
        Err(Error::Unavailable(_)) => return true,
        Err(_) => {}
    }
    false
}

/// The answer; none when the host or instance died. Whoever gets neither in the time that hosts give a call has found
/// a call that hangs.
async fn answer(
    world: &Rc<World>,
    call: &Call<'_>,
    mut answer: futures::channel::oneshot::Receiver<Answer>,
) -> Option<Answer> {
    loop {
        match select(answer, world.timers.sleep(CALL + Duration::from_secs(1))).await {
            Either::Left((answer, _)) => return answer.ok(),
            Either::Right(((), waiting)) => {
                world.monitor.ended(world, call);
                if world.monitor.violation().is_some() {
                    return None;
                }
                answer = waiting;
            }
        }
    }
}

/// What a caller does with a token: now and then Databricks takes it no more, or somebody claims so.
async fn use_token(world: &Rc<World>, user: &str, token: &str, description: &TokenDescription) {
    if world.strikes(0.004, Fault::AccessTokenRevoked) {
        world.books.revoke_access_token(token);
    }
    let refused = world.books.bearer(token, world.now()).is_none();
    if !refused && !world.strikes(0.002, Fault::RejectionReported) {
        return;
    }
    if refused {
        world.faults.count(Fault::RejectionReported);
    }
    let (caller, reference) = (person(user), description.reference.clone());
    let body = br#"{"error_code":403,"message":"Invalid access token."}"#.to_vec();
    let rejection = Rejection { status: 403, body, location: None };
    let host = world.rng.below(world.hosts.len());
    let reporting = call(world, host, move |core| async move {
        core.report_rejection(&caller, FABRIC, Activity::PipelineDevelopment, &reference, rejection).await
    });
    if let Some(reporting) = reporting {
        let _ = reporting.answer.await;
    }
}
