//! What is told of ends before they come: of service principals' secrets and of sessions.

use std::time::Duration;

use fabric_auth::contract::administration::AppConnectionSettings;
use fabric_auth::contract::databricks_oauth::{Advisory, AdvisoryKind};
use fabric_auth::contract::{Activity, Error, FabricSettings};
use fabric_auth::journal::{Action, Outcome};
use fabric_auth_tests::{
    DEV, HOUR, World, alice, app_settings, bob, cluster_admin, eventually, fabric_settings, team_admin, with_principal,
    workload,
};

use crate::support::{case_of, journaled};

const DAY: Duration = Duration::from_secs(86_400);

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap()
}

/// The fabric, with the end of its secret recorded so long from now.
fn ending(world: &World, left: Duration) -> FabricSettings {
    FabricSettings {
        service_principal_secret_expires_in: Some(nanoseconds(left)),
        ..with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal)
    }
}

async fn put(world: &World, settings: FabricSettings, gives_secret: bool) {
    let secret = world.principal_secret();
    let put = world.host.put_fabric(&team_admin(), settings, gives_secret.then_some(&secret), None).await;
    put.unwrap();
}

/// What is left by the fabric's description; in whole hours, since a moment passes between two calls.
async fn hours_left(world: &World) -> Option<u64> {
    let got = world.host.get_fabric(&alice(), DEV).await.unwrap();
    let listed = world.host.list_fabrics(&alice(), None).await.unwrap().fabrics;
    let left = got.settings.service_principal_secret_expires_in;
    assert_eq!(listed[0].settings.service_principal_secret_expires_in.is_some(), left.is_some());
    left.map(|left| left.div_ceil(nanoseconds(HOUR)))
}

async fn advisories(world: &World) -> Vec<Advisory> {
    world.host.advisories(&alice(), DEV).await.unwrap()
}

fn hours(advisory: &Advisory) -> Option<u64> {
    advisory.ends_in.map(|left| left.div_ceil(nanoseconds(HOUR)))
}

/// PB-166: whatever else is written into the fabric's record.
#[tokio::test]
async fn the_recorded_end_of_a_secret_counts_down_through_every_rewrite() {
    let world = World::new().await;
    put(&world, ending(&world, 100 * DAY), false).await;
    assert_eq!(hours_left(&world).await, Some(2_400));
    world.advance(10 * DAY);
    world.keys.rotate().unwrap();
    let mut next = None;
    loop {
        let progress = world.host.reseal(&cluster_admin(), next.as_deref()).await.unwrap();
        next = progress.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(hours_left(&world).await, Some(2_160), "resealed");
    world.advance(10 * DAY);
    let read = world.host.get_fabric(&team_admin(), DEV).await.unwrap().settings;
    put(&world, FabricSettings { compute: Some("abc".into()), ..read }, false).await;
    world.advance(10 * DAY);
    assert_eq!(hours_left(&world).await, Some(1_680), "written back as it was read");
    world.advance(100 * DAY);
    assert_eq!(hours_left(&world).await, Some(0), "it does not go below nothing");
    put(&world, with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal), true).await;
    assert_eq!(hours_left(&world).await, None, "a new secret of which nothing was said");
}

#[tokio::test]
async fn an_end_that_cannot_be_right_is_refused_by_its_field() {
    let world = World::new().await;
    let without =
        FabricSettings { service_principal_secret_expires_in: Some(1), ..fabric_settings(DEV, world.workspace.url()) };
    for settings in [ending(&world, 731 * DAY + HOUR), ending(&world, Duration::from_nanos(u64::MAX)), without] {
        let refused = world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap_err();
        assert_eq!(refused.field(), Some("settings.service-principal-secret-expires-in"), "{refused:?}");
    }
    put(&world, ending(&world, 731 * DAY), false).await;
    put(&world, ending(&world, Duration::ZERO), false).await;
}

/// PB-166: a month before, in words, and when it has come.
#[tokio::test]
async fn a_secret_that_ends_within_thirty_days_is_advised_of_in_words() {
    let world = World::new().await;
    put(&world, ending(&world, 31 * DAY), false).await;
    assert_eq!(advisories(&world).await, []);
    world.advance(2 * DAY);
    let [advisory] = <[Advisory; 1]>::try_from(advisories(&world).await).unwrap();
    assert_eq!((advisory.kind, hours(&advisory)), (AdvisoryKind::ServicePrincipalSecretEnding, Some(29 * 24)));
    assert!(advisory.message.contains("`dev`") && advisory.message.contains(" days"), "{}", advisory.message);
    world.advance(30 * DAY);
    let [advisory] = <[Advisory; 1]>::try_from(advisories(&world).await).unwrap();
    assert_eq!(advisory.ends_in, Some(0));
    assert!(advisory.message.contains("has ended"), "{}", advisory.message);
}

/// PB-166: the message says whether the end that was recorded has passed.
#[tokio::test]
async fn a_secret_that_databricks_refuses_is_told_together_with_what_was_recorded_of_its_end() {
    let world = World::new().await;
    world.workspace.change_service_principal(&world.principal.application_id, |p| p.secrets.clear());
    for (left, says) in [(Duration::ZERO, "has expired"), (90 * DAY, "deleted")] {
        put(&world, ending(&world, left), false).await;
        for _ in 0..2 {
            // The second answer is that of the pause.
            let error = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap_err();
            assert!(matches!(error, Error::ServicePrincipalRejected(_)), "{error:?}");
            let message = error.message();
            assert!(message.contains("`dev`") && message.contains(says), "{message}");
        }
        world.advance(HOUR);
    }
}

/// PB-129, PB-160: an estimate by the lifetime that is recorded, else by Databricks' default.
#[tokio::test]
async fn a_session_that_nobody_uses_is_advised_of_to_its_owner_alone() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    world.advance(5 * DAY);
    assert_eq!(advisories(&world).await, []);
    world.advance(DAY);
    let [advisory] = <[Advisory; 1]>::try_from(advisories(&world).await).unwrap();
    assert_eq!((advisory.kind, hours(&advisory)), (AdvisoryKind::SessionEnding, Some(24)));
    assert!(advisory.message.contains("default of 7 days"), "{}", advisory.message);
    for caller in [bob(), cluster_admin(), workload()] {
        assert_eq!(world.host.advisories(&caller, DEV).await.unwrap(), [], "{}", caller.user);
    }
    world.token(&alice()).await.unwrap();
    assert_eq!(advisories(&world).await, [], "it was used");

    let lifetime = Some(nanoseconds(12 * HOUR));
    let settings = AppConnectionSettings { refresh_token_lifetime: lifetime, ..app_settings(&world.app) };
    world.host.set_app_connection(&cluster_admin(), settings, None).await.unwrap();
    world.sign_in(&alice()).await;
    world.advance(8 * HOUR);
    assert_eq!(advisories(&world).await, []);
    world.advance(HOUR + HOUR / 2);
    let [advisory] = <[Advisory; 1]>::try_from(advisories(&world).await).unwrap();
    assert!(hours(&advisory) == Some(3) && advisory.message.contains("12 hours"), "{advisory:?}");
}

#[tokio::test]
async fn what_is_so_already_comes_first_and_then_what_ends_soonest() {
    let world = World::new().await;
    put(&world, FabricSettings { app_connection: Some("gone".into()), ..ending(&world, 9 * DAY) }, false).await;
    let kinds = async || advisories(&world).await.into_iter().map(|advisory| advisory.kind).collect::<Vec<_>>();
    assert_eq!(kinds().await, [AdvisoryKind::MissingAppConnection, AdvisoryKind::ServicePrincipalSecretEnding]);
    put(&world, ending(&world, 9 * DAY), false).await;
    world.sign_in(&alice()).await;
    world.advance(6 * DAY);
    assert_eq!(kinds().await, [AdvisoryKind::SessionEnding, AdvisoryKind::ServicePrincipalSecretEnding]);
    put(&world, ending(&world, HOUR), false).await;
    assert_eq!(kinds().await, [AdvisoryKind::ServicePrincipalSecretEnding, AdvisoryKind::SessionEnding]);
}

/// PB-151, PB-166: though nobody asks.
#[tokio::test]
async fn a_host_tells_its_journal_in_advance_what_will_end_and_once() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    put(&world, ending(&world, 35 * DAY), false).await;
    let host = world.host_that_forecasts(HOUR).await;
    world.advance(2 * HOUR);
    world.advance(6 * DAY);
    eventually("both are told", async || {
        journaled(&world, Action::SessionEnding).await.len() == 1
            && journaled(&world, Action::ServicePrincipalSecretEnding).await.len() == 1
    })
    .await;
    for _ in 0..3 {
        world.advance(2 * HOUR);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let [session] = journaled(&world, Action::SessionEnding).await.try_into().unwrap();
    assert_eq!((session.actor.as_str(), session.databricks_user.as_deref()), ("host", Some("alice@example.com")));
    assert_eq!(session.token.unwrap().generation, 1);
    let [secret] = journaled(&world, Action::ServicePrincipalSecretEnding).await.try_into().unwrap();
    assert_eq!((secret.fabric.as_deref(), &secret.outcome), (Some(DEV), &Outcome::Succeeded));
    assert_eq!(secret.databricks_user.as_ref(), Some(&world.principal.application_id));
    assert_eq!((world.refreshes(), world.client_credentials()), (0, 0), "Databricks is asked nothing");
    host.finish().await;
}

#[tokio::test]
async fn the_forecast_goes_over_everything_in_pieces_and_takes_no_other_cursor() {
    let world = World::new().await;
    for number in 0..120 {
        let settings = FabricSettings { name: format!("fabric {number:03}"), ..ending(&world, DAY) };
        put(&world, settings, true).await;
    }
    let (mut told, mut calls, mut next) = (0, 0, None);
    loop {
        let page = world.host.forecast(next.as_deref()).await.unwrap();
        (told, calls, next) = (told + page.told, calls + 1, page.next);
        if next.is_none() {
            break;
        }
    }
    assert_eq!((told, calls), (120, 3), "two pieces of fabrics and one of grants");
    assert_eq!(case_of(world.host.forecast(Some("elsewhere/")).await), "invalid-input");
}
