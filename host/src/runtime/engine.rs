//! The engine and the compiled component.

use std::thread;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use super::State;
use super::timeouts::EPOCH;
use crate::bindings::FabricAuthPre;
use crate::imports;

/// Instances that may live at once where nothing else is said: the long-lived ones and a renewal for each of many
/// grants.
pub(crate) const MOST_INSTANCES: u32 = 256;

/// Fewer would not do: a long-lived instance, and the renewals it waits for.
const FEWEST_INSTANCES: u32 = 4;

/// Stacks for each instance. Calls that wait have left theirs; this many may be computing or inside a host function.
/// Each is set up when the engine is made, at some microseconds.
const STACKS_EACH: u32 = 4;

/// The component, compiled and linked, ready to be instantiated.
pub(crate) struct Program {
    engine: Engine,
    pre: FabricAuthPre<State>,
    most_instances: u32,
}

impl Program {
    /// Links a compiled component. Fails when it imports anything that a component of the world may not.
    pub(super) fn link(engine: Engine, component: &Component, most_instances: u32) -> Result<Self> {
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker)?;
        let pre = FabricAuthPre::new(linker.instantiate_pre(component)?)?;
        Ok(Self { engine, pre, most_instances })
    }

    /// The engine.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many instances may live at once.
    pub(super) fn most_instances(&self) -> u32 {
        self.most_instances
    }

    /// The component before instantiation.
    pub(super) fn pre(&self) -> &FabricAuthPre<State> {
        &self.pre
    }
}

/// An engine as this host configures it, with room for this many instances.
pub(super) fn engine(most_instances: u32) -> Result<Engine> {
    let most_instances = most_instances.max(FEWEST_INSTANCES);
    let mut pooling = PoolingAllocationConfig::default();
    pooling
        .total_component_instances(most_instances)
        .total_core_instances(most_instances * 8)
        .total_memories(most_instances * 2)
        .total_tables(most_instances * 8)
        .total_stacks(most_instances * STACKS_EACH)
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
