//! What somebody gains who can write the database and has no key: nothing that lets them in.

use std::sync::Arc;
use std::time::Duration;

use fabric_auth::contract::Error;
use fabric_auth::keys::KeyRing;
use fabric_auth::service::{User, Users, sign_records_anew};
use fabric_auth::storage::{Precondition, SERVICE_RECORDS, Storage as _, UPON_WRITING};
use fabric_auth_tests::{HttpClient, ServiceWorld, alice, cluster_admin};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::browser::Browser;

/// How long a host may go by what the store has said of a user.
const KNOWN_FOR: Duration = Duration::from_secs(5);

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a record of the tenant is.
fn place(kind: &str, name: &str) -> String {
    format!("{SERVICE_RECORDS}{}/{kind}/{}", digest("acme"), digest(name))
}

async fn overwrite(service: &ServiceWorld, key: &str, value: &[u8]) {
    let storage = service.world.database.storage();
    let precondition = match storage.get(key).await.unwrap() {
        Some(entry) => Precondition::Revision(entry.revision),
        None => Precondition::Absent,
    };
    storage.put(key, value.to_vec(), None, precondition, UPON_WRITING).await.unwrap();
}

async fn status(service: &ServiceWorld, token: &SecretString) -> StatusCode {
    HttpClient::new(&service.base_url).with_token(token).get("/api/v1/grants").await.status
}

#[tokio::test]
async fn an_api_token_of_ones_own_making_lets_nobody_in() {
    let service = ServiceWorld::new().await;
    let admins = service.api_token(&cluster_admin()).await;
    assert_eq!(status(&service, &admins).await, StatusCode::OK);
    let storage = service.world.database.storage();
    let stored = place("api-token", admins.expose_secret());
    let record = storage.get(&stored).await.unwrap().unwrap().value;
    let forged: SecretString = format!("fabric_auth_{}", "A".repeat(43)).into();
    let forged_place = place("api-token", forged.expose_secret());
    let plain = format!(r#"{{"user":"{}","id":"x"}}"#, digest("clara"));
    for value in [record.as_slice(), plain.as_bytes()] {
        overwrite(&service, &forged_place, value).await;
        assert!(!status(&service, &forged).await.is_success());
    }
    assert_eq!(status(&service, &admins).await, StatusCode::OK);
    service.end().await;
}

#[tokio::test]
async fn a_role_that_was_written_into_the_database_is_not_believed() {
    let service = ServiceWorld::new().await;
    let token = service.api_token(&alice()).await;
    service.api_token(&cluster_admin()).await;
    let storage = service.world.database.storage();
    let alices = storage.get(&place("user", "alice")).await.unwrap().unwrap().value;
    let claras = storage.get(&place("user", "clara")).await.unwrap().unwrap().value;
    let promoted =
        String::from_utf8(alices).unwrap().replace(r#"\"cluster_admin\":false"#, r#"\"cluster_admin\":true"#);
    for value in [promoted.into_bytes(), claras] {
        overwrite(&service, &place("user", "alice"), &value).await;
        service.world.advance(KNOWN_FOR);
        assert!(!status(&service, &token).await.is_success());
    }
    service.end().await;
}

/// A key that is rotated takes the service's records with it, and gives them no longer life.
#[tokio::test]
async fn records_that_are_signed_anew_keep_their_age() {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, &alice()).await;
    service.world.advance(Duration::from_secs(11 * 3_600));
    let world = &service.world;
    let old = world.keys.list()[0].key_id.clone();
    world.keys.rotate().unwrap();
    let (storage, clock) = (Arc::new(world.database.storage()), Arc::new(world.clock().clone()));
    let signed = sign_records_anew(storage, Arc::new(world.keys.clone()), clock).await.unwrap();
    // A user, an API token, a session.
    assert_eq!(signed, 3, "{signed} records were signed");
    world.keys.remove(&old, fabric_auth::keys::SealedUnder::Nothing).unwrap();
    world.advance(KNOWN_FOR);
    assert!(browser.is_signed_in().await);
    world.advance(Duration::from_secs(3_600));
    assert!(!browser.is_signed_in().await);
    service.end().await;
}

/// Two tenants may share a database; the users of one are nobody to the other.
#[tokio::test]
async fn a_user_of_another_tenant_is_not_let_in() {
    let service = ServiceWorld::new().await;
    let world = &service.world;
    let (storage, clock) = (Arc::new(world.database.storage()), Arc::new(world.clock().clone()));
    let others = Users::new(storage, Arc::new(world.keys.clone()), clock, "globex");
    let clara = cluster_admin();
    let user = User { name: clara.user, kind: clara.kind, email: None, cluster_admin: true, teams: Vec::new() };
    others.add(&user).await.unwrap();
    let token = others.issue_api_token(&user.name, None).await.unwrap();
    assert_eq!(status(&service, &token).await, StatusCode::UNAUTHORIZED);
    service.end().await;
}

/// A key ring that is lost takes the users with it, but not their names.
#[tokio::test]
async fn who_is_signed_with_a_key_that_is_lost_is_told_of_and_can_be_added_anew() {
    let service = ServiceWorld::new().await;
    service.api_token(&alice()).await;
    let world = &service.world;
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(world.clock().clone()));
    let keys = KeyRing::create(folder.path().join("keyring.json"), clock.clone()).unwrap();
    let users = Users::new(Arc::new(world.database.storage()), Arc::new(keys), clock, "acme");
    assert!(matches!(users.list().await, Err(Error::Misconfigured(_))));
    users.remove("alice").await.unwrap();
    let alice = alice();
    let user =
        User { name: alice.user, kind: alice.kind, email: alice.email, cluster_admin: false, teams: alice.teams };
    users.add(&user).await.unwrap();
    assert_eq!(users.list().await.unwrap(), [user]);
    service.end().await;
}
