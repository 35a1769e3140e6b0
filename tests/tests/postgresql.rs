//! Hosts that share a PostgreSQL database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fabric_auth::FabricAuth;
use fabric_auth::contract::Activity::PipelineDevelopment;
use fabric_auth::contract::Caller;
use fabric_auth::database::{PostgresDatabase, PostgresSettings};
use fabric_auth::storage::Storage as _;
use fabric_auth_tests::{
    DEV, HOUR, PostgresServer, PostgresTestDatabase, Setup, World, alice, app_settings, cluster_admin, eventually,
    fabric_settings, team_admin, while_time_passes, with_principal,
};
use secrecy::ExposeSecret as _;

use crate::support::case_of;

/// A world whose hosts are on a PostgreSQL database.
struct Hosts {
    world: World,
    at: PostgresTestDatabase,
    /// Each with connections of its own, as on another machine.
    hosts: Vec<FabricAuth>,
}

impl Hosts {
    /// So many hosts, on which Alice has signed in; none where there is no PostgreSQL.
    async fn signed_in(count: usize) -> Option<Self> {
        let at = PostgresServer::shared()?.database().await;
        let world = World::bare(Setup::default()).await;
        let mut hosts = Vec::new();
        for _ in 0..count {
            hosts.push(host(&world, &at.url).await);
        }
        let first = &hosts[0];
        let (admin, secret) = (cluster_admin(), world.app_secret());
        first.set_app_connection(&admin, app_settings(&world.app), secret.as_ref()).await.unwrap();
        let fabric = with_principal(fabric_settings(DEV, world.workspace.url()), &world.principal);
        first.put_fabric(&team_admin(), fabric, Some(&world.principal_secret()), None).await.unwrap();
        let (url, binding, _) = first.begin_sign_in(&alice(), DEV, None).await.unwrap();
        let callback = world.callback(url.expose_secret(), "alice@example.com").await;
        first.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
        Some(Self { world, at, hosts })
    }

    /// Lets time pass for workspace and hosts, and for the database, whose clock nobody can move: what it holds becomes
    /// older instead.
    async fn advance(&self, by: Duration) {
        let age = format!("UPDATE fabric_auth_record SET written_at = written_at - {}", by.as_micros());
        self.at.execute(&age).await;
        self.world.advance(by);
    }

    async fn token(&self, host: usize, caller: &Caller) -> String {
        let (token, _) = self.hosts[host].access_token(caller, DEV, PipelineDevelopment).await.unwrap();
        token.expose_secret().to_owned()
    }
}

async fn host(world: &World, url: &str) -> FabricAuth {
    let settings = PostgresSettings::from_url(url, 4).unwrap();
    let database = PostgresDatabase::open(&settings, Arc::new(world.clock().clone())).await.unwrap();
    world.host_over(&database).await
}

/// PB-083, PB-085: whoever asks where, one refresh is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_three_hosts_cause_one_refresh() {
    let Some(hosts) = Hosts::signed_in(3).await else { return };
    hosts.advance(HOUR).await;
    let caller = alice();
    let calls = futures::future::join_all((0..90).map(|number| hosts.token(number % 3, &caller)));
    let tokens = while_time_passes(&hosts.world, calls).await;
    assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((hosts.world.refreshes(), hosts.world.books().reuses()), (1, 0));
}

/// Without announcements the other host would serve the token until it has not been confirmed for five seconds.
#[tokio::test]
async fn a_sign_out_on_one_host_is_known_to_the_others_at_once() {
    let Some(hosts) = Hosts::signed_in(2).await else { return };
    hosts.token(1, &alice()).await;
    let confirmed = Instant::now();
    hosts.hosts[0].sign_out(&alice(), DEV).await.unwrap();
    eventually("the other host has heard of it", async || {
        let answer = hosts.hosts[1].access_token(&alice(), DEV, PipelineDevelopment).await;
        answer.is_err_and(|error| error.case() == "sign-in-required")
    })
    .await;
    assert!(confirmed.elapsed() < Duration::from_secs(5), "{:?}", confirmed.elapsed());
}

#[tokio::test]
async fn tokens_in_hand_are_served_while_the_database_is_away_and_everything_goes_on_when_it_is_back() {
    let Some(server) = PostgresServer::private() else { return };
    let at = server.database().await;
    let world = World::bare(Setup::default()).await;
    let host = host(&world, &at.url).await;
    host.set_app_connection(&cluster_admin(), app_settings(&world.app), world.app_secret().as_ref()).await.unwrap();
    host.put_fabric(&team_admin(), fabric_settings(DEV, world.workspace.url()), None, None).await.unwrap();
    let (url, binding, _) = host.begin_sign_in(&alice(), DEV, None).await.unwrap();
    let callback = world.callback(url.expose_secret(), "alice@example.com").await;
    host.complete_sign_in(&alice(), &callback, &binding).await.unwrap();
    // Once it listens it forgets what it remembers, this one time.
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    eventually("the host listens", async || at.number(listening).await == 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (token, _) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    server.stop();
    let (served, _) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    assert_eq!(served.expose_secret(), token.expose_secret());
    world.advance(Duration::from_secs(70));
    assert_eq!(case_of(host.access_token(&alice(), DEV, PipelineDevelopment).await), "unavailable");
    server.start();
    let (served, _) = host.access_token(&alice(), DEV, PipelineDevelopment).await.unwrap();
    assert_eq!(served.expose_secret(), token.expose_secret());
}

/// PB-086.
#[tokio::test]
async fn the_database_holds_no_token_in_clear() {
    let Some(hosts) = Hosts::signed_in(1).await else { return };
    let token = hosts.token(0, &alice()).await;
    let settings = PostgresSettings::from_url(&hosts.at.url, 1).unwrap();
    let clock = Arc::new(hosts.world.clock().clone());
    let storage = PostgresDatabase::open(&settings, clock).await.unwrap().storage();
    let stored = storage.list("", None, 1_000).await.unwrap().entries;
    assert!(stored.len() >= 3, "{} records", stored.len());
    let needle = simulated_workspace::Needle::new(&token);
    for (key, entry) in stored {
        assert!(needle.find(&entry.value).is_none() && needle.find(key.as_bytes()).is_none(), "{key}");
    }
}
