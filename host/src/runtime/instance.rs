//! One instance, owned by one task.
//!
//! Callers send jobs; the task runs them inside a single `run_concurrent`, so that they overlap while they wait. The
//! rules that keep this safe: after a trap, or a call that did not end in time, the instance takes no new call, the
//! others get a moment, and then its store is dropped. A store that is used again after an abandoned call would resume
//! that call, and with it perhaps a request that was thought dead.
//!
//! An instance that has served its number of calls is another matter: nothing is wrong with it. It takes no new call,
//! and ends when those that it has, have ended.
//!
//! Requests that pass through its gateway are not calls: they may last for hours. They end with the host, and those of an
//! instance that has been replaced may be ended for want of room.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::future::select;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Accessor;
use wasmtime::{Result, Store};

use super::timeouts::{CALL, FAREWELL, LINGERING};
use super::{Instances, State};
use crate::bindings::FabricAuth;

/// Calls that may wait for an instance. More than this and callers wait before the queue.
const QUEUE: usize = 1_024;

/// The future of a job: whether the instance may go on.
pub(super) type Going<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A call, ready to be made. Answers its caller by itself, and ends in time by itself ([`in_time`]) unless somebody else
/// bounds what it waits for.
pub(super) type Job = Box<dyn for<'a> FnOnce(&'a Accessor<State>, &'a FabricAuth) -> Going<'a> + Send>;

/// What the task of an instance is sent.
enum Work {
    Call(Job),
    Passage(Job),
}

/// A handle to an instance. When the last one is gone, the instance ends as soon as its calls have.
#[derive(Clone)]
pub(super) struct Instance {
    work: mpsc::Sender<Work>,
    openness: Arc<Openness>,
    reader: Reader,
}

/// Somebody who reads a reply that the instance may write itself. It is not ended at once under them.
#[derive(Clone)]
pub(super) struct Reader(#[expect(dead_code, reason = "its being there is what counts")] mpsc::Sender<Infallible>);

/// Whether an instance still takes calls.
pub(super) struct Openness {
    /// It has ended, or is about to, whatever is under way.
    given_up: AtomicBool,
    /// How many calls it may still take.
    calls_left: AtomicU64,
    /// Cancelled when its room is needed.
    ends_now: CancellationToken,
}

/// What the task of an instance listens to.
struct Ears {
    work: mpsc::Receiver<Work>,
    readers: mpsc::Receiver<Infallible>,
    openness: Arc<Openness>,
    ending: watch::Receiver<()>,
}

impl Openness {
    /// Whether the instance has not ended.
    pub(super) fn is_alive(&self) -> bool {
        !self.given_up.load(Ordering::Acquire)
    }

    /// Cuts off what passes through the instance, so that it ends with its calls.
    pub(super) fn end_now(&self) {
        self.ends_now.cancel();
    }
}

impl Instance {
    /// Makes an instance that takes this many calls, and the task that owns it.
    pub(super) async fn start(instances: Arc<Instances>, calls: u64) -> Result<Self> {
        let mut store = State::store(instances.clone());
        let guest = instances.program.pre().instantiate_async(&mut store).await?;
        let (work, queue) = mpsc::channel(QUEUE);
        let (reader, readers) = mpsc::channel(1);
        let openness = Arc::new(Openness {
            given_up: AtomicBool::new(false),
            calls_left: AtomicU64::new(calls),
            ends_now: CancellationToken::new(),
        });
        let ears = Ears { work: queue, readers, openness: openness.clone(), ending: instances.ending() };
        instances.spawn(own(store, guest, ears));
        Ok(Self { work, openness, reader: Reader(reader) })
    }

    /// Whether it is there, for when nobody has a handle any more.
    pub(super) fn openness(&self) -> &Arc<Openness> {
        &self.openness
    }

    /// For whoever reads a reply that came out of it.
    pub(super) fn reader(&self) -> Reader {
        self.reader.clone()
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
        self.send(Work::Call(job)).await
    }

    /// Hands it a request for its gateway. Gives it back when the instance has been given up.
    pub(super) async fn pass(&self, job: Job) -> std::result::Result<(), Job> {
        self.send(Work::Passage(job)).await
    }

    async fn send(&self, work: Work) -> std::result::Result<(), Job> {
        let refused = match self.is_alive() {
            true => self.work.send(work).await.err().map(|refused| refused.0),
            false => Some(work),
        };
        match refused {
            None => Ok(()),
            Some(Work::Call(job) | Work::Passage(job)) => Err(job),
        }
    }

    fn is_alive(&self) -> bool {
        self.openness.is_alive() && !self.work.is_closed()
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
async fn own(mut store: Store<State>, guest: FabricAuth, ears: Ears) {
    let (stretch, instances) = (store.data().stretch(), store.data().instances.clone());
    let openness = ears.openness.clone();
    let running = store.run_concurrent(async |accessor| serve(accessor, &guest, ears, &instances).await);
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
async fn serve(accessor: &Accessor<State>, guest: &FabricAuth, ears: Ears, instances: &Instances) -> End {
    let Ears { work: mut queue, mut readers, openness, mut ending } = ears;
    let (mut calls, mut passages) = (FuturesUnordered::new(), FuturesUnordered::new());
    let mut ends_now = pin!(openness.ends_now.cancelled());
    let mut host_ends = pin!(instances.end());
    let mut unheld = pin!(ending.changed());
    let (mut reachable, mut passable) = (true, true);
    let mut end = End::NotNeeded;
    while reachable || !calls.is_empty() || !passages.is_empty() {
        let ended = tokio::select! {
            biased;
            Some(ended) = calls.next(), if !calls.is_empty() => ended,
            Some(ended) = passages.next(), if !passages.is_empty() => ended,
            job = queue.recv(), if reachable => {
                match job {
                    Some(Work::Call(job)) => calls.push(job(accessor, guest)),
                    Some(Work::Passage(job)) if passable => passages.push(job(accessor, guest)),
                    // Nobody would be there to be answered.
                    Some(Work::Passage(_)) => {}
                    // Nobody can reach it any more: there is another instance in its place, or the host has ended.
                    None => reachable = false,
                }
                Ok(())
            }
            // What passes through may be cut off. Calls may hold what must not be lost, and end soon by themselves.
            _ = select(ends_now.as_mut(), host_ends.as_mut()), if passable => {
                passable = false;
                passages.clear();
                Ok(())
            }
            // Nobody holds the host any more. What is queued is still done.
            _ = &mut unheld, if !queue.is_closed() => {
                queue.close();
                Ok(())
            }
        };
        if let Err(error) = ended {
            tracing::error!(error = %format_args!("{error:#}"), "a call into the component trapped or did not end in time");
            end = End::GivenUp;
            break;
        }
    }
    if end == End::NotNeeded && passable {
        // What the component writes of a reply itself comes out of here.
        tokio::select! {
            _ = timeout(LINGERING, readers.recv()) => {}
            _ = select(ends_now.as_mut(), host_ends.as_mut()) => {}
        }
    }
    openness.given_up.store(true, Ordering::Release);
    queue.close();
    // Jobs that are still queued are dropped with it, which their callers notice.
    let ended = async {
        while calls.next().await.is_some() {}
        while passages.next().await.is_some() {}
    };
    let _ = timeout(FAREWELL, ended).await;
    end
}

/// A call that takes longer than any may counts as one that trapped, whether or not its caller is still there.
pub(super) async fn in_time(going: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(CALL, going).await.unwrap_or_else(|_| wasmtime::bail!("a call did not end within {} s", CALL.as_secs()))
}
