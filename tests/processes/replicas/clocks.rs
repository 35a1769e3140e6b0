//! Wall clocks that are wrong.

use std::time::{Duration, Instant};

use fabric_auth_tests::{Cluster, Engine, Replica, ReplicaSettings};
use futures::future::join_all;

use crate::replica;

/// By how many seconds each host's wall clock is ahead: not at all, ten minutes back, a year.
const OFFSETS: [i64; 3] = [0, -600, 365 * 24 * 3_600];

/// The life of tokens.
const LIFE: Duration = Duration::from_secs(12);

/// For how long the hosts are asked.
const LASTING: Duration = Duration::from_secs(40);

/// A host that took another's clock for its own would find each token expired, or never renew one.
pub async fn hosts_whose_clocks_are_a_year_apart_renew_no_more_often_than_one_host() {
    let Some(cluster) = Cluster::new(replica(), Engine::Postgres).await else { return };
    let settings = OFFSETS.map(|wall_clock_offset| ReplicaSettings { wall_clock_offset, ..cluster.settings() });
    let hosts = join_all(settings.iter().map(|settings| cluster.start_as(settings))).await;
    cluster.administer(&hosts[0]).await;
    cluster.give_tokens_a_life_of(LIFE);
    let began = Instant::now();
    cluster.sign_in(&hosts[2], "alice").await;
    join_all(hosts.iter().map(|host| keep_asking(host, began))).await;
    let (refreshes, passed) = (cluster.refreshes(), began.elapsed());
    let least = passed.div_duration_f64(LIFE) - 1.0;
    let most = passed.div_duration_f64(LIFE / 2) + 1.0;
    assert!((least..=most).contains(&(refreshes as f64)), "{refreshes} in {passed:?}");
    assert_eq!(cluster.reuses(), 0);
}

async fn keep_asking(host: &Replica, since: Instant) {
    while since.elapsed() < LASTING {
        let outcome = host.token("alice").await;
        assert!(outcome.generation().is_some(), "{outcome:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
