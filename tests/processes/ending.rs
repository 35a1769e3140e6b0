//! How a renewal may end for the person, judged by the server's books: somebody holds the live refresh token, or the
//! person was told to sign in and nobody does.

use std::time::{Duration, Instant};

use fabric_auth_tests::{Cluster, LONG_LIFE, Outcome, Replica, until_expired};

/// How long a claim must have been seen to stand before it is taken over: `wit/renewals.wit`.
const TAKEOVER: Duration = Duration::from_secs(55);

/// In which a host answers that does not have to wait for another's claim, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(30);

const ALICE: &str = "alice@example.com";

/// A host serves a second generation without waiting, and the session goes on.
pub async fn is_served_at_once(cluster: &Cluster, host: &Replica) {
    let asked = Instant::now();
    assert_eq!(host.token("alice").await.generation(), Some(2));
    assert!(asked.elapsed() < AT_ONCE, "it took {:?}", asked.elapsed());
    session_goes_on(cluster, host).await;
}

/// A host serves a second generation once it has taken over the claim of one that is gone, and the session goes on.
pub async fn is_served_after_takeover(cluster: &Cluster, host: &Replica) {
    let asked = Instant::now();
    assert_eq!(host.token("alice").await.generation(), Some(2));
    assert!(asked.elapsed() >= TAKEOVER, "it took over after {:?}", asked.elapsed());
    session_goes_on(cluster, host).await;
}

/// A host presents the refresh token once more after takeover, as the rules allow; it was spent, so the person is told
/// to sign in, and no more requests are made until they have.
pub async fn person_is_told_to_sign_in(cluster: &Cluster, host: &Replica) {
    let asked = Instant::now();
    assert_eq!(host.token("alice").await, sign_in_required("OutcomeUnknown"));
    assert!(asked.elapsed() >= TAKEOVER, "it took over after {:?}", asked.elapsed());
    assert_eq!((cluster.refreshes(), cluster.reuses()), (2, 1));
    nothing_is_left_of_the_session(cluster, host, "OutcomeUnknown").await;
}

/// Nobody holds a live refresh token, nobody asks for tokens in vain, and signing in mends it.
pub async fn nothing_is_left_of_the_session(cluster: &Cluster, host: &Replica, reason: &str) {
    assert_eq!(cluster.workspace.live_refresh_tokens_of(ALICE), 0, "a live refresh token is held by nobody");
    assert!(!cluster.store.grant().await.has_refresh_token, "a dead refresh token is kept");
    let refreshes = cluster.refreshes();
    for _ in 0..3 {
        assert_eq!(host.token("alice").await, sign_in_required(reason));
    }
    assert_eq!(cluster.refreshes(), refreshes, "it is asked for in vain again and again");
    cluster.sign_in(host, "alice").await;
    assert_eq!(host.token("alice").await.generation(), Some(1));
}

/// What stands in the store is the live refresh token: the next renewal works. No spent one was ever presented.
async fn session_goes_on(cluster: &Cluster, host: &Replica) {
    assert_eq!((cluster.refreshes(), cluster.reuses()), (1, 0));
    assert_eq!(cluster.workspace.live_refresh_tokens_of(ALICE), 1);
    until_expired(LONG_LIFE).await;
    assert_eq!(host.token("alice").await.generation(), Some(3));
    assert_eq!((cluster.refreshes(), cluster.reuses()), (2, 0));
}

/// The answer that asks a person to sign in.
pub fn sign_in_required(reason: &str) -> Outcome {
    Outcome::SignInRequired { reason: reason.to_owned() }
}
