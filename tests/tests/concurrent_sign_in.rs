//! Sign-ins that meet one another, a renewal, or an administrator.

use std::time::Duration;

use fabric_auth::contract::Activity::PipelineDevelopment;
use fabric_auth_tests::{DEV, HOUR, World, alice, app_settings, cluster_admin, eventually};
use secrecy::SecretString;
use simulated_workspace::{Endpoint, Fault, Secret};

use crate::support::{case_of, renewals, signed_in};

/// PB-080: a person with two tabs may complete both; what the later one brought is in force.
#[tokio::test]
async fn two_tabs_do_not_disturb_one_another() {
    let world = World::new().await;
    let (first_url, first_binding) = world.begin(&alice()).await;
    let (second_url, second_binding) = world.begin(&alice()).await;
    let first = world.callback(&first_url, "alice@example.com").await;
    let second = world.callback(&second_url, "alice@example.com").await;
    world.host.complete_sign_in(&alice(), &second, &second_binding).await.unwrap();
    let (_, before) = world.token(&alice()).await.unwrap();
    world.host.complete_sign_in(&alice(), &first, &first_binding).await.unwrap();
    let (_, after) = world.another_host().await.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    assert_ne!(before.reference.lineage, after.reference.lineage);
    world.advance(HOUR);
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 2);
    assert_eq!(world.books().reuses(), 0);
}

/// PB-076: a browser that sends the callback twice at once sends the code to Databricks once.
#[tokio::test]
async fn a_callback_that_comes_twice_at_once_is_taken_once() {
    let world = World::new().await;
    let other = world.another_host().await;
    let caller = alice();
    for _ in 0..5 {
        let before = world.books().grant("authorization_code").requests;
        let (url, binding) = world.begin(&caller).await;
        let callback = world.callback(&url, "alice@example.com").await;
        let (here, there) = futures::future::join(
            world.host.complete_sign_in(&caller, &callback, &binding),
            other.complete_sign_in(&caller, &callback, &binding),
        )
        .await;
        assert_eq!([&here, &there].iter().filter(|answer| answer.is_ok()).count(), 1, "{here:?} {there:?}");
        let refused = here.err().or(there.err());
        assert_eq!(refused.map(|error| error.case()), Some("not-found"));
        assert_eq!(world.books().grant("authorization_code").requests, before + 1);
    }
}

/// PB-080: a load balancer may send the callback to another host than the one that began.
#[tokio::test]
async fn a_sign_in_is_completed_on_another_host_than_it_was_begun_on() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    world.another_host().await.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
    world.token(&alice()).await.unwrap();
}

#[tokio::test]
async fn an_app_connection_that_changes_during_a_sign_in_ends_it_without_sending_the_code() {
    let world = World::new().await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    let mut settings = app_settings(&world.app);
    settings.client_id = "another-client".into();
    let secret = SecretString::from("another-secret");
    world.host.set_app_connection(&cluster_admin(), settings, Some(&secret)).await.unwrap();
    assert_eq!(case_of(world.host.complete_sign_in(&alice(), &callback, &binding).await), "conflict");
    assert_eq!(world.books().grant("authorization_code").requests, 0);
}

/// PB-083: a client secret that is replaced while a renewal is under way costs nobody their session.
#[tokio::test]
async fn a_client_secret_may_be_replaced_while_a_renewal_is_under_way() {
    let world = signed_in().await;
    world.advance(Duration::from_secs(46 * 60));
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(300)));
    world.token(&alice()).await.unwrap();
    eventually("the renewal was begun", async || world.refreshes() == 1).await;
    let wrong = SecretString::from("dose-that-nobody-knows");
    world.host.set_app_connection(&cluster_admin(), app_settings(&world.app), Some(&wrong)).await.unwrap();
    eventually("the renewal has ended", async || renewals(&world).await == 1).await;
    world.advance(Duration::from_secs(15 * 60));
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 2, "what was asked for before is stored");

    world.advance(HOUR);
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 3, "the former one stands in");
    world.workspace.change_app(&world.app.client_id, |app| app.client_secrets = vec![Secret::new("dose-later")]);
    world.advance(HOUR);
    assert_eq!(case_of(world.token(&alice()).await), "app-rejected");
    let right = SecretString::from("dose-later");
    world.host.set_app_connection(&cluster_admin(), app_settings(&world.app), Some(&right)).await.unwrap();
    world.advance(Duration::from_secs(120));
    assert_eq!(world.token(&alice()).await.unwrap().1.reference.generation, 4);
    assert_eq!(world.books().reuses(), 0);
}
