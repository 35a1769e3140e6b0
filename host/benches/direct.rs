//! The component without the host's tasks: an engine configured like the host's, the imports that serving a stored
//! token needs, and calls made in the store itself. What a call takes here is what the component takes.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fabric_auth::clock::{Clock as _, MovableClock};
use fabric_auth::contract::deployment::Description;
use fabric_auth::contract::{Activity, Caller, Error, TeamMembership, TeamRole, TokenDescription};
use fabric_auth::keys::{self, MasterKeys};
use fabric_auth::storage::{self, Storage};
use fabric_auth_tests::{DEV, World, alice};
use wasmtime::component::{
    Accessor, Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker, Lower, TypedFunc,
};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter, Result, Store, UpdateDeadline,
};

/// The bytes of the component.
pub const COMPONENT: &[u8] = include_bytes!(env!("COMPONENT_FILE_OF_FABRIC_AUTH"));

const PACKAGE: &str = "prophecy:fabric-auth";
const VERSION: &str = "0.1.0";

/// `access-token` of the component.
pub type AccessToken = TypedFunc<(Caller, String, Activity), (std::result::Result<(String, TokenDescription), Error>,)>;

type Concurrent<'a, R> = Pin<Box<dyn Future<Output = Result<(R,)>> + Send + 'a>>;

/// What the imports of one instance stand on, and how much memory it has asked for.
pub struct State {
    storage: Arc<dyn Storage>,
    keys: Arc<dyn MasterKeys>,
    clock: MovableClock,
    deployment: Description,
    /// Bytes of linear memory.
    pub memory: usize,
}

/// The component, ready to be instantiated over the storage and keys of a world.
pub struct Direct {
    engine: Engine,
    pre: InstancePre<State>,
    access_token: ComponentExportIndex,
    storage: Arc<dyn Storage>,
    keys: Arc<dyn MasterKeys>,
    clock: MovableClock,
}

/// One instance.
pub struct Instance {
    /// The store that it lives in.
    pub store: Store<State>,
    /// Its `access-token`.
    pub access_token: AccessToken,
}

/// An engine configured as the host's (`runtime/engine.rs`).
pub fn engine() -> Engine {
    let mut pooling = PoolingAllocationConfig::default();
    pooling
        .total_component_instances(256)
        .total_core_instances(256 * 8)
        .total_memories(256 * 2)
        .total_tables(256 * 8)
        .total_stacks(256 * 4)
        .max_memory_size(64 * 1024 * 1024);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling)).epoch_interruption(true);
    Engine::new(&config).expect("an engine")
}

impl Direct {
    /// The component over a world's own storage.
    pub fn new(world: &World) -> Self {
        Self::over(Arc::new(world.database.storage()), world)
    }

    /// The component over a storage that holds a world's records.
    pub fn over(storage: Arc<dyn Storage>, world: &World) -> Self {
        let engine = engine();
        let component = Component::new(&engine, COMPONENT).expect("a component");
        let mut linker = Linker::new(&engine);
        link(&mut linker).expect("imports");
        linker.allow_shadowing(true);
        linker.define_unknown_imports_as_traps(&component).expect("all other imports");
        let pre = linker.instantiate_pre(&component).expect("a component that links");
        let interface = component.get_export_index(None, &*interface("databricks-oauth")).expect("an interface");
        let access_token = component.get_export_index(Some(&interface), "access-token").expect("a function");
        Self { engine, pre, access_token, storage, keys: Arc::new(world.keys.clone()), clock: world.clock().clone() }
    }

    /// A store without an instance.
    pub fn store(&self) -> Store<State> {
        let state = State {
            storage: self.storage.clone(),
            keys: self.keys.clone(),
            clock: self.clock.clone(),
            deployment: Description {
                allow_loopback_http: true,
                gateway_allowed_paths: Vec::new(),
                gateway_refused_paths: Vec::new(),
                ..fabric_auth::Deployment::self_hosted("4.2.1", fabric_auth_tests::BASE_URL).description
            },
            memory: 0,
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| state);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        store
    }

    /// A fresh instance in a store of its own.
    pub async fn instantiate(&self) -> Instance {
        let mut store = self.store();
        let instance = self.pre.instantiate_async(&mut store).await.expect("an instance");
        let access_token = instance.get_typed_func(&mut store, self.access_token).expect("the function's type");
        Instance { store, access_token }
    }
}

/// Asks for a token of a person's for the fabric [`DEV`].
pub async fn access_token<T: Send + 'static>(
    accessor: &Accessor<T>,
    function: AccessToken,
    caller: &Caller,
) -> (String, TokenDescription) {
    let parameters = (caller.clone(), DEV.to_owned(), Activity::PipelineDevelopment);
    let (served,) = function.call_concurrent(accessor, parameters).await.expect("a call that does not trap");
    served.expect("a token")
}

/// Alice, whom something distinguishes that her grant does not depend on: the instance remembers each of her apart.
pub fn told_apart(number: u32) -> Caller {
    let other = TeamMembership { team: format!("team-{number}"), role: TeamRole::Member };
    let mut caller = alice();
    caller.teams.push(other);
    caller
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        self.memory += desired - current;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, _desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}

/// `storage.entry`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Entry {
    value: Vec<u8>,
    revision: u64,
    tag: Option<String>,
    age: u64,
    #[component(name = "unchanged-for")]
    unchanged_for: u64,
}

impl From<storage::Entry> for Entry {
    fn from(entry: storage::Entry) -> Self {
        Self {
            value: entry.value,
            revision: entry.revision,
            tag: entry.tag,
            age: nanoseconds(entry.age),
            unchanged_for: 0,
        }
    }
}

/// `storage.page`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Page {
    entries: Vec<(String, Entry)>,
    next: Option<String>,
}

/// `storage.storage-error`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StorageError {
    #[component(name = "unavailable")]
    Unavailable(String),
    #[component(name = "outcome-unknown")]
    OutcomeUnknown(String),
    #[component(name = "out-of-limits")]
    OutOfLimits(String),
}

/// `keys.wrapped-key`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct WrappedKey {
    algorithm: String,
    #[component(name = "key-id")]
    key_id: String,
    #[component(name = "encrypted-key")]
    encrypted_key: Vec<u8>,
}

/// `keys.keys-error`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum KeysError {
    #[component(name = "unknown-key")]
    UnknownKey(String),
    #[component(name = "unavailable")]
    Unavailable(String),
    #[component(name = "refused")]
    Refused,
}

fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// The imports that serving a person's stored token goes through.
fn link(linker: &mut Linker<State>) -> Result<()> {
    linker
        .instance("wasi:clocks/monotonic-clock@0.3.0")?
        .func_wrap("now", |store, (): ()| Ok((nanoseconds(store.data().clock.monotonic()),)))?;
    linker
        .instance(&interface("deployment"))?
        .func_wrap("describe", |store, (): ()| Ok((store.data().deployment.clone(),)))?;
    let interface_name = interface("storage");
    let mut storage = linker.instance(&interface_name)?;
    storage.func_wrap_concurrent(
        "get",
        |accessor, (key,): (String,)| -> Concurrent<'_, std::result::Result<Option<Entry>, StorageError>> {
            Box::pin(async move {
                let storage = accessor.with(|mut access| access.get().storage.clone());
                let entry = storage.get(&key).await.expect("a store that answers");
                Ok((Ok(entry.map(Into::into)),))
            })
        },
    )?;
    storage.func_wrap_concurrent(
        "list",
        |accessor,
         (prefix, after, limit): (String, Option<String>, u32)|
         -> Concurrent<'_, std::result::Result<Page, StorageError>> {
            Box::pin(async move {
                let storage = accessor.with(|mut access| access.get().storage.clone());
                let page = storage.list(&prefix, after.as_deref(), limit).await.expect("a store that answers");
                let entries = page.entries.into_iter().map(|(key, entry)| (key, entry.into())).collect();
                Ok((Ok(Page { entries, next: page.next }),))
            })
        },
    )?;
    linker.instance(&interface("keys"))?.func_wrap_concurrent(
        "unwrap",
        |accessor, (wrapped,): (WrappedKey,)| -> Concurrent<'_, Result<Vec<u8>, KeysError>> {
            Box::pin(async move {
                let keys = accessor.with(|mut access| access.get().keys.clone());
                let WrappedKey { algorithm, key_id, encrypted_key } = wrapped;
                let wrapped = keys::WrappedKey { algorithm, key_id, encrypted_key };
                let mut data_key = keys.unwrap(&wrapped).await.expect("a key that unwraps");
                Ok((Ok(std::mem::take(&mut *data_key)),))
            })
        },
    )
}

/// Nanoseconds, as the contract counts durations.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
