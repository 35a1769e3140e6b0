//! The scheduler: one thread, and chance decides which of the tasks that could go on does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::rng::Rng;

pub(crate) type TaskId = u64;

/// Whose task it is: what ends when its owner does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// Nobody's: people, networks, the store, Databricks.
    World,
    /// A host's own.
    Host(usize),
    /// An instance's on a host.
    Instance { host: usize, instance: u64 },
}

impl Owner {
    pub(crate) fn host(self) -> Option<usize> {
        match self {
            Self::World => None,
            Self::Host(host) | Self::Instance { host, .. } => Some(host),
        }
    }
}

type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    owner: Owner,
    /// Away while it is being polled.
    future: Option<BoxedFuture>,
    waker: Waker,
}

/// Notes which task was woken. A lock only because wakers must be shareable between threads; nobody else holds it.
struct Wakeup {
    id: TaskId,
    woken: Arc<Mutex<Vec<TaskId>>>,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
    }
}

#[derive(Default)]
pub(crate) struct Executor {
    tasks: RefCell<BTreeMap<TaskId, Task>>,
    woken: Arc<Mutex<Vec<TaskId>>>,
    ready: RefCell<Vec<TaskId>>,
    last_id: Cell<TaskId>,
}

impl Executor {
    pub(crate) fn spawn(&self, owner: Owner, future: impl Future<Output = ()> + 'static) -> TaskId {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let waker = Waker::from(Arc::new(Wakeup { id, woken: self.woken.clone() }));
        self.tasks.borrow_mut().insert(id, Task { owner, future: Some(Box::pin(future)), waker });
        self.ready.borrow_mut().push(id);
        id
    }

    /// Polls one task that can go on, chosen by chance. Gives its id, or none when every task waits.
    pub(crate) fn step(&self, rng: &Rng, frozen: impl Fn(usize) -> bool) -> Option<TaskId> {
        let id = self.choose(rng, frozen)?;
        let taken =
            self.tasks.borrow_mut().get_mut(&id).and_then(|task| Some((task.future.take()?, task.waker.clone())));
        let (mut future, waker) = taken?;
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => drop(self.remove(&[id])),
            // If the task was ended while it ran, its future goes here.
            Poll::Pending => {
                if let Some(task) = self.tasks.borrow_mut().get_mut(&id) {
                    task.future = Some(future);
                }
            }
        }
        Some(id)
    }

    fn choose(&self, rng: &Rng, frozen: impl Fn(usize) -> bool) -> Option<TaskId> {
        let mut ready = self.ready.borrow_mut();
        ready.append(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        let tasks = self.tasks.borrow();
        let mut seen = std::collections::BTreeSet::new();
        ready.retain(|id| tasks.contains_key(id) && seen.insert(*id));
        let runs = |id: &TaskId| tasks.get(id).is_some_and(|task| !task.owner.host().is_some_and(&frozen));
        let able: Vec<usize> = (0..ready.len()).filter(|index| runs(&ready[*index])).collect();
        if able.is_empty() {
            return None;
        }
        Some(ready.swap_remove(*rng.pick(&able)))
    }

    /// Ends every task of such an owner, wherever it waits.
    pub(crate) fn end(&self, ends: impl Fn(Owner) -> bool) {
        let ids: Vec<TaskId> =
            self.tasks.borrow().iter().filter(|(_, task)| ends(task.owner)).map(|(id, _)| *id).collect();
        drop(self.remove(&ids));
    }

    /// Ends one task.
    pub(crate) fn abort(&self, id: TaskId) {
        drop(self.remove(&[id]));
    }

    /// Takes tasks out. They are dropped by the caller, when nothing is borrowed: what they drop may come back here.
    fn remove(&self, ids: &[TaskId]) -> Vec<Task> {
        let mut tasks = self.tasks.borrow_mut();
        ids.iter().filter_map(|id| tasks.remove(id)).collect()
    }
}
