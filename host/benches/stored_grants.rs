//! `access-token` on a fresh instance when other people's grants are stored besides: a thousand, and a million of the
//! same size.
//!
//! Budget: beside a million at most 1.2 × of the time beside a thousand. What would show first is the store's share,
//! so reads of grants all over the table stand beside it (of the pages that the machine holds in memory).

use criterion::Criterion;
use fabric_auth::storage::Storage;
use fabric_auth_tests::{World, alice};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::cold_access_token::served_fresh;
use super::direct::Direct;
use super::timing::{brief_group, median, runtime, timed};

/// Keys like those of grants, and copies of the one grant that is there. Written in one statement, in key order, as
/// that is quickest; where a record stands in the table does not depend on it for long.
const COPIES: &str = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1) \
    INSERT INTO record (key, revision, tag, written_at_system, written_at_boot, written_at_monotonic, value) \
    SELECT printf('grant/person/acme/%08x%s', n * 4000, lower(hex(randomblob(16)))), revision, tag, \
           written_at_system, written_at_boot, written_at_monotonic, value \
    FROM number, (SELECT * FROM record WHERE key LIKE 'grant/person/%')";

/// Measures it.
pub fn measure(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = brief_group(criterion, "access-token beside stored grants");
    for grants in [1_000_i64, 1_000_000] {
        let mut prepared = None;
        let prepare = || runtime.block_on(world_with(grants));
        group.bench_function(format!("{grants}, fresh instance"), |bencher| {
            let (_, direct, _) = prepared.get_or_insert_with(prepare);
            bencher.to_async(&runtime).iter_custom(|calls| median(calls, async || timed(served_fresh(direct)).await));
        });
        group.bench_function(format!("{grants}, reads of grants"), |bencher| {
            let (world, _, keys) = prepared.get_or_insert_with(prepare);
            let storage = world.database.storage();
            let mut next = keys.iter().cycle();
            bencher.to_async(&runtime).iter_custom(|calls| {
                let keys: Vec<_> = next.by_ref().take(usize::try_from(calls).unwrap_or(usize::MAX)).collect();
                let storage = &storage;
                async move {
                    let mut keys = keys.into_iter();
                    median(calls, async || timed(storage.get(keys.next().expect("a key"))).await).await
                }
            });
        });
    }
    group.finish();
}

/// A world in which somebody is signed in and this many others are too, and the keys of some of them.
async fn world_with(grants: i64) -> (World, Direct, Vec<String>) {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    let options = SqliteConnectOptions::new()
        .filename(world.folder().join("fabric-auth.db"))
        .synchronous(SqliteSynchronous::Off)
        .disable_statement_logging();
    let mut connection = options.connect().await.expect("the database");
    sqlx::query(COPIES).bind(grants).execute(&mut connection).await.expect("copies");
    let scattered = "SELECT key FROM record WHERE key LIKE 'grant/person/%' AND rowid % max(?1 / 1000, 1) = 0";
    let keys = sqlx::query_scalar(scattered).bind(grants).fetch_all(&mut connection).await.expect("keys");
    connection.close().await.expect("a connection that closes");
    let direct = Direct::new(&world);
    (world, direct, keys)
}
