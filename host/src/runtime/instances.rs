//! The instances of a host: a few long-lived ones for callers, and a fresh one for every renewal.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::pin::pin;
use std::sync::{Arc, Mutex as BlockingMutex, OnceLock, PoisonError};
use std::thread;

use futures::stream::{self, Stream, StreamExt as _};
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use wasmtime::Engine;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::WasiBody;

use super::engine::Program;
use super::forwarding::{self, ForwardedBody, Held};
use super::instance::{Going, Instance, Job, Openness, in_time};
use super::renewals::{Duty, Renewals};
use super::state::State;
use super::timeouts::RENEWAL;
use crate::bindings::FabricAuth;
use crate::clock::SharedClock;
use crate::contract::Error;
use crate::contract::callers::Admission;
use crate::contract::maintenance::RenewalOutcome;
use crate::deployment::Deployment;
use crate::egress::HttpClient;
use crate::figures::{Counts, Figures};
use crate::imports::Tickets;
use crate::journal::{Ledger, Recorder, Retention};
use crate::keys::MasterKeys;
use crate::storage::{Announcement, Announcements, Observed, ObservedOutcome, Storage, StorageError};

/// A long-lived instance is replaced after this many calls, so that nothing in it can grow for ever: what the bindings
/// (wit-bindgen 0.61) keep of the parameters of a call with many of them, some 72 bytes, comes to less than 4 MiB.
const MOST_CALLS: u64 = 50_000;

/// How many instances that were replaced may be there at once, for what is still under way in them; fewer where there is
/// little room. Requests through the
/// gateway may last for hours, and must not take the room of those who need an instance now.
const MOST_FORMER: usize = 16;

/// What the imports stand on.
pub(crate) struct Parts {
    pub(crate) storage: Observed<dyn Storage>,
    pub(crate) keys: Arc<dyn MasterKeys>,
    pub(crate) journal: Recorder,
    /// The rows of the journal, where this host looks after them.
    pub(crate) ledger: Option<Arc<dyn Ledger>>,
    pub(crate) retention: Retention,
    pub(crate) deployment: Deployment,
    pub(crate) clock: SharedClock,
    pub(crate) egress: HttpClient,
    /// What is counted of all this.
    pub(crate) counts: Counts,
    /// Tickets of requests that the gateway has not redeemed yet.
    pub(crate) tickets: Tickets,
}

/// The instances of a host, and the parts they share.
pub(crate) struct Instances {
    pub(super) program: Program,
    pub(crate) parts: Arc<Parts>,
    long_lived: Vec<Mutex<Option<Instance>>>,
    /// How many calls each of those takes.
    most_calls: u64,
    /// Those that were replaced and have not ended, the eldest first.
    former: BlockingMutex<Vec<Arc<Openness>>>,
    renewals: Arc<Renewals>,
    tasks: TaskTracker,
    ending: watch::Receiver<()>,
    /// Cancelled when the host is to finish what it has begun.
    finishing: CancellationToken,
    follower: OnceLock<AbortOnDropHandle<()>>,
}

/// Held by whoever holds a host. When the last one is gone, instances end as soon as their calls have: they hold the
/// host's parts, and would otherwise keep each other for ever.
pub(crate) type Hold = watch::Sender<()>;

/// What a call into the component comes to.
pub(crate) type Calling<'a, R> = futures::future::BoxFuture<'a, wasmtime::Result<R>>;

impl Instances {
    /// Instances of a program over a host's parts. None is made before it is needed.
    pub(crate) fn new(program: Program, parts: Parts) -> (Arc<Self>, Hold) {
        let room = usize::try_from(program.most_instances() / 4).unwrap_or(usize::MAX).max(1);
        let count = thread::available_parallelism().map_or(1, usize::from).min(8).min(room);
        let (hold, ending) = watch::channel(());
        let instances = Self {
            program,
            parts: Arc::new(parts),
            long_lived: (0..count).map(|_| Mutex::new(None)).collect(),
            most_calls: MOST_CALLS,
            former: BlockingMutex::default(),
            renewals: Arc::default(),
            tasks: TaskTracker::new(),
            ending,
            finishing: CancellationToken::new(),
            follower: OnceLock::new(),
        };
        (Arc::new(instances), hold)
    }

    /// Tells all instances what other hosts change, for as long as this host is there.
    pub(crate) fn follow(self: &Arc<Self>, mut announcements: Announcements) {
        let host = Arc::downgrade(self);
        let following = tokio::spawn(async move {
            while let Some(announcement) = announcements.next().await {
                let Some(instances) = host.upgrade() else { return };
                match announcement {
                    Announcement::Changed(key) => instances.invalidate(&key).await,
                    Announcement::Missed => instances.forget().await,
                }
            }
        });
        // A host is put together once.
        let _ = self.follower.set(AbortOnDropHandle::new(following));
    }

    /// Changes when nobody holds the host any more.
    pub(super) fn ending(&self) -> watch::Receiver<()> {
        self.ending.clone()
    }

    /// Completes when the host is to finish, or when nobody holds it any more.
    pub(super) async fn end(&self) {
        let mut ending = self.ending();
        tokio::select! {
            () = self.finishing.cancelled() => {}
            _ = ending.changed() => {}
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        self.program.engine()
    }

    /// Calls a long-lived instance. Calls with the same `affinity` meet the same one, and with it what it remembers.
    ///
    /// When the caller goes away the call goes on to its end, since it may hold what must not be lost.
    pub(crate) async fn call<R, F>(self: &Arc<Self>, affinity: &[&str], call: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: for<'a> FnOnce(&'a Accessor<State>, &'a FabricAuth) -> Calling<'a, R> + Send + 'static,
    {
        let _at_work = self.parts.counts.calls.enter();
        let (answer, answered) = oneshot::channel();
        let mut job: Job = Box::new(move |accessor, guest| {
            let calling = call(accessor, guest);
            let going: Going<'_> = Box::pin(in_time(async move {
                let result = calling.await?;
                // A caller who went away does not want it any more.
                let _ = answer.send(result);
                Ok(())
            }));
            going
        });
        // The handle is not kept: an instance that has been replaced ends when nobody has one.
        while let Err(refused) = self.instance(affinity).await?.call(job).await {
            job = refused;
        }
        answered.await.map_err(|_| Error::unavailable("The component was interrupted. Try again."))
    }

    /// Hands a request to the gateway of a long-lived instance, which may write the reply's body.
    ///
    /// `held` is kept until the component is done with the request, also when whoever sent it has gone, and then by the
    /// reply's body. A client and a workspace may take as long as they like: what bounds the request is how long the way
    /// out lets them be silent.
    pub(crate) async fn forward(
        self: &Arc<Self>,
        admission: Admission,
        mut request: http::Request<WasiBody>,
        held: Held,
    ) -> Result<http::Response<ForwardedBody>, Error> {
        let _at_work = self.parts.counts.calls.enter();
        let affinity = [admission.caller.tenant.clone(), admission.caller.user.clone()];
        let affinity = affinity.each_ref().map(String::as_str);
        forwarding::prepare(&mut request);
        let _ticket = self.parts.tickets.attach(admission, &mut request)?;
        let (answer, answered) = oneshot::channel();
        let mut job: Job = Box::new(move |accessor, guest| {
            let going: Going<'_> = Box::pin(async move {
                let result = forwarding::forward(accessor, guest, request).await?;
                // A client who went away does not want it any more.
                let _ = answer.send(result.map(|response| (response, held)));
                Ok(())
            });
            going
        });
        let reader = loop {
            let instance = self.instance(&affinity).await?;
            // It leaves nothing behind in the instance, and so does not count towards its end.
            match instance.pass(job).await {
                Ok(()) => break instance.reader(),
                Err(refused) => job = refused,
            }
        };
        // Nothing that a program would take for a reason to send it again by itself.
        let told = "The gateway was interrupted. Databricks may have acted on the request.";
        let (response, held) = answered.await.map_err(|_| Error::Internal(told.to_owned()))??;
        Ok(response.map(|body| ForwardedBody::new(body, reader, held)))
    }

    /// Renews a grant, or joins the renewal that is at work, and waits for its end.
    pub(crate) async fn renewed(self: &Arc<Self>, grant: String) -> Result<(), Error> {
        let (renewal, duty) = self.renewals.join(&grant);
        if let Some(duty) = duty {
            self.spawn_renewal(grant, duty);
        }
        renewal.ended().await
    }

    /// Begins a renewal unless one is at work, and does not wait.
    pub(crate) fn begin_renewal(self: &Arc<Self>, grant: String) {
        if let (_, Some(duty)) = self.renewals.join(&grant) {
            self.spawn_renewal(grant, duty);
        }
    }

    /// What was done so far, and what is at work.
    pub(crate) fn figures(&self) -> Figures {
        self.parts.counts.figures(self.renewals.count())
    }

    /// Tells all instances what was changed, so that none of them serves what it remembers of it.
    pub(crate) fn changed(self: &Arc<Self>, key: &str, outcome: &Result<ObservedOutcome, StorageError>) {
        let may_have_changed =
            matches!(outcome, Ok(ObservedOutcome::Written(_)) | Err(StorageError::OutcomeUnknown(_)));
        if may_have_changed {
            let (instances, key) = (self.clone(), key.to_owned());
            self.tasks.spawn(async move { instances.invalidate(&key).await });
        }
    }

    /// Runs something that belongs to this host and must have ended before the host has.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits for every call, renewal and write that has begun. Nothing may be called after it.
    pub(crate) async fn finish(&self) {
        self.finishing.cancel();
        self.forget().await;
        self.tasks.close();
        self.tasks.wait().await;
        self.parts.storage.writes_done().await;
    }

    /// Puts every long-lived instance away, with all that it remembers. The next call makes a new one.
    async fn forget(&self) {
        for slot in &self.long_lived {
            // Without a handle an instance ends when its calls have.
            if let Some(former) = slot.lock().await.take() {
                self.let_end(&former);
            }
        }
    }

    /// The long-lived instances that there are. None is made.
    pub(super) fn existing(&self) -> impl Stream<Item = Instance> {
        stream::iter(&self.long_lived).filter_map(async |slot| slot.lock().await.clone())
    }

    async fn invalidate(&self, key: &str) {
        let mut instances = pin!(self.existing());
        while let Some(instance) = instances.next().await {
            let keys = vec![key.to_owned()];
            let job: Job = Box::new(move |accessor, guest| {
                let maintenance = guest.prophecy_fabric_auth_maintenance();
                Box::pin(in_time(async move { maintenance.call_invalidate(accessor, keys).await }))
            });
            // An instance that was given up remembers nothing for long.
            let _ = instance.tell(job).await;
        }
    }

    /// The long-lived instance for an affinity, made anew if it is not there or takes no calls.
    async fn instance(self: &Arc<Self>, affinity: &[&str]) -> Result<Instance, Error> {
        let mut hash = DefaultHasher::new();
        affinity.hash(&mut hash);
        let index = usize::try_from(hash.finish() % self.long_lived.len() as u64).unwrap_or_default();
        let slot = self.long_lived.get(index).ok_or_else(|| Error::unavailable("This host has no instances."))?;
        let mut slot = slot.lock().await;
        if let Some(instance) = slot.as_ref().filter(|instance| instance.is_open()) {
            return Ok(instance.clone());
        }
        let instance = Instance::start(self.clone(), self.most_calls).await.map_err(|error| {
            tracing::error!(error = %format_args!("{error:#}"), "the component could not be instantiated");
            Error::unavailable("The component could not be instantiated. Try again.")
        })?;
        if let Some(former) = slot.replace(instance.clone()) {
            self.let_end(&former);
        }
        Ok(instance)
    }

    /// Lets an instance that was replaced end by itself, and where there are too many of them, the eldest at once.
    fn let_end(&self, replaced: &Instance) {
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.push(replaced.openness().clone());
        former.retain(|openness| openness.is_alive());
        if former.len() > self.most_former() {
            tracing::warn!("what was still under way in an instance that was replaced long ago is cut off");
            former.remove(0).end_now();
        }
    }

    fn spawn_renewal(self: &Arc<Self>, grant: String, duty: Duty) {
        // Each has an instance of its own. Half of them are left to callers, who are asked to come back.
        if self.renewals.count() > self.most_renewals() {
            duty.fulfil(Err(Error::unavailable("This host is busy with too many renewals. Try again.")));
            return;
        }
        let instances = self.clone();
        self.tasks.spawn(async move {
            let ending = timeout(RENEWAL, instances.renew_in_fresh_instance(grant)).await;
            let ending =
                ending.unwrap_or_else(|_| Err(Error::unavailable("The renewal did not end in time. Try again.")));
            instances.parts.counts.renewal(&ending);
            duty.fulfil(ending.map(drop));
        });
    }

    fn most_former(&self) -> usize {
        usize::try_from(self.program.most_instances() / 4).unwrap_or(usize::MAX).clamp(1, MOST_FORMER)
    }

    fn most_renewals(&self) -> usize {
        usize::try_from(self.program.most_instances() / 2).unwrap_or(usize::MAX).max(1)
    }

    async fn renew_in_fresh_instance(self: &Arc<Self>, grant: String) -> Result<RenewalOutcome, Error> {
        let mut store = State::store(self.clone());
        let stretch = store.data().stretch();
        let renewing = async {
            let guest = self.program.pre().instantiate_async(&mut store).await?;
            let running = store.run_concurrent(async |accessor| {
                guest.prophecy_fabric_auth_maintenance().call_renew(accessor, grant).await
            });
            stretch.watch(running).await?
        };
        renewing.await.unwrap_or_else(|error| {
            tracing::error!(error = %format_args!("{error:#}"), "a renewal was interrupted");
            Err(Error::unavailable("The renewal was interrupted. Try again."))
        })
    }
}

#[cfg(test)]
mod tests;
