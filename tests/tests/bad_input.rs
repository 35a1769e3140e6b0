//! Parameters that are not acceptable, for every exported function: named by their field, and nothing is changed.

use fabric_auth::contract::administration::{AppConnectionSettings, GrantSelection};
use fabric_auth::contract::databricks_oauth::{FabricSelection, Rejection};
use fabric_auth::contract::{Activity, Caller, Error, FabricSettings, IdentityKind, TokenReference};
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{DEV, World, alice, app_settings, cluster_admin, fabric_settings, operator, team_admin};
use secrecy::SecretString;

use crate::support::signed_in;

/// Revisions of everything that is stored: they change with every write.
async fn revisions(world: &World) -> Vec<(String, u64)> {
    let page = world.database.storage().list("", None, 1_000).await.unwrap();
    page.entries.into_iter().map(|(key, entry)| (key, entry.revision)).collect()
}

fn rejected() -> Rejection {
    Rejection { status: 401, body: b"Token is expired".to_vec(), location: None }
}

/// Calls every function of the contract as a caller, on a fabric of a name; gives the errors.
async fn call_everything(world: &World, caller: &Caller, fabric: &str) -> Vec<(&'static str, Option<Error>)> {
    let host = &world.host;
    let activity = Activity::PipelineDevelopment;
    let reference = TokenReference { lineage: "l".into(), generation: 1 };
    let (query, secret) = (SecretString::from("code=c&state=s"), SecretString::from("b"));
    let settings = fabric_settings(fabric, world.workspace.url());
    let stored = FabricSelection::Stored(fabric.into());
    let unsaved = FabricSelection::Unsaved(settings.clone());
    let person = IdentityKind::Person;
    let nobody = GrantSelection::OfUser("nobody".into());
    vec![
        ("begin-sign-in", host.begin_sign_in(caller, fabric, None).await.err()),
        ("complete-sign-in", host.complete_sign_in(caller, &query, &secret).await.err()),
        ("sign-out", host.sign_out(caller, fabric).await.err()),
        ("sign-in-status", host.sign_in_status(caller, fabric).await.err()),
        ("access-token", host.access_token(caller, fabric, activity).await.err()),
        ("report-rejection", host.report_rejection(caller, fabric, activity, &reference, rejected()).await.err()),
        ("test-connection stored", host.test_connection(caller, stored, None, person, None).await.err()),
        ("test-connection unsaved", host.test_connection(caller, unsaved, None, person, None).await.err()),
        ("authentication-methods", host.authentication_methods(caller).await.err()),
        ("advisories", host.advisories(caller, fabric).await.err()),
        ("set-app-connection", host.set_app_connection(caller, app_settings(&world.app), None).await.err()),
        ("describe-app-connections", host.describe_app_connections(caller).await.err()),
        ("remove-app-connection", host.remove_app_connection(caller, "missing").await.err()),
        ("check-fabric", host.check_fabric(caller, settings.clone(), None, None).await.err()),
        ("put-fabric", host.put_fabric(caller, settings, None, None).await.err()),
        ("get-fabric", host.get_fabric(caller, fabric).await.err()),
        ("list-fabrics", host.list_fabrics(caller, None).await.err()),
        ("remove-fabric", host.remove_fabric(caller, fabric).await.err()),
        ("set-personal-access-token", host.set_personal_access_token(caller, fabric, &secret).await.err()),
        ("remove-personal-access-token", host.remove_personal_access_token(caller, fabric).await.err()),
        ("list-grants", host.list_grants(caller, None).await.err()),
        ("end-grants", host.end_grants(caller, nobody, None).await.err()),
        ("reseal", host.reseal(caller, None).await.err()),
        ("restore-check", host.restore_check(caller, None).await.err()),
    ]
}

#[tokio::test]
async fn a_caller_that_cannot_be_one_is_refused_by_every_function() {
    let world = signed_in().await;
    let before = revisions(&world).await;
    let long = |length: usize| "x".repeat(length);
    for (field, caller) in [
        ("caller.tenant", Caller { tenant: String::new(), ..operator() }),
        ("caller.tenant", Caller { tenant: long(65), ..operator() }),
        ("caller.tenant", Caller { tenant: "a\nb".into(), ..operator() }),
        ("caller.user", Caller { user: String::new(), ..operator() }),
        ("caller.user", Caller { user: long(257), ..operator() }),
        ("caller.email", Caller { email: Some(long(321)), ..operator() }),
        ("caller.on-behalf-of", Caller { on_behalf_of: Some(String::new()), ..operator() }),
    ] {
        for (function, error) in call_everything(&world, &caller, DEV).await {
            assert_eq!(error.as_ref().and_then(Error::field), Some(field), "{function}: {error:?}");
        }
    }
    assert_eq!(revisions(&world).await, before);
}

#[tokio::test]
async fn a_name_of_a_fabric_that_cannot_be_one_is_refused_by_every_function() {
    let world = signed_in().await;
    let before = revisions(&world).await;
    let without_fabric = [
        "complete-sign-in",
        "authentication-methods",
        "describe",
        "list-",
        "end-grants",
        "reseal",
        "restore-check",
        "set-app-connection",
        "remove-app-connection",
    ];
    for name in [String::new(), "x".repeat(129), "a\u{7}b".into()] {
        for (function, error) in call_everything(&world, &operator(), &name).await {
            if without_fabric.iter().any(|other| function.starts_with(other)) {
                continue;
            }
            let field = match function {
                "check-fabric" | "put-fabric" | "test-connection unsaved" => "settings.name",
                _ => "fabric",
            };
            assert_eq!(error.as_ref().and_then(Error::field), Some(field), "{function} {name:?}: {error:?}");
        }
    }
    let written = |entries: Vec<(String, u64)>| -> Vec<_> {
        // The one function above that has no fabric and is allowed to write.
        entries.into_iter().filter(|(key, _)| !key.starts_with("app-connection/")).collect()
    };
    assert_eq!(written(revisions(&world).await), written(before));
}

/// PB-140.
#[tokio::test]
async fn settings_of_an_app_connection_are_refused_by_their_field() {
    let world = World::new().await;
    let before = revisions(&world).await;
    let good = app_settings(&world.app);
    for (field, settings) in [
        ("settings.name", AppConnectionSettings { name: String::new(), ..good.clone() }),
        ("settings.name", AppConnectionSettings { name: "a b".into(), ..good.clone() }),
        ("settings.name", AppConnectionSettings { name: "x".repeat(65), ..good.clone() }),
        ("settings.client-id", AppConnectionSettings { client_id: "  ".into(), ..good.clone() }),
        ("settings.client-id", AppConnectionSettings { client_id: "ü".into(), ..good.clone() }),
        ("settings.client-id", AppConnectionSettings { client_id: "x".repeat(257), ..good.clone() }),
        ("settings.scopes", AppConnectionSettings { scopes: vec!["a b".into()], ..good.clone() }),
        ("settings.scopes", AppConnectionSettings { scopes: vec![String::new()], ..good.clone() }),
        ("settings.refresh-token-lifetime", AppConnectionSettings { refresh_token_lifetime: Some(1), ..good.clone() }),
    ] {
        let set = world.host.set_app_connection(&cluster_admin(), settings, Some(&"dose1".into())).await;
        assert_eq!(set.as_ref().err().and_then(Error::field), Some(field), "{set:?}");
    }
    for secret in ["", "  ", "a b", "ü", &"x".repeat(1_025)] {
        let set = world.host.set_app_connection(&cluster_admin(), good.clone(), Some(&secret.into())).await;
        let error = set.unwrap_err();
        assert_eq!(error.field(), Some("client-secret"));
        assert!(secret.trim().is_empty() || !error.message().contains(secret), "{error}");
    }
    let removed = world.host.remove_app_connection(&cluster_admin(), "a b").await.unwrap_err();
    assert_eq!(removed.field(), Some("name"));
    assert_eq!(revisions(&world).await, before);
}

#[tokio::test]
async fn settings_of_a_fabric_are_refused_by_their_field() {
    let world = World::new().await;
    let before = revisions(&world).await;
    let good = fabric_settings("x", world.workspace.url());
    let id = Some("principal".to_owned());
    for (field, settings, secret) in [
        ("settings.team", FabricSettings { team: String::new(), ..good.clone() }, None),
        ("settings.team", FabricSettings { team: "x".repeat(129), ..good.clone() }, None),
        ("settings.app-connection", FabricSettings { app_connection: Some("a b".into()), ..good.clone() }, None),
        ("settings.scopes", FabricSettings { scopes: vec!["a b".into()], ..good.clone() }, None),
        (
            "settings.service-principal-scopes",
            FabricSettings { service_principal_scopes: vec!["\"".into()], ..good.clone() },
            None,
        ),
        ("settings.compute", FabricSettings { compute: Some("a/b?c".into()), ..good.clone() }, None),
        (
            "settings.service-principal-client-id",
            FabricSettings { service_principal_client_id: Some("a b".into()), ..good.clone() },
            Some("dose1"),
        ),
        (
            "service-principal-secret",
            FabricSettings { service_principal_client_id: id.clone(), ..good.clone() },
            Some("a b"),
        ),
        ("service-principal-secret", FabricSettings { service_principal_client_id: id, ..good.clone() }, Some("")),
    ] {
        let secret = secret.map(SecretString::from);
        let put = world.host.put_fabric(&operator(), settings, secret.as_ref(), None).await;
        assert_eq!(put.as_ref().err().and_then(Error::field), Some(field), "{put:?}");
    }
    assert_eq!(revisions(&world).await, before);
}

/// A cursor is what `next` was; one that is made up gets nobody anywhere else.
#[tokio::test]
async fn a_made_up_cursor_reaches_no_other_tenant() {
    let world = signed_in().await;
    let elsewhere = Caller { tenant: "globex".into(), ..operator() };
    for cursor in ["", "x", "fabric/acme/", "grant/person/acme/", "0:fabric/acme/", "2:grant/person/acme/", "9:", "-1:"]
    {
        match world.host.list_fabrics(&elsewhere, Some(cursor)).await {
            Ok(page) => assert_eq!(page.fabrics, [], "{cursor:?}"),
            Err(error) => assert_eq!(error.field(), Some("after"), "{cursor:?}: {error:?}"),
        }
        match world.host.list_grants(&elsewhere, Some(cursor)).await {
            Ok(page) => assert_eq!(page.grants, [], "{cursor:?}"),
            Err(error) => assert_eq!(error.field(), Some("after"), "{cursor:?}: {error:?}"),
        }
        match world.host.restore_check(&elsewhere, Some(cursor)).await {
            Ok(progress) => assert_eq!(progress.looked_at, 0, "{cursor:?}"),
            Err(error) => assert_eq!(error.field(), Some("after"), "{cursor:?}: {error:?}"),
        }
        let resealed = world.host.reseal(&elsewhere, Some(cursor)).await;
        assert_eq!(resealed.as_ref().err().and_then(Error::field), Some("after"), "{cursor:?}: {resealed:?}");
    }
    assert_eq!(world.host.list_fabrics(&team_admin(), None).await.unwrap().fabrics.len(), 1);
    world.token(&alice()).await.unwrap();
}
