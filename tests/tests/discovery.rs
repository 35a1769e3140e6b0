//! What is remembered of a workspace's authorization server.

use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{DEV, World, alice};
use serde_json::Value;

use crate::support::{only_key, overwrite};

async fn stored(world: &World, key: &str) -> Value {
    let entry = world.database.storage().get(key).await.unwrap().unwrap();
    serde_json::from_slice(&entry.value).unwrap()
}

/// A document that points elsewhere, or is no document, was changed in the store. It is asked for anew, once.
#[tokio::test]
async fn a_document_that_was_changed_in_the_store_is_replaced() {
    let world = World::new().await;
    world.begin(&alice()).await;
    let key = only_key(&world, "discovery/").await;
    let genuine = stored(&world, &key).await;
    let mut foreign = genuine.clone();
    foreign["token_endpoint"] = "https://evil.example/token".into();
    for changed in [foreign.to_string(), "{".to_owned()] {
        overwrite(&world, &key, changed.as_bytes()).await;
        world.begin(&alice()).await;
        assert_eq!(stored(&world, &key).await, genuine);
    }
    world.workspace.stop().await;
    world.host.begin_sign_in(&alice(), DEV, None).await.expect("what is remembered is enough");
}
