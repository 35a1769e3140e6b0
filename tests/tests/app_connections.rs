//! Administering app connections.

use std::time::Duration;

use fabric_auth::contract::administration::{AppConnectionSettings, RefreshTokenPolicy};
use fabric_auth::journal::Action;
use fabric_auth_tests::{DEV, HOUR, REDIRECT_URL, Setup, World, alice, app_settings, cluster_admin};
use secrecy::SecretString;
use simulated_workspace::{App, Secret};

use crate::support::{case_of, journaled, overwrite};

fn named(name: &str, world: &World) -> AppConnectionSettings {
    AppConnectionSettings { name: name.into(), default: false, ..app_settings(&world.app) }
}

async fn defaults(world: &World) -> Vec<(String, bool)> {
    let all = world.host.describe_app_connections(&cluster_admin()).await.unwrap();
    all.into_iter().map(|app| (app.settings.name, app.settings.default)).collect()
}

/// PB-144.
#[tokio::test]
async fn what_was_set_is_described_without_its_secret() {
    let world = World::bare(Setup::default()).await;
    assert_eq!(defaults(&world).await, []);
    let settings = AppConnectionSettings {
        scopes: vec!["sql".into(), "all-apis".into(), "sql".into()],
        refresh_token_policy: RefreshTokenPolicy::SingleUse,
        refresh_token_lifetime: Some(86_400_000_000_000),
        ..app_settings(&world.app)
    };
    world.host.set_app_connection(&cluster_admin(), settings.clone(), world.app_secret().as_ref()).await.unwrap();
    let all = world.host.describe_app_connections(&cluster_admin()).await.unwrap();
    let expected = AppConnectionSettings { scopes: vec!["all-apis".into(), "sql".into()], ..settings };
    assert_eq!((all.len(), &all[0].settings), (1, &expected));
    assert!(all[0].has_client_secret && !all[0].built_in);
    assert!(!format!("{all:?}").contains(world.app.client_secret().unwrap().expose()));
}

/// PB-142.
#[tokio::test]
async fn there_is_always_one_default_from_the_first_on() {
    let world = World::bare(Setup::default()).await;
    let (admin, secret) = (cluster_admin(), world.app_secret());
    world.host.set_app_connection(&admin, named("a", &world), secret.as_ref()).await.unwrap();
    world.host.set_app_connection(&admin, named("b", &world), secret.as_ref()).await.unwrap();
    assert_eq!(defaults(&world).await, [("a".into(), true), ("b".into(), false)]);
    let second = AppConnectionSettings { default: true, ..named("b", &world) };
    world.host.set_app_connection(&admin, second, None).await.unwrap();
    assert_eq!(defaults(&world).await, [("a".into(), false), ("b".into(), true)]);
    world.host.set_app_connection(&admin, named("b", &world), None).await.unwrap();
    assert_eq!(defaults(&world).await.iter().filter(|(_, default)| *default).count(), 1);
    assert_eq!(case_of(world.host.remove_app_connection(&admin, "b").await), "conflict");
    world.host.remove_app_connection(&admin, "a").await.unwrap();
    world.host.remove_app_connection(&admin, "b").await.unwrap();
    assert_eq!(case_of(world.host.remove_app_connection(&admin, "b").await), "not-found");
    assert_eq!(defaults(&world).await, []);
}

/// A public client with a client id of its own.
fn public(name: &str, default: bool, world: &World) -> AppConnectionSettings {
    let client_id = format!("client-{name}");
    AppConnectionSettings { client_id, confidential: false, default, ..named(name, world) }
}

/// Sets app connections at the same moment.
async fn set_at_once(world: &World, names: &[&str], default: bool) {
    let admin = cluster_admin();
    let sets = names.iter().map(|name| world.host.set_app_connection(&admin, public(name, default, world), None));
    for set in futures::future::join_all(sets).await {
        set.unwrap();
    }
}

/// The name of the default one, as described; people must be sent to its client.
async fn the_default(world: &World) -> String {
    let all = defaults(world).await;
    let marked: Vec<_> = all.iter().filter(|(_, default)| *default).map(|(name, _)| name).collect();
    assert_eq!(marked.len(), 1, "{all:?}");
    let (url, _) = world.begin(&alice()).await;
    assert!(url.contains(&format!("client_id=client-{}&", marked[0])), "{all:?}: {url}");
    marked[0].clone()
}

/// PB-142.
#[tokio::test]
async fn administrators_who_choose_at_once_leave_one_default() {
    let world = World::bare(Setup::default()).await;
    world.put_dev_fabric().await;
    let names = ["a", "b", "c", "d", "e", "f"];
    set_at_once(&world, &names, false).await;
    let first = the_default(&world).await;
    for _ in 0..5 {
        set_at_once(&world, &names, true).await;
        the_default(&world).await;
    }
    let admin = cluster_admin();
    world.host.set_app_connection(&admin, public(&first, true, &world), None).await.unwrap();
    assert_eq!(the_default(&world).await, first);
    world.host.set_app_connection(&admin, public("0", false, &world), None).await.unwrap();
    assert_eq!(the_default(&world).await, first);
}

/// One that was damaged in the store is in nobody's way, and an administrator can be rid of it.
#[tokio::test]
async fn a_damaged_app_connection_stands_in_nobodys_way() {
    let world = World::bare(Setup::default()).await;
    world.put_dev_fabric().await;
    let admin = cluster_admin();
    world.host.set_app_connection(&admin, public("main", true, &world), None).await.unwrap();
    overwrite(&world, "app-connection/acme/broken", b"{").await;
    assert_eq!(the_default(&world).await, "main");
    assert_eq!(defaults(&world).await, [("main".into(), true)]);
    assert_eq!(journaled(&world, Action::AppConnectionUnreadable).await.len(), 2, "one for each time it was described");
    let set = async |default| world.host.set_app_connection(&admin, public("broken", default, &world), None).await;
    assert_eq!(case_of(set(false).await), "conflict");
    world.host.remove_app_connection(&admin, "broken").await.unwrap();
    set(false).await.unwrap();
    assert_eq!(the_default(&world).await, "main");

    // The default one is not silently replaced by another: people would be sent to a client that nobody chose.
    overwrite(&world, "app-connection/acme/main", b"{").await;
    assert_eq!(case_of(world.host.begin_sign_in(&alice(), DEV, None).await), "internal");
    assert_eq!(case_of(world.host.remove_app_connection(&admin, "main").await), "conflict");
    set(true).await.unwrap();
    assert_eq!(the_default(&world).await, "broken");
    world.host.remove_app_connection(&admin, "main").await.unwrap();
}

/// What was chosen may be gone or damaged in the store: everybody then finds the same one.
#[tokio::test]
async fn a_choice_that_is_lost_leaves_the_first_by_name() {
    let world = World::bare(Setup::default()).await;
    world.put_dev_fabric().await;
    let admin = cluster_admin();
    for (name, default) in [("a", false), ("b", false), ("c", true)] {
        world.host.set_app_connection(&admin, public(name, default, &world), None).await.unwrap();
    }
    assert_eq!(the_default(&world).await, "c");
    for lost in [r#"{"version":1,"name":"gone"}"#, "{"] {
        overwrite(&world, "default-app-connection/acme", lost.as_bytes()).await;
        assert_eq!(the_default(&world).await, "a");
    }
    world.host.set_app_connection(&admin, public("b", true, &world), None).await.unwrap();
    assert_eq!(the_default(&world).await, "b");
}

/// PB-024.
#[tokio::test]
async fn blanks_around_what_is_pasted_are_removed() {
    let world = World::bare(Setup::default()).await;
    let settings =
        AppConnectionSettings { client_id: format!(" {}\n", world.app.client_id), ..app_settings(&world.app) };
    let secret = SecretString::from(format!("\t{} \r\n", world.app.client_secret().unwrap().expose()));
    world.host.set_app_connection(&cluster_admin(), settings, Some(&secret)).await.unwrap();
    world.put_dev_fabric().await;
    world.sign_in(&alice()).await;
}

/// PB-140.
#[tokio::test]
async fn a_secret_is_kept_with_its_client_id_and_must_be_given_with_another() {
    let world = World::new().await;
    let admin = cluster_admin();
    world.host.set_app_connection(&admin, app_settings(&world.app), None).await.unwrap();
    world.sign_in(&alice()).await;
    let other = AppConnectionSettings { client_id: "other".into(), ..app_settings(&world.app) };
    let refused = world.host.set_app_connection(&admin, other, None).await.unwrap_err();
    assert_eq!(refused.field(), Some("client-secret"));
    let public = AppConnectionSettings { confidential: false, ..app_settings(&world.app) };
    let refused = world.host.set_app_connection(&admin, public.clone(), Some(&"dose1".into())).await.unwrap_err();
    assert_eq!(refused.field(), Some("client-secret"));
    world.host.set_app_connection(&admin, public, None).await.unwrap();
    assert!(!world.host.describe_app_connections(&admin).await.unwrap()[0].has_client_secret);
    let refused = world.host.set_app_connection(&admin, app_settings(&world.app), None).await.unwrap_err();
    assert_eq!(refused.field(), Some("client-secret"), "a secret that was given up is not kept");
}

/// PB-026, PB-027: a rotated secret is in force at once, also for sign-ins under way and grants that are there.
#[tokio::test]
async fn a_new_client_secret_is_in_force_at_once() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    world.workspace.change_app(&world.app.client_id, |app| app.client_secrets = vec![Secret::new("dosenew")]);
    world.host.set_app_connection(&cluster_admin(), app_settings(&world.app), Some(&"dosenew".into())).await.unwrap();
    world.host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
    world.advance(HOUR);
    world.token(&alice()).await.unwrap();
}

/// A client that is replaced while somebody signs in: the code belongs to the former one.
#[tokio::test]
async fn another_client_id_ends_sign_ins_under_way_and_asks_people_again() {
    let world = World::new().await;
    world.sign_in(&alice()).await;
    let (url, binding) = world.begin(&alice()).await;
    let callback = world.callback(&url, "alice@example.com").await;
    let other = App::confidential(REDIRECT_URL);
    world.workspace.register_app(other.clone());
    let secret = other.client_secret().map(|secret| secret.expose().into());
    world.host.set_app_connection(&cluster_admin(), app_settings(&other), secret.as_ref()).await.unwrap();
    assert_eq!(case_of(world.host.complete_sign_in(&alice(), &callback, &binding).await), "conflict");
    world.advance(Duration::from_secs(6));
    assert_eq!(case_of(world.token(&alice()).await), "sign-in-required");
    world.sign_in(&alice()).await;
    world.token(&alice()).await.unwrap();
}

/// PB-142.
#[tokio::test]
async fn a_fabric_uses_the_app_connection_that_it_names() {
    let world = World::new().await;
    let other = App::confidential(REDIRECT_URL);
    world.workspace.register_app(other.clone());
    let settings = AppConnectionSettings { name: "other".into(), default: false, ..app_settings(&other) };
    let secret = other.client_secret().map(|secret| secret.expose().into());
    world.host.set_app_connection(&cluster_admin(), settings, secret.as_ref()).await.unwrap();
    let mut fabric = fabric_auth_tests::fabric_settings(DEV, world.workspace.url());
    fabric.app_connection = Some("other".into());
    world.host.put_fabric(&fabric_auth_tests::team_admin(), fabric.clone(), None, None).await.unwrap();
    world.sign_in(&alice()).await;
    assert_eq!(world.books().sign_ins[0].client_id, other.client_id);
    fabric.app_connection = Some("missing".into());
    world.host.put_fabric(&fabric_auth_tests::team_admin(), fabric, None, None).await.unwrap();
    assert_eq!(case_of(world.host.begin_sign_in(&alice(), DEV, None).await), "app-connection-missing");
}

/// PB-143, PB-160.
#[tokio::test]
async fn the_recorded_life_of_a_refresh_token_is_what_is_estimated() {
    for (recorded, expected) in [(None, Duration::from_secs(7 * 24 * 3_600)), (Some(24 * HOUR), 24 * HOUR)] {
        let world = World::new().await;
        let settings = AppConnectionSettings {
            refresh_token_lifetime: recorded.map(|life| u64::try_from(life.as_nanos()).unwrap()),
            ..app_settings(&world.app)
        };
        world.host.set_app_connection(&cluster_admin(), settings, None).await.unwrap();
        world.sign_in(&alice()).await;
        let state = world.host.sign_in_status(&alice(), DEV).await.unwrap();
        let estimate = Duration::from_nanos(state.session_expires_in.unwrap());
        assert!(estimate <= expected && estimate > expected - Duration::from_secs(60), "{estimate:?}");
    }
}
