//! Making an instance of the component, as the host does for every renewal and at a caller's first call.
//!
//! Baselines: an instance of an empty component, and a store alone. No budget of its own: it is part of what a cold
//! call may take ([`super::cold_access_token`]).

use criterion::Criterion;
use fabric_auth_tests::World;
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::direct::{Direct, engine};
use super::timing::runtime;

/// A component with nothing in it: the preamble alone.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// Measures it.
pub fn measure(criterion: &mut Criterion) {
    let runtime = runtime();
    let direct = Direct::new(&runtime.block_on(World::new()));
    let mut group = criterion.benchmark_group("instantiation");
    group.bench_function("fabric-auth", |bencher| {
        bencher.to_async(&runtime).iter(|| direct.instantiate());
    });

    let engine = engine();
    let empty = Component::new(&engine, EMPTY).expect("an empty component");
    let pre = Linker::new(&engine).instantiate_pre(&empty).expect("a component that links");
    group.bench_function("empty component", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(1);
            let instance = pre.instantiate_async(&mut store).await.expect("an instance");
            (store, instance)
        });
    });
    group.bench_function("store alone", |bencher| bencher.iter(|| direct.store()));
    group.finish();
}
