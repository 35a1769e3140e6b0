//! Every time limit of the sandbox, in one table. They run on the machine's real time: they guard against a component
//! that hangs, whatever the injected clock says.

use std::time::Duration;

/// One call into a long-lived instance. The longest wait of the component's own is 85 seconds (a caller whose token is
/// being renewed elsewhere); this leaves room for it to end by itself.
pub(super) const CALL: Duration = Duration::from_secs(120);

/// One renewal in its own instance. The component bounds it to about 50 seconds; nothing cuts off a renewal that is at
/// work, so this only ends one that hangs.
pub(super) const RENEWAL: Duration = Duration::from_secs(180);

/// What the other calls of an instance get to end when it is given up.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// How often the epoch advances.
pub(super) const EPOCH: Duration = Duration::from_millis(50);

/// How many epochs the component may compute without waiting for anything. Its longest computation takes some
/// milliseconds; two seconds mean that it does not end.
pub(super) const EPOCHS_AT_A_STRETCH: u32 = 40;
