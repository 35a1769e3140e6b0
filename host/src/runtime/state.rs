//! What belongs to one instance: its share of the host, and its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use wasmtime::component::ResourceTable;
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi_http::WasiHttpCtx;

use super::Instances;
use super::timeouts::EPOCHS_AT_A_STRETCH;
use crate::imports::EgressHooks;

/// Memory of one instance. Under load it stays below 16 MiB (half of it a cache with bounds of its own); a replied
/// body in flight for each of many calls may add to that.
const MEMORY: usize = 64 * 1024 * 1024;

/// Bytes that one call may hand to the host: the largest is a stored record (256 KiB).
const BYTES_TO_HOST: usize = 1024 * 1024;

/// Requests, replies, bodies and headers that are open at once.
const RESOURCES: usize = 4_096;

/// Bytes of one set of HTTP headers, tokens included.
const HEADER_BYTES: usize = 64 * 1024;

/// What the imports of an instance work on.
pub(crate) struct State {
    /// The host's parts, shared by all instances.
    pub(crate) instances: Arc<Instances>,
    /// The way out.
    pub(crate) egress: EgressHooks,
    /// Resources of `wasi:http`.
    pub(crate) table: ResourceTable,
    /// Limits of `wasi:http`.
    pub(crate) http: WasiHttpCtx,
    limits: StoreLimits,
    stretch: Arc<Stretch>,
}

/// How long an instance has been computing without coming to rest. Shared with whoever polls its store, since only
/// there it is seen that it rests.
#[derive(Default)]
pub(super) struct Stretch {
    epochs: AtomicU32,
    yielded: AtomicBool,
}

impl Stretch {
    /// Polls a store's future, noting after each poll whether the component came to rest or only let others go first.
    pub(super) async fn watch<T>(&self, running: impl Future<Output = T>) -> T {
        let mut running = std::pin::pin!(running);
        std::future::poll_fn(|context| {
            let polled = running.as_mut().poll(context);
            if !self.yielded.swap(false, Ordering::Relaxed) {
                self.epochs.store(0, Ordering::Relaxed);
            }
            polled
        })
        .await
    }

    /// Another epoch passed while it computed. Gives how many in a row.
    fn went_on(&self) -> u32 {
        self.yielded.store(true, Ordering::Relaxed);
        self.epochs.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.instances.parts.counts.instances.end();
    }
}

impl State {
    /// A store with its limits set, for one new instance.
    pub(super) fn store(instances: Arc<Instances>) -> Store<Self> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        let egress = EgressHooks::new(instances.parts.clone());
        instances.parts.counts.instances.begin();
        let engine = instances.engine().clone();
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY).instances(16).memories(2).tables(16).build();
        let state = Self { instances, egress, table, http, limits, stretch: Arc::default() };
        let mut store = Store::new(&engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(BYTES_TO_HOST);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut access| {
            if access.data_mut().stretch.went_on() > EPOCHS_AT_A_STRETCH {
                wasmtime::bail!("the component computed for too long without waiting for anything");
            }
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }

    /// Watches how long the instance computes at a stretch.
    pub(super) fn stretch(&self) -> Arc<Stretch> {
        self.stretch.clone()
    }
}
