//! What becomes of entered tokens when they are taken back, when their fabric changes, and when their people leave.

use fabric_auth::contract::administration::GrantSelection;
use fabric_auth::contract::{Authentication, Error, FabricSettings, SignInReason};
use fabric_auth::journal::{Action, Event, Outcome};
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{DEV, alice, bob, operator, team_admin};
use secrecy::{ExposeSecret as _, SecretString};
use simulated_workspace::{Settings, SimulatedWorkspace};

use super::{DEVELOPMENT, PREFIX, entered, set, settings, stored, token_of};
use crate::support::{case_of, journaled, only_key, overwrite, reason_of};

/// PB-127.
#[tokio::test]
async fn a_fabric_that_changes_to_oauth_or_to_another_workspace_forgets_the_tokens() {
    let elsewhere = SimulatedWorkspace::start(Settings::default()).await.unwrap();
    type Change = fn(FabricSettings, &str) -> FabricSettings;
    let changes: [(&str, Change); 3] = [
        ("to OAuth", |settings, _| FabricSettings { authentication: Authentication::Oauth, ..settings }),
        ("to another workspace", |settings, url| FabricSettings {
            workspace: url.into(),
            service_principal_client_id: None,
            ..settings
        }),
        ("to another workspace of the host", |settings, _| FabricSettings {
            workspace: format!("{}/?o=99", settings.workspace),
            ..settings
        }),
    ];
    for (what, change) in changes {
        let (world, token) = entered().await;
        world.token(&alice()).await.unwrap();
        let changed = change(settings(&world), elsewhere.url());
        world.host.put_fabric(&team_admin(), changed, None, None).await.unwrap();
        assert_eq!(stored(&world).await, 0, "{what}");
        assert_eq!(reason_of(world.token(&alice()).await), SignInReason::NeverSignedIn, "{what}");
        world.host.put_fabric(&team_admin(), settings(&world), Some(&world.principal_secret()), None).await.unwrap();
        assert_eq!(reason_of(world.token(&alice()).await), SignInReason::NeverSignedIn, "{what}, and back");
        set(&world, &alice(), &token).await.unwrap();
        world.end().await;
    }
    assert!(elsewhere.books().api_calls.is_empty(), "no token was sent there");
}

#[tokio::test]
async fn other_changes_of_a_fabric_leave_the_tokens_alone() {
    let (world, token) = entered().await;
    let changed = FabricSettings { compute: Some("abc".into()), service_principal_client_id: None, ..settings(&world) };
    world.host.put_fabric(&team_admin(), changed, None, None).await.unwrap();
    assert_eq!(world.token(&alice()).await.unwrap().0, token.expose());
}

/// Somebody who can write the database, and has no keys, sends no token elsewhere.
#[tokio::test]
async fn a_token_is_not_handed_out_for_a_workspace_that_was_changed_in_the_store() {
    let (world, _) = entered().await;
    let key = only_key(&world, PREFIX).await;
    let evil = "https://evil.cloud.databricks.com";
    for (key, member) in [("fabric/acme/dev", "workspace"), (key.as_str(), "workspace")] {
        let entry = world.database.storage().get(key).await.unwrap().unwrap();
        let mut record: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
        record[member] = evil.into();
        overwrite(&world, key, record.to_string().as_bytes()).await;
        let host = world.another_host().await;
        let error = host.access_token(&alice(), DEV, DEVELOPMENT).await.unwrap_err();
        assert!(matches!(error, Error::SignInRequired(_) | Error::Internal(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_removed_fabric_takes_its_tokens_along() {
    let (world, _) = entered().await;
    set(&world, &bob(), &token_of(&world, "bob@example.com")).await.unwrap();
    world.host.remove_fabric(&team_admin(), DEV).await.unwrap();
    assert_eq!(stored(&world).await, 0);
    world.host.put_fabric(&team_admin(), settings(&world), Some(&world.principal_secret()), None).await.unwrap();
    assert_eq!(reason_of(world.token(&alice()).await), SignInReason::NeverSignedIn);
}

#[tokio::test]
async fn people_take_their_own_token_back_by_removing_it_or_by_signing_out() {
    for signs_out in [false, true] {
        let (world, _) = entered().await;
        set(&world, &bob(), &token_of(&world, "bob@example.com")).await.unwrap();
        world.token(&alice()).await.unwrap();
        if signs_out {
            let done = world.host.sign_out(&alice(), DEV).await.unwrap();
            assert!(done.grant_ended && !done.revoked);
            assert!(!world.host.sign_out(&alice(), DEV).await.unwrap().grant_ended);
        } else {
            world.host.remove_personal_access_token(&alice(), DEV).await.unwrap();
            assert_eq!(case_of(world.host.remove_personal_access_token(&alice(), DEV).await), "not-found");
        }
        assert_eq!(reason_of(world.token(&alice()).await), SignInReason::NeverSignedIn);
        world.token(&bob()).await.unwrap();
        let [entry] = journaled(&world, Action::PersonalAccessTokenRemoved).await.try_into().unwrap();
        let Event { actor, fabric, databricks_user, token, .. } = entry;
        assert_eq!((actor.as_str(), fabric.as_deref()), ("alice", Some(DEV)));
        assert_eq!((databricks_user.as_deref(), token.is_some()), (Some("alice@example.com"), true));
        world.end().await;
    }
}

#[tokio::test]
async fn a_damaged_token_is_told_as_such_and_can_be_entered_anew() {
    let (world, token) = entered().await;
    let key = only_key(&world, PREFIX).await;
    overwrite(&world, &key, b"{").await;
    let host = world.another_host().await;
    assert_eq!(case_of(host.access_token(&alice(), DEV, DEVELOPMENT).await), "internal");
    set(&world, &alice(), &token).await.unwrap();
    assert_eq!(host.access_token(&alice(), DEV, DEVELOPMENT).await.unwrap().0.expose_secret(), token.expose());
}

/// Who has left takes their tokens along, and so does a workspace that is given up.
#[tokio::test]
async fn ending_grants_takes_personal_access_tokens_along() {
    let of_user = || GrantSelection::OfUser("alice".into());
    let of_fabric = || GrantSelection::OfFabric(DEV.into());
    for (selection, left) in [(of_user(), 2), (of_fabric(), 1), (GrantSelection::All, 0)] {
        let (world, token) = entered().await;
        set(&world, &bob(), &token_of(&world, "bob@example.com")).await.unwrap();
        let second = FabricSettings { name: "second".into(), service_principal_client_id: None, ..settings(&world) };
        world.host.put_fabric(&team_admin(), second, None, None).await.unwrap();
        let text = SecretString::from(token.expose());
        world
            .host
            .set_personal_access_token(&bob(), "second", &token_of(&world, "bob@example.com").expose().into())
            .await
            .unwrap();
        world.token(&alice()).await.unwrap();
        let (mut ended, mut after) = (0, None);
        loop {
            let piece = world.host.end_grants(&operator(), selection.clone(), after.as_deref()).await.unwrap();
            ended += piece.ended;
            after = piece.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((ended, stored(&world).await), (3 - u32::try_from(left).unwrap(), left));
        assert_eq!(reason_of(world.token(&alice()).await), SignInReason::NeverSignedIn);
        let entries = journaled(&world, Action::PersonalAccessTokenRemoved).await;
        assert_eq!(entries.len(), 3 - left);
        assert!(entries.iter().all(|entry| entry.actor == "root" && entry.outcome == Outcome::Succeeded));
        world.host.set_personal_access_token(&alice(), DEV, &text).await.unwrap();
        world.end().await;
    }
}
