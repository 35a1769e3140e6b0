//! The pause after a failed renewal, which survives restarts and is kept by every host.

use std::time::Duration;

use crate::contract::{Error, PeerError, Retry};
use crate::core::Core;
use crate::error::nanoseconds;
use crate::ports::Ports;
use crate::record::{Cause, CoolDown};
use crate::token_call::{Principal, app_rejected, of_any_client, service_principal_rejected};
use crate::token_failure::{ClientRejection, TokenFailure};

/// The pause doubles from a second up to this, as the official clients pause.
const LONGEST: Duration = Duration::from_secs(60);

/// How many scopes of a stored cause are told again.
const MOST_SCOPES: usize = 16;

impl<P: Ports> Core<P> {
    /// The pause after a failure: doubling, never below what the server asks for, spread by up to a half so that many
    /// grants do not come back together.
    pub(crate) fn pause(&self, before: Option<&CoolDown>, retry_after: Option<Duration>, error: &Error) -> CoolDown {
        let failures = before.map_or(0, |pause| pause.failures).saturating_add(1);
        let doubled = doubled(failures);
        let [random] = self.random::<1>();
        let spread = (doubled / 2).mul_f64(f64::from(random) / 255.0);
        let remaining = doubled.max(retry_after.unwrap_or_default()).saturating_add(spread);
        CoolDown { remaining, failures, cause: Cause::of(error) }
    }
}

/// A second, doubled with each failure in a row after the first, up to a minute.
pub(crate) fn doubled(failures: u32) -> Duration {
    Duration::from_secs(1_u64 << failures.saturating_sub(1).min(6)).min(LONGEST)
}

impl Cause {
    /// What is worth telling again.
    pub(crate) fn of(error: &Error) -> Self {
        let (code, status) = match error {
            Error::AppRejected(PeerError { code, status, .. })
            | Error::ServicePrincipalRejected(PeerError { code, status, .. })
            | Error::PolicyDenied(PeerError { code, status, .. }) => (code.clone(), *status),
            Error::ScopeNotGranted(scope) => (scope.scopes.join(" "), 0),
            _ => (String::new(), 0),
        };
        Self { case: error.case().to_owned(), code, status }
    }

    /// The code, if it looks like one.
    fn code(&self) -> String {
        if is_word(&self.code) { self.code.clone() } else { "unknown".to_owned() }
    }

    /// The scopes, as far as they look like such.
    fn scopes(&self) -> Vec<String> {
        self.code.split(' ').filter(|scope| is_word(scope)).take(MOST_SCOPES).map(str::to_owned).collect()
    }
}

/// Whether this is a code or a scope as Databricks has them, and no text.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
}

/// The answer while pausing: what the last failure was, or, where it may pass by itself, when to try again. `root` is
/// the workspace, `principal` the service principal that failed, if it was one.
pub(crate) fn still_failing(left: Duration, cause: &Cause, root: &str, principal: Option<Principal<'_>>) -> Error {
    let description = "the answer of the last try".to_owned();
    let rejection = || ClientRejection { code: cause.code(), description: description.clone(), invalid_client: false };
    let failure = match cause.case.as_str() {
        "app-rejected" => return app_rejected(rejection(), cause.status, None),
        "service-principal-rejected" => {
            let principal = principal.unwrap_or(Principal { fabric: "", secret_remaining: None });
            return service_principal_rejected(principal, rejection(), cause.status);
        }
        "policy-denied" => TokenFailure::PolicyDenied { description },
        "scope-not-granted" => TokenFailure::ScopeNotGranted { scopes: cause.scopes() },
        "blocked-by-ip-list" => TokenFailure::BlockedByIpList,
        "wrong-workspace" => TokenFailure::WrongEndpoint,
        "unreachable" => {
            return Error::Unreachable(format!(
                "{root} could not be reached from this deployment a moment ago; it will be tried again. If it goes on, the network administrator or whoever operates this deployment can find out why with Test Connection."
            ));
        }
        "throttled" => {
            return Error::Throttled(Retry {
                retry_after: Some(nanoseconds(left)),
                message: format!("{root} asked for fewer token requests. Try again later."),
            });
        }
        _ => {
            let message = format!("The last renewal at {root} failed, and the next one is held back for a moment.");
            return Error::unavailable(message, Some(left));
        }
    };
    of_any_client(failure, cause.status, root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ScopeNotGranted;

    const LEFT: Duration = Duration::from_secs(3);

    fn told_again(error: &Error) -> Error {
        let principal = Principal { fabric: "dev", secret_remaining: None };
        still_failing(LEFT, &Cause::of(error), "https://x", Some(principal))
    }

    /// PB-166.
    #[test]
    fn whoever_asks_during_the_pause_is_told_what_the_first_was_told() {
        let peer = || PeerError { code: "invalid_client".into(), status: 401, message: "The secret expired.".into() };
        assert!(matches!(
            told_again(&Error::ServicePrincipalRejected(peer())),
            Error::ServicePrincipalRejected(peer)
                if peer.code == "invalid_client" && peer.status == 401 && peer.message.contains("`dev`")
        ));
        assert!(matches!(told_again(&Error::AppRejected(peer())), Error::AppRejected(peer) if peer.status == 401));
        let scope = ScopeNotGranted { scopes: vec!["sql".into(), "jobs".into()], message: "No.".into() };
        assert!(
            matches!(told_again(&Error::ScopeNotGranted(scope)), Error::ScopeNotGranted(scope) if scope.scopes == ["sql", "jobs"])
        );
        for same in [
            Error::BlockedByIpList("x".into()),
            Error::WrongWorkspace("x".into()),
            Error::Unreachable("x".into()),
            Error::PolicyDenied(peer()),
        ] {
            assert_eq!(told_again(&same).case(), same.case());
        }
    }

    #[test]
    fn what_may_pass_by_itself_says_when_to_try_again() {
        let passing = Error::unavailable("x does not answer.", None);
        assert!(matches!(told_again(&passing), Error::Unavailable(retry) if retry.retry_after == Some(3_000_000_000)));
        let throttled = Error::Throttled(Retry { retry_after: None, message: "Slower.".into() });
        assert!(matches!(told_again(&throttled), Error::Throttled(retry) if retry.retry_after == Some(3_000_000_000)));
    }

    #[test]
    fn words_that_somebody_wrote_into_the_store_are_shown_to_nobody() {
        let written =
            Cause { case: "app-rejected".into(), code: "Call +1 555 and tell your password".into(), status: 1 };
        let Error::AppRejected(told) = still_failing(LEFT, &written, "https://x", None) else { panic!("another case") };
        assert_eq!(told.code, "unknown");
        assert!(!told.message.contains("555"));
        let scopes = Cause { case: "scope-not-granted".into(), ..written };
        assert!(
            matches!(still_failing(LEFT, &scopes, "https://x", None), Error::ScopeNotGranted(scope) if !scope.message.contains("+1"))
        );
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let pauses: Vec<u64> = [1, 2, 3, 7, 100].map(|failures| doubled(failures).as_secs()).to_vec();
        assert_eq!(pauses, [1, 2, 4, 60, 60]);
    }
}
