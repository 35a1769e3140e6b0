//! The pause after a failed renewal, which survives restarts and is kept by every host.

use std::time::Duration;

use crate::contract::{Error, PeerError, ScopeNotGranted};
use crate::core::Core;
use crate::ports::Ports;
use crate::record::{Cause, CoolDown};

/// The pause doubles from a second up to this, as the official clients pause.
const LONGEST: Duration = Duration::from_secs(60);

impl<P: Ports> Core<P> {
    /// The pause after a failure: doubling, never below what the server asks for, spread by up to a half so that many
    /// grants do not come back together.
    pub(crate) fn pause(&self, before: Option<&CoolDown>, retry_after: Option<Duration>, error: &Error) -> CoolDown {
        let failures = before.map_or(0, |pause| pause.failures).saturating_add(1);
        let doubled = Duration::from_secs(1_u64 << failures.saturating_sub(1).min(6)).min(LONGEST);
        let [random] = self.random::<1>();
        let spread = (doubled / 2).mul_f64(f64::from(random) / 255.0);
        let remaining = doubled.max(retry_after.unwrap_or_default()).saturating_add(spread);
        CoolDown { remaining, failures, cause: Cause::of(error) }
    }
}

impl Cause {
    /// What is worth telling again.
    fn of(error: &Error) -> Self {
        let (message, code, status) = match error {
            Error::AppRejected(peer) | Error::ServicePrincipalRejected(peer) | Error::PolicyDenied(peer) => {
                (&peer.message, peer.code.clone(), peer.status)
            }
            Error::ScopeNotGranted(scope) => (&scope.message, scope.scopes.join(" "), 0),
            Error::Throttled(retry) | Error::Unavailable(retry) => (&retry.message, String::new(), 0),
            Error::BlockedByIpList(message) | Error::Unreachable(message) | Error::WrongWorkspace(message) => {
                (message, String::new(), 0)
            }
            other => {
                return Self { case: other.case().to_owned(), message: String::new(), code: String::new(), status: 0 };
            }
        };
        Self { case: error.case().to_owned(), message: message.clone(), code, status }
    }
}

/// The answer while pausing: what the last failure was, or, where it may pass by itself, when to try again.
pub(crate) fn still_failing(left: Duration, cause: &Cause) -> Error {
    let message = cause.message.clone();
    let peer = || PeerError { code: cause.code.clone(), status: cause.status, message: message.clone() };
    match cause.case.as_str() {
        "app-rejected" => Error::AppRejected(peer()),
        "service-principal-rejected" => Error::ServicePrincipalRejected(peer()),
        "policy-denied" => Error::PolicyDenied(peer()),
        "scope-not-granted" => Error::ScopeNotGranted(ScopeNotGranted {
            scopes: cause.code.split_whitespace().map(str::to_owned).collect(),
            message,
        }),
        "blocked-by-ip-list" => Error::BlockedByIpList(message),
        "unreachable" => Error::Unreachable(message),
        "wrong-workspace" => Error::WrongWorkspace(message),
        _ if message.is_empty() => {
            Error::unavailable("The last renewal failed, and the next one is held back for a moment.", Some(left))
        }
        _ => Error::unavailable(message, Some(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_again(error: &Error) -> Error {
        still_failing(Duration::from_secs(3), &Cause::of(error))
    }

    /// PB-166.
    #[test]
    fn whoever_asks_during_the_pause_is_told_what_the_first_was_told() {
        let peer = PeerError { code: "invalid_client".into(), status: 401, message: "The secret expired.".into() };
        let rejected = Error::ServicePrincipalRejected(peer);
        assert!(matches!(
            told_again(&rejected),
            Error::ServicePrincipalRejected(peer) if peer.code == "invalid_client" && peer.status == 401 && peer.message == "The secret expired."
        ));
        let scope = ScopeNotGranted { scopes: vec!["sql".into(), "jobs".into()], message: "No.".into() };
        assert!(
            matches!(told_again(&Error::ScopeNotGranted(scope)), Error::ScopeNotGranted(scope) if scope.scopes == ["sql", "jobs"])
        );
    }

    #[test]
    fn what_may_pass_by_itself_says_when_to_try_again() {
        let passing = Error::unavailable("x does not answer.", None);
        assert!(matches!(
            told_again(&passing),
            Error::Unavailable(retry) if retry.retry_after == Some(3_000_000_000) && retry.message == "x does not answer."
        ));
    }
}
