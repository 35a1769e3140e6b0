//! One instance, owned by one task.
//!
//! Callers send jobs; the task runs them inside a single `run_concurrent`, so that they overlap while they wait. The
//! rules that keep this safe: after a trap, or a call that did not end in time, the instance takes no new call, the
//! others get a moment, and then its store is dropped. A store that is used again after an abandoned call would resume
//! that call, and with it perhaps a request that was thought dead.
//!
//! An instance that has served its number of calls is another matter: nothing is wrong with it. It takes no new call,
//! and ends when those that it has, have ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use wasmtime::component::Accessor;
use wasmtime::{Result, Store};

use super::timeouts::{CALL, FAREWELL};
use super::{Instances, State};
use crate::bindings::FabricAuth;

/// Calls that may wait for an instance. More than this and callers wait before the queue.
const QUEUE: usize = 1_024;

/// The future of a job: whether the instance may go on.
pub(super) type Going<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A call, ready to be made. Answers its caller by itself, and ends in time by itself ([`in_time`]) unless somebody else
/// bounds what it waits for.
pub(super) type Job = Box<dyn for<'a> FnOnce(&'a Accessor<State>, &'a FabricAuth) -> Going<'a> + Send>;

/// A handle to an instance. When the last one is gone, the instance ends as soon as its calls have.
#[derive(Clone)]
pub(super) struct Instance {
    jobs: mpsc::Sender<Job>,
    openness: Arc<Openness>,
}

/// Whether an instance still takes calls.
struct Openness {
    given_up: AtomicBool,
    /// How many calls it may still take.
    calls_left: AtomicU64,
}

impl Instance {
    /// Makes an instance that takes this many calls, and the task that owns it.
    pub(super) async fn start(instances: Arc<Instances>, calls: u64) -> Result<Self> {
        let mut store = State::store(instances.clone());
        let guest = instances.program.pre().instantiate_async(&mut store).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let openness = Arc::new(Openness { given_up: AtomicBool::new(false), calls_left: AtomicU64::new(calls) });
        instances.spawn(own(store, guest, queue, openness.clone(), instances.ending()));
        Ok(Self { jobs, openness })
    }

    /// Whether it takes calls.
    pub(super) fn is_open(&self) -> bool {
        self.is_alive() && self.openness.calls_left.load(Ordering::Relaxed) > 0
    }

    /// Hands it a call. Gives it back when the instance takes none any more.
    pub(super) async fn call(&self, job: Job) -> std::result::Result<(), Job> {
        let count_down = |left: u64| left.checked_sub(1);
        if self.openness.calls_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down).is_err() {
            return Err(job);
        }
        self.tell(job).await
    }

    /// Hands it what the host has to tell it, which is no call of anybody. Also while it takes no calls: those that are
    /// at work shall know it too. Gives it back when the instance has been given up.
    pub(super) async fn tell(&self, job: Job) -> std::result::Result<(), Job> {
        if !self.is_alive() {
            return Err(job);
        }
        self.jobs.send(job).await.map_err(|refused| refused.0)
    }

    fn is_alive(&self) -> bool {
        !self.openness.given_up.load(Ordering::Acquire) && !self.jobs.is_closed()
    }
}

/// Why an instance ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// There is another in its place, or the host ends.
    NotNeeded,
    /// A call of it trapped or did not end in time.
    GivenUp,
}

/// Runs an instance to its end.
async fn own(
    mut store: Store<State>,
    guest: FabricAuth,
    queue: mpsc::Receiver<Job>,
    openness: Arc<Openness>,
    ending: watch::Receiver<()>,
) {
    let (stretch, instances) = (store.data().stretch(), store.data().instances.clone());
    let running = store.run_concurrent(async |accessor| serve(accessor, &guest, queue, &openness, ending).await);
    let ended = stretch.watch(running).await;
    openness.given_up.store(true, Ordering::Release);
    let trapped = ended.as_ref().map_or(true, |end| *end == End::GivenUp);
    if trapped {
        instances.parts.counts.gave_up();
    }
    if let Err(error) = ended {
        // A trap's text names functions of the component and no data.
        tracing::error!(error = %format_args!("{error:#}"), "an instance of the component was given up");
    }
}

/// Runs jobs until nobody can reach the instance any more and all have ended, or until it must be given up.
async fn serve(
    accessor: &Accessor<State>,
    guest: &FabricAuth,
    mut queue: mpsc::Receiver<Job>,
    openness: &Openness,
    mut ending: watch::Receiver<()>,
) -> End {
    let mut calls = FuturesUnordered::new();
    let mut reachable = true;
    let mut end = End::NotNeeded;
    while reachable || !calls.is_empty() {
        tokio::select! {
            biased;
            Some(ended) = calls.next(), if !calls.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(error = %format_args!("{error:#}"), "a call into the component trapped or did not end in time");
                    end = End::GivenUp;
                    break;
                }
            }
            job = queue.recv(), if reachable => match job {
                Some(job) => calls.push(job(accessor, guest)),
                // Nobody can reach it any more: there is another instance in its place, or the host has ended.
                None => reachable = false,
            },
            // Nobody holds the host any more. What is queued is still done.
            _ = ending.changed(), if !queue.is_closed() => queue.close(),
        }
    }
    openness.given_up.store(true, Ordering::Release);
    queue.close();
    // Jobs that are still queued are dropped with it, which their callers notice.
    let _ = timeout(FAREWELL, async { while calls.next().await.is_some() {} }).await;
    end
}

/// A call that takes longer than any may counts as one that trapped, whether or not its caller is still there.
pub(super) async fn in_time(going: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(CALL, going).await.unwrap_or_else(|_| wasmtime::bail!("a call did not end within {} s", CALL.as_secs()))
}
