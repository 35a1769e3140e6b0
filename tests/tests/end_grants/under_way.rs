//! What is under way while grants are ended: none of it brings one back.

use std::time::Duration;

use fabric_auth::contract::SignInReason;
use fabric_auth::contract::administration::GrantSelection;
use fabric_auth::journal::Action;
use fabric_auth_tests::{DEV, HOUR, World, alice, bob, cluster_admin, eventually, member};
use simulated_workspace::{Endpoint, Fault, User};

use super::{ended, of_user, records, token_on};
use crate::support::{case_of, journaled, reason_of, signed_in};

/// A sign-in that was begun before is gone: its code is never exchanged.
#[tokio::test]
async fn a_pending_sign_in_does_not_outlast_the_end() {
    for selection in [of_user("alice"), GrantSelection::OfFabric(DEV.into()), GrantSelection::All] {
        let world = World::new().await;
        let (url, binding) = world.begin(&alice()).await;
        let (bobs_url, bobs_binding) = world.begin(&bob()).await;
        let callback = world.callback(&url, "alice@example.com").await;
        let bobs = world.callback(&bobs_url, "bob@example.com").await;
        let is_alices_only = matches!(selection, GrantSelection::OfUser(_));
        assert_eq!(ended(&world, selection).await, 0);
        assert_eq!(case_of(world.host.complete_sign_in(&alice(), &callback, &binding).await), "not-found");
        let bobs_went_on = world.host.complete_sign_in(&bob(), &bobs, &bobs_binding).await.is_ok();
        assert_eq!(bobs_went_on, is_alices_only);
        assert_eq!(world.books().grant("authorization_code").requests, u64::from(is_alices_only));
        world.end().await;
    }
}

/// The code is being exchanged just then. Whether or not the person was signed in before, what comes of it is not stored.
#[tokio::test]
async fn a_sign_in_that_is_being_completed_does_not_outlast_the_end() {
    for was_signed_in in [false, true] {
        for left_before in [false, true] {
            let world = World::new().await;
            if was_signed_in {
                world.sign_in(&alice()).await;
            }
            if left_before {
                world.host.sign_out(&alice(), DEV).await.unwrap();
            }
            let (url, binding) = world.begin(&alice()).await;
            let callback = world.callback(&url, "alice@example.com").await;
            let codes = async || world.books().grant("authorization_code").requests;
            let before = codes().await;
            world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(700)));
            let (host, caller) = (world.host.clone(), alice());
            let completing =
                tokio::spawn(async move { host.complete_sign_in(&caller, &callback, &binding).await.map(|_| ()) });
            eventually("the code has arrived", async || codes().await > before).await;
            // On another host, as an administrator's call may well be.
            let other = world.another_host().await;
            let mut after = None;
            loop {
                let piece = other.end_grants(&cluster_admin(), of_user("alice"), after.as_deref()).await.unwrap();
                after = piece.next;
                if after.is_none() {
                    break;
                }
            }
            let what = format!("signed in before: {was_signed_in}, signed out before: {left_before}");
            assert_eq!(case_of(completing.await.unwrap()), "conflict", "{what}");
            assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut, "{what}");
            assert_eq!(records(&world, "sign-in/").await, [], "{what}");
            world.sign_in(&alice()).await;
            world.token(&alice()).await.unwrap();
            world.end().await;
        }
    }
}

/// A renewal is under way just then: what it brings is dropped, and its refresh token is used by nobody.
#[tokio::test]
async fn a_renewal_that_is_under_way_does_not_bring_a_grant_back() {
    let world = signed_in().await;
    world.advance(Duration::from_secs(46 * 60));
    world.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_millis(400)));
    world.token(&alice()).await.unwrap();
    eventually("the renewal was begun", async || world.refreshes() == 1).await;
    assert_eq!(ended(&world, of_user("alice")).await, 1);
    eventually("the reply was dropped", async || journaled(&world, Action::LateReplyDropped).await.len() == 1).await;
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
    world.advance(HOUR);
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::SignedOut);
    assert_eq!(world.refreshes(), 1);
}

/// Resealing that has read a grant before its end does not write it back.
#[tokio::test]
async fn resealing_does_not_bring_a_grant_back() {
    let world = World::new().await;
    for number in 0..20 {
        let name = format!("user{number}");
        world.workspace.register_user(User::new(format!("{name}@example.com")));
        world.sign_in(&member(&name)).await;
    }
    world.keys.rotate().unwrap();
    let admin = cluster_admin();
    let resealing = async {
        let mut after = None;
        loop {
            let progress = world.host.reseal(&admin, after.as_deref()).await.unwrap();
            match progress.next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    };
    let ((), count) = futures::future::join(resealing, ended(&world, GrantSelection::All)).await;
    assert_eq!(count, 20);
    for (key, record) in records(&world, "grant/person/").await {
        assert_eq!(record["ended"], "signed-out", "{key}");
    }
}

/// What a host remembers is forgotten on this one at once, and on another within the time that the contract gives it.
#[tokio::test]
async fn no_host_serves_a_token_of_a_grant_that_was_ended() {
    let world = signed_in().await;
    let other = world.another_host().await;
    token_on(&world.host, DEV).await.unwrap();
    token_on(&other, DEV).await.unwrap();
    assert_eq!(ended(&world, of_user("alice")).await, 1);
    assert_eq!(reason_of(token_on(&world.host, DEV).await), SignInReason::SignedOut);
    world.advance(Duration::from_secs(6));
    assert_eq!(reason_of(token_on(&other, DEV).await), SignInReason::SignedOut);
}
