//! What belongs to one instance: its share of the host, and its limits.

use std::sync::Arc;

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
    epochs_at_a_stretch: u32,
}

impl State {
    /// A store with its limits set, for one new instance.
    pub(super) fn store(instances: Arc<Instances>) -> Store<Self> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        let egress = EgressHooks::new(instances.egress.clone());
        let engine = instances.engine().clone();
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY).instances(16).memories(2).tables(16).build();
        let state = Self { instances, egress, table, http, limits, epochs_at_a_stretch: 0 };
        let mut store = Store::new(&engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(BYTES_TO_HOST);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut access| {
            let state = access.data_mut();
            state.epochs_at_a_stretch = state.epochs_at_a_stretch.saturating_add(1);
            if state.epochs_at_a_stretch > EPOCHS_AT_A_STRETCH {
                wasmtime::bail!("the component computed for too long without waiting for anything");
            }
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }

    /// Notes that the component came to rest, so that its next stretch counts from the start.
    pub(super) fn rested(&mut self) {
        self.epochs_at_a_stretch = 0;
    }
}
