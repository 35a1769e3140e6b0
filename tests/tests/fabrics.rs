//! Administering fabrics.

use std::sync::Arc;

use fabric_auth::contract::{FabricKind, FabricSettings};
use fabric_auth::journal::Journal as _;
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{
    DEV, FlakyStore, World, alice, cluster_admin, fabric_settings, operator, stranger, team_admin, with_principal,
};

use crate::support::{case_of, overwrite};

/// PB-001, PB-037, PB-039, PB-042, PB-058, PB-059, PB-062, PB-116, PB-144.
#[tokio::test]
async fn what_was_put_is_described_without_its_secret() {
    let world = World::new().await;
    let full = FabricSettings {
        kind: FabricKind::Sql,
        app_connection: Some("main".into()),
        scopes: vec!["sql".into()],
        service_principal_scopes: vec!["sql".into()],
        compute: Some("a1b2c3d4e5f60718".into()),
        ..with_principal(fabric_settings("full", world.workspace.url()), &world.principal)
    };
    let put = world.host.put_fabric(&team_admin(), full.clone(), Some(&world.principal_secret()), None).await.unwrap();
    assert_eq!(put.settings, full);
    assert!(put.has_service_principal_secret && put.revision > 0);
    let got = world.host.get_fabric(&alice(), "full").await.unwrap();
    assert_eq!(got, put);
    assert!(!format!("{got:?}").contains(world.principal.secret().unwrap().expose()));
}

/// PB-038, PB-124.
#[tokio::test]
async fn a_workspace_url_is_normalised_and_a_jdbc_url_is_understood() {
    let world = World::new().await;
    let jdbc = "jdbc:databricks://adb-12345678.9.azuredatabricks.net:443/default;transportMode=http;ssl=1;AuthMech=3;\
                httpPath=/sql/1.0/warehouses/a1b2c3d4e5f60718";
    for (entered, root, id, compute) in [
        ("dbc-a1b2.cloud.databricks.com", "https://dbc-a1b2.cloud.databricks.com", None, None),
        (
            " https://DBC-a1b2.cloud.databricks.com/?o=123#job/4 ",
            "https://dbc-a1b2.cloud.databricks.com",
            Some("123"),
            None,
        ),
        (
            "https://adb-12345678.9.azuredatabricks.net/x",
            "https://adb-12345678.9.azuredatabricks.net",
            Some("12345678"),
            None,
        ),
        (jdbc, "https://adb-12345678.9.azuredatabricks.net", Some("12345678"), Some("a1b2c3d4e5f60718")),
    ] {
        let settings = FabricSettings { kind: FabricKind::Sql, ..fabric_settings("x", entered) };
        let put = world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
        assert_eq!(put.settings.workspace, root);
        assert_eq!((put.workspace_id.as_deref(), put.settings.compute.as_deref()), (id, compute), "{entered}");
    }
}

/// PB-036, PB-037, PB-038: nor that of another provider.
#[tokio::test]
async fn what_is_not_the_url_of_a_workspace_is_refused_by_its_field() {
    let world = World::new().await;
    for entered in [
        "",
        " ",
        "http://dbc-a1b2.cloud.databricks.com",
        "https://evil.example",
        "https://dbc-a1b2.cloud.databricks.com.evil.example",
        "https://user:pw@dbc-a1b2.cloud.databricks.com",
        "https://dbc-a1b2.cloud.databricks.com:8443",
        "https://accounts.cloud.databricks.com",
        "https://169.254.169.254",
        "https://127.0.0.1",
        "https://dbc-a1b2\u{2024}cloud.databricks.com",
        "https://dbc-a1b2.cloud.databricks.com\\@evil.example",
        "jdbc:databricks://dbc-a1b2.cloud.databricks.com:443;PWD=dapi0;httpPath=/sql/1.0/warehouses/a1",
        "jdbc:spark://dbc-a1b2.cloud.databricks.com:443",
        "jdbc:snowflake://acme.snowflakecomputing.com",
        "https://acme.snowflakecomputing.com",
        "https://bigquery.googleapis.com",
    ] {
        let put = world.host.put_fabric(&team_admin(), fabric_settings("x", entered), None, None).await;
        let refused = put.unwrap_err();
        assert_eq!(refused.field(), Some("settings.workspace"), "{entered:?}: {refused:?}");
        assert!(!refused.message().contains("dapi0") && !refused.message().contains("pw@"), "{refused}");
    }
    assert_eq!(case_of(world.host.get_fabric(&team_admin(), "x").await), "not-found");
}

#[tokio::test]
async fn an_expected_revision_guards_against_writing_over_others() {
    let world = World::new().await;
    let put = async |revision| {
        world.host.put_fabric(&team_admin(), fabric_settings("x", world.workspace.url()), None, revision).await
    };
    assert_eq!(case_of(put(Some(7)).await), "conflict");
    let first = put(Some(0)).await.unwrap().revision;
    assert_eq!(case_of(put(Some(0)).await), "conflict");
    let second = put(Some(first)).await.unwrap().revision;
    assert!(second > first);
    assert_eq!(case_of(put(Some(first)).await), "conflict");
    put(None).await.unwrap();
}

/// Who expects no revision is not bothered with what others do at the same moment.
#[tokio::test]
async fn who_expects_no_revision_writes_though_others_write_at_the_same_moment() {
    let world = World::new().await;
    let store = FlakyStore::over(Arc::new(world.database.storage()));
    let host = world.host_on(store.clone()).await;
    let settings = || with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal);
    let sql = FabricSettings { kind: FabricKind::Sql, ..settings() };
    store.contend_for("fabric/acme/dev", 2);
    let put = host.put_fabric(&team_admin(), sql.clone(), None, None).await.unwrap();
    assert_eq!(host.get_fabric(&team_admin(), DEV).await.unwrap(), put);
    assert_eq!(put.settings.kind, FabricKind::Sql);

    store.contend_for("fabric/acme/dev", 1);
    let expecting = host.put_fabric(&team_admin(), settings(), None, Some(put.revision)).await;
    assert_eq!(case_of(expecting), "conflict");
    store.contend_for("fabric/acme/dev", u32::MAX);
    assert_eq!(case_of(host.put_fabric(&team_admin(), settings(), None, None).await), "unavailable", "not for ever");
    assert_eq!(host.get_fabric(&team_admin(), DEV).await.unwrap().settings, sql);
}

/// A record that was damaged in the store is seen as such by those who can do something about it, and hides no other.
#[tokio::test]
async fn a_damaged_fabric_hides_no_other_and_a_cluster_admin_can_remove_it() {
    let world = World::new().await;
    for name in ["a first", "z last"] {
        let settings = fabric_settings(name, world.workspace.url());
        world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    }
    let damaged = b"{\"version\":1,\"name\":";
    overwrite(&world, "fabric/acme/dev", damaged).await;
    for (caller, unreadable) in [(cluster_admin(), vec![DEV]), (operator(), vec![DEV]), (alice(), vec![])] {
        let page = world.host.list_fabrics(&caller, None).await.unwrap();
        let names: Vec<_> = page.fabrics.iter().map(|fabric| fabric.settings.name.as_str()).collect();
        assert_eq!(
            (names, page.unreadable),
            (vec!["a first", "z last"], unreadable.into_iter().map(Into::into).collect())
        );
    }
    let settings = || fabric_settings(DEV, world.workspace.url());
    let told = world.host.get_fabric(&team_admin(), DEV).await.unwrap_err();
    assert!(told.case() == "internal" && told.message().contains("cluster admin"), "{told:?}");
    assert_eq!(case_of(world.host.put_fabric(&team_admin(), settings(), None, None).await), "internal");
    assert_eq!(case_of(world.host.remove_fabric(&team_admin(), DEV).await), "internal");
    let kept = world.database.storage();
    assert_eq!(kept.get("fabric/acme/dev").await.unwrap().unwrap().value, damaged, "left as it is");

    world.host.remove_fabric(&cluster_admin(), DEV).await.unwrap();
    world.host.put_fabric(&team_admin(), settings(), None, None).await.unwrap();
    assert!(world.host.list_fabrics(&cluster_admin(), None).await.unwrap().unreadable.is_empty());
}

/// What a newer version wrote is passed over as well, and nobody removes it here.
#[tokio::test]
async fn a_fabric_of_a_newer_version_is_passed_over_and_stays() {
    let world = World::new().await;
    overwrite(&world, "fabric/acme/newer", &newer_version(&world, "fabric/acme/dev").await).await;
    let page = world.host.list_fabrics(&cluster_admin(), None).await.unwrap();
    assert_eq!((page.fabrics.len(), page.unreadable), (1, vec!["newer".to_owned()]));
    assert_eq!(case_of(world.host.remove_fabric(&cluster_admin(), "newer").await), "unavailable");
}

/// The record under a key, as a newer version would have written it.
async fn newer_version(world: &World, key: &str) -> Vec<u8> {
    let entry = world.database.storage().get(key).await.unwrap().unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
    record["version"] = 999.into();
    record.to_string().into_bytes()
}

/// PB-149: a stored secret stays with its workspace and client.
#[tokio::test]
async fn a_secret_must_be_given_again_when_workspace_or_client_change() {
    let world = World::new().await;
    let settings = with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal);
    world.host.put_fabric(&team_admin(), settings.clone(), None, None).await.unwrap();
    for changed in [
        FabricSettings { workspace: "dbc-a1b2.cloud.databricks.com".into(), ..settings.clone() },
        FabricSettings { service_principal_client_id: Some("other".into()), ..settings.clone() },
    ] {
        let refused = world.host.put_fabric(&team_admin(), changed, None, None).await.unwrap_err();
        assert_eq!(refused.field(), Some("service-principal-secret"));
    }
    let got = world.host.get_fabric(&team_admin(), DEV).await.unwrap();
    assert_eq!(got.settings, settings);
}

#[tokio::test]
async fn everybody_lists_the_fabrics_of_their_teams() {
    let world = World::new().await;
    for number in 0..120 {
        let settings = fabric_settings(&format!("fabric {number:03}"), world.workspace.url());
        world.host.put_fabric(&team_admin(), settings, None, None).await.unwrap();
    }
    let foreign = FabricSettings { team: "finance".into(), ..fabric_settings("ledger", world.workspace.url()) };
    world.host.put_fabric(&stranger(), foreign, None, None).await.unwrap();
    for (caller, expected) in [(alice(), 121), (stranger(), 1), (cluster_admin(), 122), (operator(), 122)] {
        let mut names = std::collections::BTreeSet::new();
        let mut after = None;
        loop {
            let page = world.host.list_fabrics(&caller, after.as_deref()).await.unwrap();
            assert!(page.fabrics.len() <= 100);
            names.extend(page.fabrics.into_iter().map(|fabric| fabric.settings.name));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(names.len(), expected, "{}", caller.user);
    }
}

#[tokio::test]
async fn a_removed_fabric_is_gone_with_its_credentials_and_peoples_sign_ins_stay() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    world.host.remove_fabric(&team_admin(), DEV).await.unwrap();
    assert_eq!(case_of(world.host.get_fabric(&team_admin(), DEV).await), "not-found");
    assert_eq!(case_of(world.host.remove_fabric(&team_admin(), DEV).await), "not-found");
    world.host.put_fabric(&team_admin(), fabric_settings(DEV, world.workspace.url()), None, None).await.unwrap();
    world.token(&alice()).await.unwrap();
    assert!(!world.host.get_fabric(&alice(), DEV).await.unwrap().has_service_principal_secret);
}

/// Scopes that a fabric asks for beyond those that a person agreed to.
#[tokio::test]
async fn a_fabric_that_wants_more_scopes_than_were_granted_says_which() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    let wants = FabricSettings { scopes: vec!["sql".into()], ..fabric_settings("wants", world.workspace.url()) };
    world.host.put_fabric(&team_admin(), wants, None, None).await.unwrap();
    let activity = fabric_auth::contract::Activity::PipelineDevelopment;
    let error = world.host.access_token(&alice(), "wants", activity).await.unwrap_err();
    let fabric_auth::contract::Error::SignInRequired(required) = error else { panic!("{error:?}") };
    assert_eq!(required.reason, fabric_auth::contract::SignInReason::ScopeNotCovered);
    assert_eq!(required.missing_scopes, ["sql"]);
    world.token(&alice()).await.unwrap();
}

/// It answers as `put-fabric` does, and leaves no trace.
#[tokio::test]
async fn a_fabric_that_is_only_checked_is_judged_as_if_it_were_put_and_nothing_is_written() {
    let world = World::new().await;
    let (url, secret) = (world.workspace.url(), world.principal_secret());
    let good = with_principal(fabric_settings("new", url), &world.principal);
    let revision = world.host.get_fabric(&alice(), DEV).await.unwrap().revision;
    let events = world.database.journal().tail(1_000).await.unwrap().len();
    let check = async |caller, settings: &FabricSettings, secret, expected| {
        let checked = world.host.check_fabric(&caller, settings.clone(), secret, expected).await;
        checked.map_err(|error| (error.case(), error.field().map(str::to_owned)))
    };
    let field = |name: &str| Err(("invalid-input", Some(name.to_owned())));
    assert_eq!(check(team_admin(), &good, Some(&secret), Some(0)).await, Ok(()));
    assert_eq!(check(alice(), &good, Some(&secret), Some(0)).await, Err(("forbidden", None)));
    assert_eq!(check(team_admin(), &good, None, None).await, field("service-principal-secret"));
    let elsewhere = FabricSettings { workspace: "https://evil.example".into(), ..good.clone() };
    assert_eq!(check(team_admin(), &elsewhere, Some(&secret), None).await, field("settings.workspace"));
    let there = FabricSettings { name: DEV.into(), ..good.clone() };
    assert_eq!(check(team_admin(), &there, Some(&secret), Some(0)).await, Err(("conflict", None)));
    assert_eq!(check(team_admin(), &there, None, Some(revision)).await, Ok(()));

    assert_eq!(case_of(world.host.get_fabric(&team_admin(), "new").await), "not-found");
    assert_eq!(world.host.get_fabric(&alice(), DEV).await.unwrap().revision, revision);
    assert_eq!(world.database.journal().tail(1_000).await.unwrap().len(), events);
}
