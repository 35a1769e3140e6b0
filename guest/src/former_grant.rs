//! What stood in a grant's place when its sign-in began to be completed, so that a sign-in is not stored over an end that
//! came meanwhile.

use crate::contract::Caller;
use crate::core::Core;
use crate::error::Result;
use crate::ports::Ports;
use crate::record::{Ended, GrantRecord, SignInRecord, Stored};
use crate::storage_key;

/// What stood in the place of a grant when its sign-in began to be completed: the mark of its last write, if there was
/// any.
pub struct FormerGrant(Option<String>);

impl FormerGrant {
    /// Whether nobody has ended it since. Who ends a grant leaves a new tombstone, or takes away what cannot be read.
    pub fn still_stands(&self, now: Option<&GrantRecord>) -> bool {
        match (&self.0, now) {
            (None, None) => true,
            (Some(_), None) => false,
            (former, Some(now)) => now.ended != Some(Ended::SignedOut) || former.as_ref() == Some(&now.writer),
        }
    }
}

impl<P: Ports> Core<P> {
    /// What stands in the place where a sign-in's grant will be kept.
    pub(crate) async fn former_grant(&self, caller: &Caller, pending: &SignInRecord) -> Result<FormerGrant> {
        let key = storage_key::person_grant(&caller.tenant, &pending.issuer, &pending.client_id, &caller.user);
        let grant: Option<Stored<GrantRecord>> = self.read(&key).await?;
        Ok(FormerGrant(grant.map(|grant| grant.record.writer)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::renewal::tests::grant;

    #[test]
    fn a_sign_in_is_stored_over_whatever_stood_there_before_it_was_completed_and_over_no_later_end() {
        let alive = GrantRecord { writer: "a".into(), ..grant(Duration::ZERO, None).record };
        let renewed = GrantRecord { writer: "b".into(), ..alive.clone() };
        let ended =
            |writer: &str| GrantRecord { ended: Some(Ended::SignedOut), writer: writer.into(), ..alive.clone() };
        let session_over = GrantRecord { ended: Some(Ended::SessionEnded), ..renewed.clone() };
        let former = |writer: Option<&str>| FormerGrant(writer.map(str::to_owned));
        for (former, now, stands) in [
            (former(None), None, true),
            (former(None), Some(alive.clone()), true),
            (former(None), Some(ended("t")), false),
            (former(Some("a")), Some(alive.clone()), true),
            (former(Some("a")), Some(renewed), true),
            (former(Some("a")), Some(session_over), true),
            (former(Some("a")), Some(ended("t")), false),
            (former(Some("t")), Some(ended("t")), true),
            (former(Some("t")), Some(ended("u")), false),
            (former(Some("a")), None, false),
        ] {
            let what = now.as_ref().map(|now| (now.ended, now.writer.clone()));
            assert_eq!(former.still_stands(now.as_ref()), stands, "{:?} {what:?}", former.0);
        }
    }
}
