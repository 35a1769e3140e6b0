//! `access-token` on a fresh instance over SQLite, with a grant that is there: three records are read, the app
//! connections listed, two data keys unwrapped, identity and token opened.
//!
//! Budget: at most 300 µs. Beside it stand the same reads alone, the same call over records in memory, and the first
//! call of a host that was just built, where besides the instance everything else is new too: queues, connections'
//! statements, and the code's pages.

use std::sync::Arc;
use std::time::Instant;

use criterion::Criterion;
use fabric_auth::contract::Activity;
use fabric_auth::storage::{MemoryStorage, Precondition, Storage, UPON_WRITING};
use fabric_auth_tests::{DEV, World, alice};

use super::direct::{Direct, access_token};
use super::timing::{brief_group, median, runtime, timed};

/// Where the app connections stand, which are listed to find the default one.
const APP_CONNECTIONS: &str = "app-connection/";

/// Measures it.
pub fn measure(criterion: &mut Criterion) {
    let runtime = runtime();
    let world = runtime.block_on(async {
        let world = World::new().await;
        world.sign_in(&alice()).await;
        world
    });
    let direct = Direct::new(&world);
    let mut group = brief_group(criterion, "access-token, cold");
    group.bench_function("fresh instance", |bencher| {
        bencher.to_async(&runtime).iter_custom(|calls| median(calls, async || timed(served_fresh(&direct)).await));
    });

    let remembered = Direct::over(runtime.block_on(in_memory(&world)), &world);
    group.bench_function("fresh instance, records in memory", |bencher| {
        bencher.to_async(&runtime).iter_custom(|calls| median(calls, async || timed(served_fresh(&remembered)).await));
    });

    let storage = world.database.storage();
    let keys = runtime.block_on(keys_on_the_way(&storage));
    group.bench_function("its reads alone", |bencher| {
        bencher.to_async(&runtime).iter_custom(|calls| {
            median(calls, async || {
                timed(async {
                    storage.list(APP_CONNECTIONS, None, 100).await.expect("a store that answers");
                    for key in &keys {
                        storage.get(key).await.expect("a store that answers").expect("a record");
                    }
                })
                .await
            })
        });
    });

    group.bench_function("first call of a new host", |bencher| {
        bencher.to_async(&runtime).iter_custom(|calls| {
            median(calls, async || {
                let host = world.another_host().await;
                let began = Instant::now();
                host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.expect("a token");
                let took = began.elapsed();
                host.finish().await;
                took
            })
        });
    });
    group.finish();
}

/// A fresh instance, and a token of it.
pub async fn served_fresh(direct: &Direct) -> (String, fabric_auth::contract::TokenDescription) {
    let mut instance = direct.instantiate().await;
    let function = instance.access_token;
    let serving = instance.store.run_concurrent(async |accessor| access_token(accessor, function, &alice()).await);
    serving.await.expect("an instance that lives")
}

/// A world's records without their database.
async fn in_memory(world: &World) -> Arc<dyn Storage> {
    let memory = MemoryStorage::new(Arc::new(world.clock().clone()));
    let all = world.database.storage().list("", None, 100).await.expect("a store that answers");
    for (key, entry) in all.entries {
        memory
            .put(&key, entry.value, entry.tag, Precondition::Absent, UPON_WRITING)
            .await
            .expect("a store that answers");
    }
    Arc::new(memory)
}

/// The records that such a call reads by their keys: there is one of each kind.
async fn keys_on_the_way(storage: &impl Storage) -> Vec<String> {
    let mut keys = Vec::new();
    for prefix in ["fabric/", "discovery/", "grant/person/"] {
        let page = storage.list(prefix, None, 2).await.expect("a store that answers");
        keys.extend(page.entries.into_iter().map(|(key, _)| key));
    }
    keys
}
