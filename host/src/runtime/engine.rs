//! The engine and the compiled component.

use std::thread;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use super::State;
use super::timeouts::EPOCH;
use crate::bindings::FabricAuthPre;
use crate::imports;

/// Instances that may live at once: the long-lived ones and a renewal for each of many grants.
pub(super) const MOST_INSTANCES: u32 = 256;

/// Stacks of asynchronous calls, over all instances.
const STACKS: u32 = 4_096;

/// The component, compiled and linked, ready to be instantiated.
pub(crate) struct Program {
    engine: Engine,
    pre: FabricAuthPre<State>,
}

impl Program {
    /// Links a compiled component. Fails when it imports anything that a component of the world may not.
    pub(crate) fn link(engine: Engine, component: &Component) -> Result<Self> {
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker)?;
        let pre = FabricAuthPre::new(linker.instantiate_pre(component)?)?;
        Ok(Self { engine, pre })
    }

    /// The engine.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The component before instantiation.
    pub(super) fn pre(&self) -> &FabricAuthPre<State> {
        &self.pre
    }
}

/// An engine as this host configures it.
pub(super) fn engine() -> Result<Engine> {
    let mut pooling = PoolingAllocationConfig::default();
    pooling
        .total_component_instances(MOST_INSTANCES)
        .total_core_instances(MOST_INSTANCES * 8)
        .total_memories(MOST_INSTANCES * 2)
        .total_tables(MOST_INSTANCES * 8)
        .total_stacks(STACKS)
        .max_memory_size(64 * 1024 * 1024);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling)).epoch_interruption(true);
    Engine::new(&config)
}

/// Advances the epoch for as long as the engine lives, on a thread of its own: a runtime whose threads the component
/// keeps busy could not.
pub(super) fn tick(engine: &Engine) {
    let weak = engine.weak();
    let ticking = thread::Builder::new().name("fabric-auth-epoch".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(EPOCH);
        }
    });
    if let Err(error) = ticking {
        tracing::error!(%error, "no thread could be started; a component that does not end is noticed by its time limit only");
    }
}
