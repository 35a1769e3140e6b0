//! How soon the other hosts know that somebody has signed out.

use std::time::{Duration, Instant};

use fabric_auth_tests::{Cluster, Engine, HOUR, Replica, ReplicaSettings};
use futures::future::join_all;

use super::HOSTS;
use crate::ending::sign_in_required;
use crate::replica;

/// An announcement takes milliseconds; this is for a busy machine.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(2);

/// What a host keeps in memory is confirmed by the store this often.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(20);

pub async fn a_sign_out_is_announced_to_the_other_hosts() {
    let Some((_cluster, hosts)) = hosts_that_serve(true).await else { return };
    hosts[0].must("sign-out alice dev").await;
    let signed_out = Instant::now();
    join_all(hosts.iter().map(|host| is_refused_from(host, signed_out + ANNOUNCED_WITHIN))).await;
}

pub async fn a_sign_out_is_seen_within_five_seconds_without_announcements() {
    let Some((_cluster, hosts)) = hosts_that_serve(false).await else { return };
    hosts[0].must("sign-out alice dev").await;
    let signed_out = Instant::now();
    join_all(hosts.iter().map(|host| is_refused_from(host, signed_out + CONFIRMED_WITHIN))).await;
}

/// Hosts that have all handed out Alice's token, and so have it in memory.
async fn hosts_that_serve(hears_announcements: bool) -> Option<(Cluster, Vec<Replica>)> {
    let cluster = Cluster::new(replica(), Engine::Postgres).await?;
    let settings = ReplicaSettings { hears_announcements, ..cluster.settings() };
    let hosts = join_all((0..HOSTS).map(|_| cluster.start_as(&settings))).await;
    cluster.give_tokens_a_life_of(HOUR);
    cluster.administer(&hosts[0]).await;
    cluster.sign_in(&hosts[0], "alice").await;
    for host in &hosts {
        assert_eq!(host.token("alice").await.generation(), Some(1));
    }
    Some((cluster, hosts))
}

/// Holds a host to refusing everybody who asks after this moment.
async fn is_refused_from(host: &Replica, moment: Instant) {
    let refusal = sign_in_required("SignedOut");
    while Instant::now() < moment && host.token("alice").await != refusal {
        tokio::time::sleep(PAUSE).await;
    }
    tokio::time::sleep(moment.saturating_duration_since(Instant::now())).await;
    for _ in 0..10 {
        assert_eq!(host.token("alice").await, refusal);
        tokio::time::sleep(PAUSE).await;
    }
}
