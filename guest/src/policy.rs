//! The rules of the refresh protocol, as values.
//!
//! The component runs with [`Policy::SHIPPED`] and nothing else. That the rules are values at all has one reason: the
//! simulation switches each off in turn and must then find a session that is lost, a token that is sent twice, or a
//! caller who is served wrongly. A rule that cannot be missed is not worth its code.

use std::time::Duration;

use crate::exchange::TOKEN_DEADLINE;

/// A host answers a put within this (`wit/renewals.wit`).
const LAST_PUT: Duration = Duration::from_secs(5);

/// What clocks of one machine may be apart over a minute, and then some.
const SLACK: Duration = Duration::from_secs(5);

/// The rules. A host relies on the sums of the numbers: `wit/renewals.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A renewal writes a claim into the grant before it sends. Off: it sends at once, whoever else may.
    pub claims: bool,
    /// Right before sending, the claim is read once more. Off: what happened since it was written goes unseen.
    pub looks_before_sending: bool,
    /// From the claim's put to the request there are one read and no other wait. A host that took longer was frozen;
    /// it does not send, since its claim may soon be taken over.
    pub until_sent: Duration,
    /// A second request, with the previous client secret, is made under a claim of its own, and soon. Off: at once,
    /// whatever has happened to the grant since the first.
    pub claims_again: bool,
    /// A renewal whose client secret was refused claims and sends once more, with the previous secret, only this soon
    /// after its first claim was begun: who waits for the first claim is to be served by whoever takes the second over.
    pub asks_again_within: Duration,
    /// New tokens are put again this long when the store fails just then, and meanwhile nobody takes the claim over.
    pub write_budget: Duration,
    /// After that they are held on to, for as long as this from the reply on: a late success still beats whatever was recorded.
    pub holds: Duration,
    /// A claim must have stood this long, seen by the same host all the while, before it may be taken over: its owner
    /// then cannot be at work any more.
    pub takeover_after: Duration,
    /// Who finds such a claim looks again after this long: where the store itself was away, its owner has had no chance
    /// to store what it holds, and must get it.
    pub second_look_after: Duration,
    /// While the old access token serves, a second attempt could only do harm. Off: takeover does not wait for its end.
    pub takes_over_only_when_needed: bool,
    /// So many requests of unknown outcome are sent with one refresh token, then the person is asked to sign in.
    pub most_unresolved: u32,
    /// A request whose fate is unknown is not simply sent again. Off: it counts as one that did not arrive.
    pub distrusts_unknown_outcomes: bool,
    /// A claim from which certainly nothing was sent is taken back. Off: it counts as a request of unknown outcome.
    pub takes_back_unsent_claims: bool,
    /// A failure is recorded only over the very claim it belongs to. Off: over whatever stands there.
    pub failures_yield: bool,
    /// New tokens are stored over a failure that was recorded for their own generation. Off: they are dropped.
    pub late_success_wins: bool,
    /// New tokens are stored only over their own lineage, and never over a sign-out. Off: over anything.
    pub late_success_yields_to_lineage: bool,
    /// A renewal begins only in the window before the token's end. Off: whenever somebody asks for one.
    pub renews_in_window_only: bool,
}

impl Policy {
    /// The policy of the component.
    pub const SHIPPED: Self = Self {
        claims: true,
        looks_before_sending: true,
        until_sent: UNTIL_SENT,
        claims_again: true,
        asks_again_within: Duration::from_secs(4),
        write_budget: WRITE_BUDGET,
        holds: Duration::from_secs(90),
        takeover_after: Duration::from_secs(
            UNTIL_SENT.as_secs()
                + TOKEN_DEADLINE.as_secs()
                + WRITE_BUDGET.as_secs()
                + LAST_PUT.as_secs()
                + SLACK.as_secs(),
        ),
        second_look_after: Duration::from_secs(5),
        takes_over_only_when_needed: true,
        most_unresolved: 2,
        distrusts_unknown_outcomes: true,
        takes_back_unsent_claims: true,
        failures_yield: true,
        late_success_wins: true,
        late_success_yields_to_lineage: true,
        renews_in_window_only: true,
    };
}

const UNTIL_SENT: Duration = Duration::from_secs(5);
const WRITE_BUDGET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_outlives_its_owners_longest_work() {
        let Policy { until_sent, write_budget, takeover_after, .. } = Policy::SHIPPED;
        assert!(takeover_after > until_sent + TOKEN_DEADLINE + write_budget + LAST_PUT);
    }

    /// Also where the one who crashed had claimed once more.
    #[test]
    fn who_waits_outlasts_a_takeover_and_its_request() {
        let Policy { until_sent, asks_again_within, takeover_after, second_look_after, .. } = Policy::SHIPPED;
        let served = takeover_after + second_look_after + TOKEN_DEADLINE;
        assert!(asks_again_within + until_sent + served < crate::access_token::PATIENCE);
    }

    /// `wit/renewals.wit`: a host gives a renewal 180 seconds. A second request shares the time of the first.
    #[test]
    fn a_renewal_ends_within_what_hosts_give_it() {
        let Policy { until_sent, holds, second_look_after, .. } = Policy::SHIPPED;
        let preparing = second_look_after + 2 * crate::exchange::CALL_DEADLINE;
        assert!(preparing + until_sent + TOKEN_DEADLINE + holds + LAST_PUT <= Duration::from_secs(180 - 15));
    }
}
