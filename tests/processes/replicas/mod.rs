//! Three hosts on one PostgreSQL database.

mod clocks;
mod freezing;
mod restarts;
mod sharing;
mod signing_out;

use fabric_auth_tests::{Cluster, Engine, Replica};
use futures::future::join_all;
use libtest_mimic::Trial;

use crate::{replica, trials};

pub fn trials() -> Vec<Trial> {
    trials! { "replicas":
        sharing::an_expired_grant_that_three_hundred_callers_ask_three_hosts_for_is_renewed_once,
        clocks::hosts_whose_clocks_are_a_year_apart_renew_no_more_often_than_one_host,
        freezing::a_host_that_was_frozen_between_claim_and_request_sends_nothing_when_it_wakes,
        freezing::a_host_that_was_frozen_while_its_reply_came_does_no_harm_when_it_wakes,
        restarts::new_tokens_are_held_while_postgresql_restarts,
        restarts::a_renewal_that_is_claimed_while_postgresql_goes_away_is_made_once_it_is_back,
        signing_out::a_sign_out_is_announced_to_the_other_hosts,
        signing_out::a_sign_out_is_seen_within_five_seconds_without_announcements,
    }
}

/// How many hosts there are.
const HOSTS: usize = 3;

/// A cluster on PostgreSQL with three hosts.
async fn three_hosts() -> Option<(Cluster, Vec<Replica>)> {
    let cluster = Cluster::new(replica(), Engine::Postgres).await?;
    let hosts = join_all((0..HOSTS).map(|_| cluster.start())).await;
    Some((cluster, hosts))
}

/// The same, with an expired grant of Alice.
async fn three_hosts_at_expiry() -> Option<(Cluster, Vec<Replica>)> {
    let (cluster, hosts) = three_hosts().await?;
    cluster.with_expired_grants_of(&hosts[0], &["alice"]).await;
    Some((cluster, hosts))
}
