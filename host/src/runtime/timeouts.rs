//! Every time limit of the sandbox, in one table. They run on the machine's real time: they guard against a component
//! that hangs, whatever the injected clock says.

use std::time::Duration;

/// One renewal in its own instance. The component bounds it to some 165 seconds (`wit/renewals.wit`): a second look (5
/// seconds), finding the authorization server (two requests of 15 seconds), the request for the token (30 seconds),
/// holding the reply until it is stored (90 seconds and a last write of 5), and reads and writes besides. Nothing cuts off a renewal that is at work, so this only ends
/// one that hangs.
pub(super) const RENEWAL: Duration = Duration::from_secs(180);

/// For so long the component begins renewals for a caller who waits for a token: `PATIENCE` of its `access_token`, and
/// a last pause.
const PATIENCE: Duration = Duration::from_secs(101);

/// What a call does besides waiting for renewals: finding the authorization server (30 seconds), a request to the
/// workspace (15 seconds), and reads and writes.
const BESIDES: Duration = Duration::from_secs(60);

/// One call into a long-lived instance. The longest begins its last renewal when its patience is about to run out, and
/// then waits for that; so one that takes longer than all this hangs. A piece of resealing or clearing out, which goes
/// over a hundred records, stays below it unless the store takes seconds for each of them.
pub(super) const CALL: Duration = PATIENCE.saturating_add(RENEWAL).saturating_add(BESIDES);

/// What the other calls of an instance get to end when one of them has trapped or hangs.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// How long an instance that has been replaced waits for those who read what it writes of replies itself: answers of the
/// gateway's own, and refusals. Other replies do not come out of it.
pub(super) const LINGERING: Duration = Duration::from_secs(60);

/// How often the epoch advances.
pub(super) const EPOCH: Duration = Duration::from_millis(50);

/// How many epochs the component may compute without waiting for anything. Its longest computation takes some
/// milliseconds; ten seconds mean that it does not end, even on a machine that is far too busy.
pub(super) const EPOCHS_AT_A_STRETCH: u32 = 200;
