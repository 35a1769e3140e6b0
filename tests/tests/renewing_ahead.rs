//! What a host renews by itself, before it ends and though nobody asks for it then.

use std::collections::BTreeMap;
use std::time::Duration;

use fabric_auth::FabricAuth;
use fabric_auth::contract::{Activity, Caller};
use fabric_auth_tests::{DEV, World, alice, bob, cluster_admin, eventually, workload};
use simulated_workspace::{Endpoint, Fault, RetryAfter};

use crate::support::{renewals, signed_in};

const MINUTE: Duration = Duration::from_secs(60);

async fn uses(host: &FabricAuth, caller: &Caller) -> u64 {
    let served = host.access_token(caller, DEV, Activity::PipelineDevelopment).await;
    served.unwrap().1.reference.generation
}

/// How many tokens each person has had.
async fn generations(world: &World) -> BTreeMap<String, u64> {
    let page = world.host.list_grants(&cluster_admin(), None).await.unwrap();
    page.grants.into_iter().map(|grant| (grant.user, grant.generation)).collect()
}

/// Time for what is begun in the background, where nothing is to come of it.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// PB-085: nobody asks for either token in its window.
#[tokio::test]
async fn a_grant_used_half_an_hour_ago_is_renewed_in_its_window_and_one_never_used_here_is_not() {
    let world = signed_in().await;
    world.sign_in(&bob()).await;
    let host = world.host_that_renews_ahead(MINUTE).await;
    assert_eq!(uses(&host, &bob()).await, 1);
    world.token(&alice()).await.unwrap();
    world.advance(30 * MINUTE);
    a_moment().await;
    assert_eq!(world.refreshes(), 0, "no window is open yet");
    world.advance(16 * MINUTE);
    eventually("the token in use is renewed", async || generations(&world).await["bob"] == 2).await;
    for _ in 0..5 {
        world.advance(2 * MINUTE);
        a_moment().await;
    }
    assert_eq!(generations(&world).await, BTreeMap::from([("alice".to_owned(), 1), ("bob".to_owned(), 2)]));
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
    assert_eq!(uses(&host, &bob()).await, 2);
    host.finish().await;
}

/// The attempt that failed has made the instances forget the token, and its use all the same is known.
#[tokio::test]
async fn a_renewal_ahead_that_failed_is_tried_again_after_its_pause() {
    let world = signed_in().await;
    let host = world.host_that_renews_ahead(MINUTE).await;
    uses(&host, &alice()).await;
    world.workspace.inject(Endpoint::Token, Fault::Throttle { retry_after: RetryAfter::Seconds(11) });
    world.advance(46 * MINUTE);
    eventually("the renewal was put off", async || renewals(&world).await == 1).await;
    assert_eq!(generations(&world).await["alice"], 1);
    let renewed = async || {
        world.advance(Duration::from_secs(20));
        generations(&world).await["alice"] == 2
    };
    eventually("it was tried again", renewed).await;
    assert_eq!(world.refreshes(), 2);
    host.finish().await;
}

#[tokio::test]
async fn a_service_principals_token_in_use_is_renewed_ahead_as_well() {
    let world = World::new().await;
    let host = world.host_that_renews_ahead(MINUTE).await;
    host.access_token(&workload(), DEV, Activity::ScheduledRun).await.unwrap();
    assert_eq!(world.client_credentials(), 1);
    world.advance(46 * MINUTE);
    eventually("it was renewed", async || world.client_credentials() == 2).await;
    host.finish().await;
}

#[tokio::test]
async fn a_host_that_is_told_not_to_renews_nothing_ahead() {
    let world = signed_in().await;
    world.token(&alice()).await.unwrap();
    world.advance(46 * MINUTE);
    a_moment().await;
    assert_eq!(world.refreshes(), 0);
}
