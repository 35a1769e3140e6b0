//! `access-token` when the instance remembers the token, through the embedding API and in process.
//!
//! Budget: a median of at most 5 µs, and at most twice a bare call. Beside it stand
//! - `bare call`: the same types, parameters and bytes over a component that does nothing else (`bare.rs`);
//! - `component`: the component called in its store, without the host's task; what it does itself is the difference to
//!   the bare call (a look into its cache, the clock, the bytes);
//! - `component, full cache`: the same when it remembers as many callers as it can;
//! - `task`: the hop to the task that owns an instance and back, without a component.
//!
//! The callers are tasks of the runtime, as those of a service are. Someone who waits for a call by blocking a thread
//! of their own (`from outside`) pays in addition for two wake-ups of threads.

use std::time::Duration;

use criterion::Criterion;
use fabric_auth::FabricAuth;
use fabric_auth::contract::Activity;
use fabric_auth_tests::{DEV, World, alice};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use super::bare::Bare;
use super::direct::{Direct, Instance, access_token, told_apart};
use super::timing::{Times, median, runtime, timed};

/// Callers enough to fill the cache of an instance.
const MANY: u32 = 6_000;

/// Measures it.
pub fn measure(criterion: &mut Criterion) {
    let runtime = runtime();
    let world = runtime.block_on(async {
        let world = World::new().await;
        world.sign_in(&alice()).await;
        world
    });
    let mut group = criterion.benchmark_group("access-token, warm");
    group.warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    group.bench_function("embedding API", |bencher| {
        bencher.iter_custom(|calls| spawned(&runtime, asked(calls, world.host.clone())));
    });
    group.bench_function("embedding API, from outside", |bencher| {
        bencher.iter_custom(|calls| runtime.block_on(asked(calls, world.host.clone())));
    });

    let mut direct = runtime.block_on(Direct::new(&world).instantiate());
    group.bench_function("component", |bencher| {
        bencher.iter_custom(|calls| {
            let (function, caller) = (direct.access_token, alice());
            let measured = direct.store.run_concurrent(async |accessor| {
                median(calls, async || timed(access_token(accessor, function, &caller)).await).await
            });
            runtime.block_on(measured).expect("an instance that lives")
        });
    });

    let mut full = None;
    group.bench_function("component, full cache", |bencher| {
        let instance = full.get_or_insert_with(|| runtime.block_on(with_full_cache(&world)));
        let (function, caller) = (instance.access_token, told_apart(MANY));
        bencher.iter_custom(|calls| {
            let measured = instance.store.run_concurrent(async |accessor| {
                median(calls, async || timed(access_token(accessor, function, &caller)).await).await
            });
            runtime.block_on(measured).expect("an instance that lives")
        });
    });

    let (token, description) =
        runtime.block_on(world.token_for(&alice(), Activity::PipelineDevelopment)).expect("a token");
    let mut bare = runtime.block_on(Bare::new(&token, &description));
    group.bench_function("bare call", |bencher| {
        bencher.iter_custom(|calls| {
            let (function, caller) = (bare.access_token, alice());
            let measured = bare.store.run_concurrent(async |accessor| {
                median(calls, async || {
                    timed(async {
                        let parameters = (caller.clone(), DEV.to_owned(), Activity::PipelineDevelopment);
                        function.call_concurrent(accessor, parameters).await.expect("a call that does not trap")
                    })
                    .await
                })
                .await
            });
            runtime.block_on(measured).expect("an instance that lives")
        });
    });

    group.bench_function("task", |bencher| {
        bencher.iter_custom(|calls| spawned(&runtime, hops(calls, token.clone())));
    });
    group.finish();
}

/// An instance that remembers as many callers as it can, the last of them number [`MANY`].
async fn with_full_cache(world: &World) -> Instance {
    let mut instance = Direct::new(world).instantiate().await;
    let function = instance.access_token;
    let filling = instance.store.run_concurrent(async |accessor| {
        for number in 0..=MANY {
            access_token(accessor, function, &told_apart(number)).await;
        }
    });
    filling.await.expect("an instance that lives");
    instance
}

/// Asks a host for its token.
async fn asked(calls: u64, host: FabricAuth) -> Duration {
    let caller = alice();
    let mut times = Times::default();
    for _ in 0..calls {
        let asking = host.access_token(&caller, DEV, Activity::PipelineDevelopment);
        times.add(timed(async { asking.await.expect("a token") }).await);
    }
    times.total_by_median()
}

/// Measures in a task of the runtime.
fn spawned(runtime: &Runtime, measured: impl Future<Output = Duration> + Send + 'static) -> Duration {
    runtime.block_on(runtime.spawn(measured)).expect("a task that ends")
}

/// What the host does around a call: a boxed job through a queue, an answer back, and a time limit on it.
async fn hops(calls: u64, token: String) -> Duration {
    type Job = Box<dyn FnOnce() + Send>;
    let (jobs, mut queue) = mpsc::channel::<Job>(1_024);
    let owner = tokio::spawn(async move {
        while let Some(job) = queue.recv().await {
            job();
        }
    });
    let mut times = Times::default();
    for _ in 0..calls {
        let (answer, answered) = oneshot::channel();
        let token = token.clone();
        let hop = async {
            let job: Job = Box::new(move || {
                // Nobody gives up waiting here.
                let _ = answer.send(token);
            });
            jobs.send(job).await.map_err(drop).expect("a task that lives");
            tokio::time::timeout(Duration::from_secs(120), answered).await.expect("an answer in time")
        };
        times.add(timed(hop).await);
    }
    drop(jobs);
    owner.await.expect("a task that ends");
    times.total_by_median()
}
