//! Many callers, one request.

use futures::future::join_all;

use super::three_hosts_at_expiry;

/// How many callers ask each host.
const CALLERS: usize = 100;

pub async fn an_expired_grant_that_three_hundred_callers_ask_three_hosts_for_is_renewed_once() {
    let Some((cluster, hosts)) = three_hosts_at_expiry().await else { return };
    let asked = (0..CALLERS).flat_map(|_| &hosts).map(|host| host.ask("token alice dev"));
    let mut outcomes: Vec<_> = join_all(asked).await.into_iter().map(|answer| answer.unwrap().outcome).collect();
    assert_eq!((outcomes.len(), outcomes[0].generation()), (CALLERS * hosts.len(), Some(2)), "{:?}", outcomes[0]);
    outcomes.dedup();
    assert_eq!(outcomes.len(), 1, "all are served the same token: {outcomes:?}");
    assert_eq!((cluster.refreshes(), cluster.reuses()), (1, 0));
    assert_eq!(cluster.workspace.books().refreshes_in_flight_at_most, 1);
}
