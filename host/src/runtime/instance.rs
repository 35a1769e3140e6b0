//! One instance, owned by one task.
//!
//! Callers send jobs; the task runs them inside a single `run_concurrent`, so that they overlap while they wait. The
//! rules that keep this safe: after a trap, or a call that did not end in time, the instance takes no new call, the
//! others get a moment, and then its store is dropped. A store that is used again after an abandoned call would resume
//! that call, and with it perhaps a request that was thought dead.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use wasmtime::component::Accessor;
use wasmtime::{Result, Store};

use super::timeouts::{CALL, FAREWELL};
use super::{Instances, State};
use crate::bindings::FabricAuth;

/// Calls that may wait for an instance. More than this and callers wait before the queue.
const QUEUE: usize = 1_024;

/// An instance is replaced after this many calls, so that nothing in it can grow for ever.
const MOST_CALLS: u64 = 1_000_000;

/// The future of a job: whether the instance may go on.
pub(super) type Going<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A call, ready to be made. Answers its caller by itself.
pub(super) type Job = Box<dyn for<'a> FnOnce(&'a Accessor<State>, &'a FabricAuth) -> Going<'a> + Send>;

/// A handle to an instance.
#[derive(Clone)]
pub(super) struct Instance {
    jobs: mpsc::Sender<Job>,
    retirement: Arc<Retirement>,
}

/// Whether an instance still takes calls.
struct Retirement {
    retired: AtomicBool,
    calls: AtomicU64,
    notice: Notify,
}

impl Instance {
    /// Makes an instance and the task that owns it.
    pub(super) async fn start(instances: Arc<Instances>) -> Result<Self> {
        let mut store = State::store(instances.clone());
        let guest = instances.program.pre().instantiate_async(&mut store).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let retirement =
            Arc::new(Retirement { retired: AtomicBool::new(false), calls: AtomicU64::new(0), notice: Notify::new() });
        instances.spawn(own(store, guest, queue, retirement.clone(), instances.ending()));
        Ok(Self { jobs, retirement })
    }

    /// Whether it takes calls.
    pub(super) fn is_open(&self) -> bool {
        !self.retirement.retired.load(Ordering::Acquire) && !self.jobs.is_closed()
    }

    /// Hands it a job. Gives it back when the instance takes none any more.
    pub(super) async fn submit(&self, job: Job) -> std::result::Result<(), Job> {
        if !self.is_open() {
            return Err(job);
        }
        if self.retirement.calls.fetch_add(1, Ordering::Relaxed) >= MOST_CALLS {
            self.retire();
        }
        self.jobs.send(job).await.map_err(|refused| refused.0)
    }

    /// Lets it take no new calls, and end.
    pub(super) fn retire(&self) {
        self.retirement.retired.store(true, Ordering::Release);
        self.retirement.notice.notify_one();
    }
}

/// Runs an instance to its end.
async fn own(
    mut store: Store<State>,
    guest: FabricAuth,
    queue: mpsc::Receiver<Job>,
    retirement: Arc<Retirement>,
    ending: watch::Receiver<()>,
) {
    let stretch = store.data().stretch();
    let running = store.run_concurrent(async |accessor| serve(accessor, &guest, queue, &retirement, ending).await);
    let ended = stretch.watch(running).await;
    retirement.retired.store(true, Ordering::Release);
    if let Err(error) = ended {
        // A trap's text names functions of the component and no data.
        tracing::error!(%error, "an instance of the component was given up");
    }
}

/// Runs jobs until the instance is retired, broken or nobody can reach it any more.
async fn serve(
    accessor: &Accessor<State>,
    guest: &FabricAuth,
    mut queue: mpsc::Receiver<Job>,
    retirement: &Retirement,
    mut ending: watch::Receiver<()>,
) {
    let mut calls = FuturesUnordered::new();
    let patience = loop {
        tokio::select! {
            biased;
            () = retirement.notice.notified() => break FAREWELL,
            Some(going) = calls.next(), if !calls.is_empty() => {
                if let Err(error) = going {
                    tracing::error!(%error, "a call into the component trapped");
                    break FAREWELL;
                }
            }
            job = queue.recv() => match job {
                Some(job) => calls.push(job(accessor, guest)),
                // Nobody can reach it any more: there is another instance in its place.
                None => break CALL,
            },
            // Nobody holds the host any more.
            _ = ending.changed() => break CALL,
        }
    };
    retirement.retired.store(true, Ordering::Release);
    queue.close();
    // Jobs that are still queued are dropped with it, which their callers notice. Calls that are at work may end.
    let _ = timeout(patience, async { while calls.next().await.is_some() {} }).await;
}
