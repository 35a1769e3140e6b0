//! A store that fails: what is served meanwhile, and that no reply of Databricks is lost to it.

use std::sync::Arc;
use std::time::Duration;

use fabric_auth::FabricAuth;
use fabric_auth::contract::Activity::PipelineDevelopment;
use fabric_auth::contract::Error;
use fabric_auth_tests::{DEV, FlakyStore, HOUR, World, alice, eventually, while_time_passes};
use futures::future::Either;
use secrecy::ExposeSecret as _;
use simulated_workspace::{Endpoint, Fault};

use crate::support::{case_of, signed_in};

/// A world in which Alice has signed in, and a second host on the same records through a store that can fail.
async fn with_flaky_host() -> (World, Arc<FlakyStore>, FabricAuth) {
    let world = signed_in().await;
    let store = FlakyStore::over(Arc::new(world.database.storage()));
    let host = world.host_on(store.clone()).await;
    (world, store, host)
}

#[tokio::test]
async fn a_token_in_hand_is_served_for_a_minute_without_the_store() {
    let (world, store, host) = with_flaky_host().await;
    let (token, _) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    store.set_away(true);
    world.advance(Duration::from_secs(30));
    let (served, _) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    assert_eq!(served.expose_secret(), token.expose_secret());
    world.advance(Duration::from_secs(40));
    assert_eq!(case_of(host.access_token(&alice(), DEV, PipelineDevelopment).await), "unavailable");
    store.set_away(false);
    host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
}

/// PB-083: new tokens are held until they are stored.
#[tokio::test]
async fn new_tokens_survive_a_store_that_fails_just_then() {
    let (world, store, host) = with_flaky_host().await;
    world.advance(HOUR);
    // The document about the authorization server is stored anew first; that may fail as well.
    store.fail_next_puts(6);
    let (_, description) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    assert_eq!(description.reference.generation, 2);
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 2);
}

/// PB-083: a write whose outcome is not known is found again by its mark, not written twice or taken for lost.
#[tokio::test]
async fn a_write_that_was_not_acknowledged_is_known_again() {
    let (world, store, host) = with_flaky_host().await;
    world.advance(HOUR);
    store.acknowledge_no_puts(3);
    let (_, description) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    assert_eq!(description.reference.generation, 2);
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
}

/// PB-083: a store that is away for a minute costs nobody their session.
#[tokio::test]
async fn new_tokens_are_held_while_the_store_is_away_for_a_minute() {
    let (world, store, host) = with_flaky_host().await;
    world.advance(HOUR);
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(200)));
    let caller = alice();
    let mut answer = std::pin::pin!(host.access_token(&caller, DEV, PipelineDevelopment));
    let sent = eventually("the request was sent", async || world.refreshes() == 1);
    assert!(matches!(futures::future::select(&mut answer, std::pin::pin!(sent)).await, Either::Right(_)));
    store.set_away(true);
    for _ in 0..60 {
        let _ = tokio::time::timeout(Duration::from_millis(10), &mut answer).await;
        world.advance(Duration::from_secs(1));
    }
    store.set_away(false);
    let (_, description) = while_time_passes(&world, answer).await.unwrap();
    assert_eq!(description.reference.generation, 2);
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
}

/// A claim from which certainly nothing was sent does not count as a request whose outcome is unknown.
#[tokio::test]
async fn a_store_that_fails_between_claim_and_request_costs_nobody_their_session() {
    let (world, store, host) = with_flaky_host().await;
    world.advance(HOUR);
    for _ in 0..3 {
        let going_away = store.clone();
        store.before_next_claim(move || going_away.set_away(true));
        let caller = alice();
        let mut answer = std::pin::pin!(host.access_token(&caller, DEV, PipelineDevelopment));
        for _ in 0..3 {
            let _ = tokio::time::timeout(Duration::from_millis(50), &mut answer).await;
            world.advance(Duration::from_secs(1));
        }
        store.set_away(false);
        assert_eq!(case_of(while_time_passes(&world, answer).await), "unavailable");
        assert_eq!(world.refreshes(), 0);
    }
    let (_, description) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    assert_eq!(description.reference.generation, 2);
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
}

/// Without a claim in the store nothing is sent.
#[tokio::test]
async fn nothing_is_sent_while_the_store_is_away() {
    let (world, store, host) = with_flaky_host().await;
    world.advance(HOUR);
    store.set_away(true);
    assert_eq!(case_of(host.access_token(&alice(), DEV, PipelineDevelopment).await), "unavailable");
    assert_eq!(world.refreshes(), 0);
    store.set_away(false);
    let caller = alice();
    while_time_passes(&world, host.access_token(&caller, DEV, PipelineDevelopment)).await.unwrap();
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
}

/// A machine may sleep between counting what remains of a token and writing that down: what it slept counts.
#[tokio::test]
async fn a_token_is_not_served_past_its_end_though_a_write_took_long() {
    let (world, store, host) = with_flaky_host().await;
    let (first, _) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    world.advance(Duration::from_secs(46 * 60));
    let (clock, workspace) = (world.clock().clone(), world.workspace.clone());
    let slept = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let done = slept.clone();
    store.before_next_claim(move || {
        workspace.clock().advance(Duration::from_secs(600));
        clock.advance(Duration::from_secs(600));
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    eventually("the machine slept", async || slept.load(std::sync::atomic::Ordering::SeqCst)).await;
    world.advance(Duration::from_secs(300));
    let caller = alice();
    let ask = async || while_time_passes(&world, host.access_token(&caller, DEV, PipelineDevelopment)).await;
    let answer = match ask().await {
        // Whoever joins that renewal just before it has ended is told that it was too slow.
        Err(Error::Unavailable(_)) => ask().await,
        answer => answer,
    };
    let (token, description) = answer.unwrap();
    assert!(token.expose_secret() != first.expose_secret(), "served past its end: {description:?}");
}
