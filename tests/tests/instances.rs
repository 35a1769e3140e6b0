//! Many callers at once, callers who leave, and a host that ends.

use std::sync::Arc;
use std::time::Duration;

use fabric_auth::contract::administration::FabricDescription;
use fabric_auth::contract::{Activity, Caller};
use fabric_auth::journal::{Chain, Event, Journal, RecordedEvent};
use fabric_auth::keys::MasterKeys;
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{
    DEV, HOUR, World, alice, app_settings, bob, cluster_admin, eventually, fabric_settings, workload,
};
use futures::future::BoxFuture;
use secrecy::ExposeSecret as _;
use simulated_workspace::{Endpoint, Fault};

use crate::support::{renewals, signed_in};

fn of(tenant: &str, caller: Caller) -> Caller {
    Caller { tenant: tenant.into(), ..caller }
}

/// Registers everything in another tenant and signs both people in there.
async fn tenant(world: &World, tenant: &str) -> FabricDescription {
    let secret = world.app_secret();
    world
        .host
        .set_app_connection(&of(tenant, cluster_admin()), app_settings(&world.app), secret.as_ref())
        .await
        .unwrap();
    let settings = fabric_settings(DEV, world.workspace.url());
    let fabric = world.host.put_fabric(&of(tenant, cluster_admin()), settings, None, None).await.unwrap();
    for caller in [alice(), bob()] {
        world.sign_in(&of(tenant, caller)).await;
    }
    fabric
}

/// PB-003, PB-032: thousands of interleaved calls of two people in two tenants, renewals among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_belongs_to_who_asked() {
    let world = World::new().await;
    tenant(&world, "acme").await;
    tenant(&world, "globex").await;
    let callers: Vec<Caller> =
        ["acme", "globex"].into_iter().flat_map(|name| [of(name, alice()), of(name, bob())]).collect();
    for round in 1..=3 {
        let calls = (0..1_000).map(|number| {
            let caller = callers[number % callers.len()].clone();
            let world = &world;
            async move {
                let (token, description) = world.token(&caller).await.unwrap();
                (number % 4, token, description)
            }
        });
        let mut tokens: [Option<String>; 4] = Default::default();
        for (caller, token, description) in futures::future::join_all(calls).await {
            assert_eq!(description.databricks_user, format!("{}@example.com", callers[caller].user));
            assert_eq!(description.reference.generation, round);
            assert_eq!(*tokens[caller].get_or_insert(token.clone()), token);
        }
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), 4);
        world.advance(HOUR);
    }
    assert_eq!((world.refreshes(), world.books().reuses()), (8, 0));
}

/// A renewal belongs to no caller: whoever leaves takes nothing away.
#[tokio::test]
async fn a_renewal_whose_caller_has_left_is_stored_all_the_same() {
    let world = signed_in().await;
    world.advance(HOUR);
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(300)));
    let left = tokio::time::timeout(Duration::from_millis(100), world.token(&alice())).await;
    assert!(left.is_err(), "{left:?}");
    eventually("the renewal is under way", async || world.refreshes() == 1).await;
    let (_, description) = world.token(&alice()).await.unwrap();
    assert_eq!((description.reference.generation, world.refreshes(), world.books().reuses()), (2, 1, 0));
}

#[tokio::test]
async fn a_host_that_ends_waits_for_its_renewals() {
    let world = signed_in().await;
    let host = world.another_host().await;
    world.advance(Duration::from_secs(46 * 60));
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(300)));
    host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    eventually("the renewal is under way", async || world.refreshes() == 1).await;
    host.finish().await;
    let (_, description) = world.token(&alice()).await.unwrap();
    assert_eq!((description.reference.generation, world.refreshes()), (2, 1));
}

/// A sign-in whose caller left between code and tokens is complete: the code is spent either way.
#[tokio::test]
async fn a_sign_in_whose_caller_has_left_is_completed() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(200)));
    let caller = alice();
    let completing = world.host.complete_sign_in(&caller, &callback, &binding);
    assert!(tokio::time::timeout(Duration::from_millis(80), completing).await.is_err());
    eventually("the sign-in is complete", async || world.token(&alice()).await.is_ok()).await;
}

/// Replicas on one database.
#[tokio::test]
async fn two_hosts_share_what_either_of_them_has_stored() {
    let world = World::new().await;
    let other = world.another_host().await;
    let (url, binding, _) = other.begin_sign_in(&alice(), DEV, None).await.unwrap();
    let callback = world.callback(url.expose_secret(), "alice@example.com").await;
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
    let (token, _) = other.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    assert_eq!(token.expose_secret(), world.token(&alice()).await.unwrap().0);
    other.access_token(&workload(), DEV, Activity::ScheduledRun).await.unwrap();
    world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    assert_eq!(world.client_credentials(), 1);
    other.sign_out(&alice(), DEV).await.unwrap();
    world.advance(Duration::from_secs(6));
    assert_eq!(world.token(&alice()).await.unwrap_err().case(), "sign-in-required");
}

/// When Databricks is away, tokens in hand go on being served.
#[tokio::test]
async fn tokens_in_hand_are_served_while_the_workspace_is_away() {
    let world = signed_in().await;
    let (token, _) = world.token(&alice()).await.unwrap();
    world.workspace.stop().await;
    world.advance(Duration::from_secs(50 * 60));
    assert_eq!(world.token(&alice()).await.unwrap().0, token);
    eventually("the renewal has failed", async || renewals(&world).await == 1).await;
    world.advance(HOUR);
    let error = world.token(&alice()).await.unwrap_err();
    assert!(matches!(error.case(), "unreachable" | "unavailable"), "{error:?}");
}

/// A host that nobody holds any more gives back its instances, also without `finish`.
#[tokio::test]
async fn a_host_that_is_dropped_lets_go_of_everything() {
    let world = signed_in().await;
    let keys: Arc<dyn MasterKeys> = Arc::new(world.keys.clone());
    let host = world.host_with_keys(keys.clone()).await;
    host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    drop(host);
    eventually("nothing holds the host's keys", async || Arc::strong_count(&keys) == 1).await;
}

/// Sign-ins that nobody completed are cleared out.
#[tokio::test]
async fn pending_sign_ins_that_are_over_are_removed() {
    let world = World::new().await;
    for _ in 0..3 {
        world.begin(&alice()).await;
    }
    assert_eq!(world.host.expire(None).await.unwrap().removed, 0);
    world.advance(Duration::from_secs(601));
    world.begin(&bob()).await;
    assert_eq!(world.host.expire(None).await.unwrap().removed, 3);
}

/// A host does that by itself, and stops when it ends.
#[tokio::test]
async fn pending_sign_ins_that_are_over_are_removed_in_the_background() {
    let world = World::new().await;
    for _ in 0..3 {
        world.begin(&alice()).await;
    }
    assert_eq!(pending_sign_ins(&world).await, 3);
    let every = Duration::from_secs(600);
    let host = world.host_that_expires(every).await;
    world.advance(Duration::from_secs(590));
    world.begin(&bob()).await;
    // A first round finds those of Alice, and only a later one that of Bob.
    world.advance(Duration::from_secs(100));
    eventually("those that are over are gone", async || pending_sign_ins(&world).await == 1).await;
    // When the next round is due is only said after the first has ended, which nothing tells.
    let later = async || {
        world.advance(every / 5);
        pending_sign_ins(&world).await == 0
    };
    eventually("the last one is gone", later).await;
    host.finish().await;
    world.begin(&alice()).await;
    world.advance(every * 3);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pending_sign_ins(&world).await, 1, "a host that has ended clears nothing out");
}

async fn pending_sign_ins(world: &World) -> usize {
    let page = world.database.storage().list("sign-in/", None, 100).await.unwrap();
    page.entries.len()
}

/// A journal whose disk is full.
struct FullJournal;

impl Journal for FullJournal {
    fn record<'a>(&'a self, _chain: &'a Chain, _event: Event) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Err("the disk is full".to_owned()) })
    }

    fn tail(&self, _limit: u32) -> BoxFuture<'_, Result<Vec<RecordedEvent>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// PB-083: what cannot be journaled is served and stored all the same, and counted.
#[tokio::test]
async fn events_that_cannot_be_written_are_counted_and_stop_nothing() {
    let world = signed_in().await;
    let host = world.host_with_journal(Arc::new(FullJournal)).await;
    assert_eq!(host.journal_losses(), 0);
    world.advance(HOUR);
    let (_, description) = host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    assert_eq!(description.reference.generation, 2);
    eventually("the loss is counted", async || host.journal_losses() == 1).await;
    assert_eq!(world.host.journal_losses(), 0);
}

/// Where the files are is for the operator, who finds it in the log.
#[tokio::test]
async fn a_store_that_fails_tells_callers_no_path() {
    let world = signed_in().await;
    let host = world.another_host().await;
    world.database.close().await;
    let error = host.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap_err();
    assert_eq!(error.case(), "unavailable");
    assert!(!error.message().contains(world.folder().to_str().unwrap()), "{error}");
    assert!(!error.message().contains(".db") && error.message().contains("log of this host"), "{error}");
}
