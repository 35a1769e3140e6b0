//! A host that stands still in the midst of a renewal, as a machine does that is suspended, and goes on after another
//! has taken over.

use std::time::Duration;

use fabric_auth_tests::{Cluster, LONG_LIFE, Outcome, Replica, until_expired};
use simulated_workspace::{Endpoint, Fault};

use super::three_hosts_at_expiry;
use crate::ending::{nothing_is_left_of_the_session, sign_in_required};

/// Its connection comes about while it stands still. When it wakes, the moment for writing the request has passed.
pub async fn a_host_that_was_frozen_between_claim_and_request_sends_nothing_when_it_wakes() {
    let Some((cluster, hosts)) = three_hosts_at_expiry().await else { return };
    let full = cluster.wire.close().await;
    let answer = hosts[0].ask("token alice dev");
    cluster.is_claimed().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    hosts[0].freeze();
    drop(full);
    cluster.wire.open();
    assert_eq!(hosts[1].token("alice").await.generation(), Some(2));
    hosts[0].wake();
    assert_eq!(answer.await.unwrap().outcome.generation(), Some(2), "it serves what the other has renewed");
    assert_eq!((cluster.refreshes(), cluster.reuses()), (1, 0));
    until_expired(LONG_LIFE).await;
    assert_eq!(hosts[0].token("alice").await.generation(), Some(3));
    assert_eq!((cluster.refreshes(), cluster.reuses()), (2, 0));
}

/// Its refresh token is spent, and the host that took over has presented it once more: the session is over. What the
/// frozen host still has in hand cannot bring it back, and must not make anybody ask for tokens again and again.
pub async fn a_host_that_was_frozen_while_its_reply_came_does_no_harm_when_it_wakes() {
    let Some((cluster, hosts)) = three_hosts_at_expiry().await else { return };
    cluster.workspace.inject(Endpoint::Token, Fault::DelayAfter(Duration::from_secs(2)));
    let replies = cluster.wire.replies();
    let answer = hosts[0].ask("token alice dev");
    cluster.has_granted(1).await;
    hosts[0].freeze();
    cluster.wire.has_replied_since(replies).await;
    assert_eq!(hosts[1].token("alice").await, sign_in_required("OutcomeUnknown"));
    assert_eq!((cluster.refreshes(), cluster.reuses()), (2, 1), "the one try that the rules allow");
    hosts[0].wake();
    answer.await.unwrap();
    until_expired(LONG_LIFE).await;
    let reason = told_why(&cluster, &hosts).await;
    assert!(cluster.refreshes() <= 3, "{}", cluster.refreshes());
    nothing_is_left_of_the_session(&cluster, &hosts[2], &reason).await;
}

/// All hosts ask for a sign-in, and for the same reason.
async fn told_why(cluster: &Cluster, hosts: &[Replica]) -> String {
    let mut reasons = Vec::new();
    for host in hosts {
        let Outcome::SignInRequired { reason } = host.token("alice").await else {
            panic!("no sign-in is asked for after {} requests", cluster.refreshes());
        };
        reasons.push(reason);
    }
    reasons.dedup();
    let [reason] = reasons.try_into().expect("one reason");
    reason
}
