//! A service principal's token that is not there yet, over loopback: the claim, the request with client credentials
//! (RFC 6749 section 4.4) in an instance of its own, the sealed grant, and the journal.
//!
//! No budget. Beside it stand the same request alone, on a connection of its own as the component's is, and one
//! durable write of a record: there are three and more of those, and each waits for the disk.

use std::time::Instant;

use bytes::Bytes;
use criterion::Criterion;
use fabric_auth::contract::Activity;
use fabric_auth::storage::{Precondition, Storage, UPON_WRITING};
use fabric_auth_tests::{World, fabric_settings, team_admin, with_principal, workload};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use secrecy::ExposeSecret as _;

use super::timing::{brief_group, median, runtime, timed};

/// Measures it.
pub fn measure(criterion: &mut Criterion) {
    let runtime = runtime();
    let world = runtime.block_on(World::new());
    let mut group = brief_group(criterion, "client credentials");
    let mut fabrics = 0_u32;
    group.bench_function("grant", |bencher| {
        bencher.iter_custom(|calls| {
            runtime.block_on(median(calls, async || {
                fabrics += 1;
                let name = format!("fabric-{fabrics}");
                put_fabric(&world, &name).await;
                let began = Instant::now();
                world.host.access_token(&workload(), &name, Activity::ScheduledRun).await.expect("a token");
                began.elapsed()
            }))
        });
    });
    group.bench_function("bare request", |bencher| {
        bencher.to_async(&runtime).iter_custom(|calls| median(calls, async || timed(bare_request(&world)).await));
    });

    let storage = world.database.storage();
    let mut records = 0_u32;
    group.bench_function("durable write", |bencher| {
        bencher.iter_custom(|calls| {
            runtime.block_on(median(calls, async || {
                records += 1;
                let key = format!("bench/{records}");
                timed(storage.put(&key, vec![7; 4_096], None, Precondition::Absent, UPON_WRITING)).await
            }))
        });
    });
    group.finish();
}

async fn put_fabric(world: &World, name: &str) {
    let settings = with_principal(fabric_settings(name, world.workspace.url()), &world.principal);
    let secret = world.principal_secret();
    world.host.put_fabric(&team_admin(), settings, Some(&secret), Some(0)).await.expect("a fabric");
}

/// What the component sends, sent by hyper.
async fn bare_request(world: &World) -> Bytes {
    use base64::Engine as _;
    let credentials = format!("{}:{}", world.principal.application_id, world.principal_secret().expose_secret());
    let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
    let request = http::Request::post(format!("{}/v1/token", world.workspace.issuer()))
        .header("authorization", format!("Basic {credentials}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from_static(b"grant_type=client_credentials&scope=all-apis")))
        .expect("a request");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let reply = client.request(request).await.expect("a reply");
    assert_eq!(reply.status(), 200, "the workspace gives a token");
    reply.into_body().collect().await.expect("a body").to_bytes()
}
