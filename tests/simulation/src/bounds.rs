//! What the protocol promises, in numbers, as the design states them. They are written down here a second time on
//! purpose: a change of the core's own numbers must not move what it is measured by.

use std::time::Duration;

/// New tokens are put again this long when the store fails, before anybody may take the claim over.
pub(crate) const WRITE_BUDGET: Duration = Duration::from_secs(10);

/// So long new tokens are held when the store fails.
pub(crate) const HOLDS: Duration = Duration::from_secs(90);

/// A put is answered within this (`wit/renewals.wit`); the last one that failed was begun that much earlier.
pub(crate) const PUT: Duration = Duration::from_secs(5);

/// So many requests of unknown outcome are sent with one refresh token.
pub(crate) const MOST_UNRESOLVED: u32 = 2;

/// A call is answered within this: hosts end it then (`wit/renewals.wit`).
pub(crate) const CALL: Duration = Duration::from_secs(180);

/// How long the core waits for a token reply.
pub(crate) const TOKEN_DEADLINE: Duration = Duration::from_secs(30);

/// How long it waits at least for the reply to a renewal's second request, which shares the time of the first.
pub(crate) const SECOND_TOKEN_DEADLINE: Duration = Duration::from_secs(26);

/// With no fault about, whoever is told to come back later, and does, is served within this.
pub(crate) const MENDED: Duration = Duration::from_secs(100);
