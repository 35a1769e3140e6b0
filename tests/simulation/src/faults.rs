//! The kinds of faults, and how often each has struck.

use std::cell::RefCell;
use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[doc = $text:literal])* $name:ident,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[doc = $text])* $name,)* }

        impl Fault {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

faults! {
    /// A host dies; its memory is gone, and it comes back.
    HostCrashed,
    /// A host stands still for a while.
    HostFrozen,
    /// An instance traps in the middle of a renewal.
    RenewalTrapped,
    /// A long-lived instance traps with every call in it.
    InstanceTrapped,
    /// A caller goes away before the answer.
    CallerLeft,
    /// A host's wall clock jumps.
    WallClockJumped,
    /// The store's clock jumps forward.
    StoreClockJumpedForward,
    /// The store's clock jumps back.
    StoreClockJumpedBack,
    /// The store is away for everybody.
    StoreOutage,
    /// The store cannot be reached from one host.
    StorePartition,
    /// A read gets no answer.
    ReadFailed,
    /// A write did certainly not happen.
    WriteFailed,
    /// A write gets no answer and did not happen.
    WriteUnknownNotLanded,
    /// A write gets no answer and did happen.
    WriteUnknownLanded,
    /// A write happens after its writer was told that nobody knows.
    WriteLandedLate,
    /// A write happens, and its writer is told late.
    WriteAnsweredLate,
    /// A write that was under way is lost with its host.
    WriteLostWithHost,
    /// The key store does not answer.
    KeysUnavailable,
    /// The journal does not take an event.
    JournalFailed,
    /// What one host changed does not reach another.
    AnnouncementLost,
    /// What one host changed reaches another late.
    AnnouncementLate,
    /// The workspace's name does not resolve.
    NameUnknown,
    /// The workspace takes no connections.
    ConnectionRefused,
    /// A connection takes long to come about.
    ConnectionSlow,
    /// A request is lost on its way.
    RequestLost,
    /// The connection breaks before the request is acted on.
    HungUpBefore,
    /// The connection breaks after the request was acted on.
    HungUpAfter,
    /// A reply is lost on its way.
    ReplyLost,
    /// A request is acted on late.
    RequestLate,
    /// A reply comes late.
    ReplyLate,
    /// 429.
    Throttled,
    /// 503 in the words of OAuth or the API: nothing was done.
    Unavailable,
    /// 503 in the words of a gateway, and the request was acted on.
    GatewayUnavailable,
    /// A page of a gateway, and nothing was done.
    PageBefore,
    /// A page of a gateway, and the request was acted on.
    PageAfter,
    /// 200 without a token, and nothing was done.
    NoTokenBefore,
    /// 200 without a token, and the request was acted on.
    NoTokenAfter,
    /// Databricks is slow: for a while most requests or replies are late or lost.
    Slowness,
    /// Databricks is restarted: no connections for a while.
    Restart,
    /// The app's client secret is changed at Databricks before it is here, or after.
    AppSecretChanged,
    /// The app's client secret is changed here before Databricks takes it; until then the one before is taken.
    AppSecretAhead,
    /// The app's client secret is mistyped here, and entered rightly later.
    AppSecretMistyped,
    /// The client secret is refused.
    InvalidClient,
    /// Databricks ends a session.
    SessionEnded,
    /// Databricks stops taking an access token before its end.
    AccessTokenRevoked,
    /// A caller reports a rejection.
    RejectionReported,
    /// A person signs out.
    SignedOut,
    /// A person signs in anew without need.
    SignedInAnew,
    /// The master key is changed and records are sealed anew.
    KeyRotated,
}

/// How often each kind has struck.
#[derive(Default)]
pub(crate) struct FaultCounts(RefCell<BTreeMap<Fault, u64>>);

impl FaultCounts {
    pub(crate) fn count(&self, fault: Fault) {
        *self.0.borrow_mut().entry(fault).or_default() += 1;
    }

    pub(crate) fn all(&self) -> BTreeMap<Fault, u64> {
        self.0.borrow().clone()
    }
}
