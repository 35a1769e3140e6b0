//! What one caller and one fabric may take of the gateway. Beyond it a request is refused at once: to let it wait would
//! take memory, and help nobody.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::settings::GatewaySettings;
use crate::contract::callers::Admission;
use crate::contract::{Error, Retry};
use crate::service::crowd::{Crowd, Place};

/// Requests under way at once, in all.
const MOST: usize = 1_024;

/// How many callers are remembered before those that have all their requests back are looked for.
const MOST_CALLERS: usize = 10_000;

/// When to come again where somebody else has to finish first.
const SOON: Duration = Duration::from_secs(1);

/// The requests there are.
pub(crate) struct Limits {
    callers: Crowd<String>,
    fabrics: Crowd<String>,
    rate: RateLimiter<String, DashMapStateStore<String>, MonotonicClock>,
    most_of_one_caller: usize,
    most_of_one_fabric: usize,
}

/// The place of a request that is under way.
pub(super) struct Passing {
    _of_caller: Place<String>,
    _of_fabric: Place<String>,
}

impl Limits {
    pub(crate) fn new(settings: &GatewaySettings) -> Self {
        let per_minute = NonZeroU32::new(settings.requests_per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            callers: Crowd::default(),
            fabrics: Crowd::default(),
            rate: RateLimiter::new(Quota::per_minute(per_minute), DashMapStateStore::default(), MonotonicClock),
            most_of_one_caller: settings.most_of_one_caller,
            most_of_one_fabric: settings.most_of_one_fabric,
        }
    }

    /// Takes a place for a request, until what this gives is dropped.
    ///
    /// # Errors
    /// `throttled`, with when to come again.
    pub(super) fn enter(&self, admission: &Admission) -> Result<Passing, Error> {
        let caller = admission.caller.user.clone();
        if self.rate.len() > MOST_CALLERS {
            self.rate.retain_recent();
        }
        if let Err(not_until) = self.rate.check_key(&caller) {
            let wait = not_until.wait_time_from(self.rate.clock().now());
            return Err(throttled(wait, "You have sent too many requests in the last minute."));
        }
        let of_caller = self.callers.enter(caller, self.most_of_one_caller, MOST);
        let of_caller = of_caller.ok_or_else(|| throttled(SOON, "Too many of your requests are under way."))?;
        let of_fabric = self.fabrics.enter(admission.fabric.clone(), self.most_of_one_fabric, MOST);
        let of_fabric = of_fabric.ok_or_else(|| throttled(SOON, "Too many requests to this fabric are under way."))?;
        Ok(Passing { _of_caller: of_caller, _of_fabric: of_fabric })
    }
}

fn throttled(wait: Duration, message: &str) -> Error {
    let retry_after = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    Error::Throttled(Retry { retry_after: Some(retry_after), message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Activity, Caller};

    fn admission(user: &str, fabric: &str) -> Admission {
        let caller = Caller {
            tenant: "acme".into(),
            kind: crate::contract::CallerKind::Person,
            user: user.into(),
            email: None,
            cluster_admin: false,
            teams: Vec::new(),
            on_behalf_of: None,
        };
        Admission { caller, fabric: fabric.into(), activity: Activity::PipelineDevelopment }
    }

    fn limits(settings: impl FnOnce(&mut GatewaySettings)) -> Limits {
        let mut usual = GatewaySettings::at(([127, 0, 0, 1], 0).into());
        settings(&mut usual);
        Limits::new(&usual)
    }

    #[test]
    fn one_caller_or_one_fabric_cannot_take_what_others_need() {
        let limits = limits(|settings| {
            settings.most_of_one_caller = 2;
            settings.most_of_one_fabric = 3;
        });
        let ada = [limits.enter(&admission("ada", "dev")).unwrap(), limits.enter(&admission("ada", "dev")).unwrap()];
        assert!(limits.enter(&admission("ada", "dev")).is_err());
        let _bob = limits.enter(&admission("bob", "dev")).unwrap();
        assert!(limits.enter(&admission("eve", "dev")).is_err());
        let _eve = limits.enter(&admission("eve", "other")).unwrap();
        drop(ada);
        assert!(limits.enter(&admission("ada", "dev")).is_ok());
    }

    #[test]
    fn who_asks_too_often_hears_when_to_come_again() {
        let limits = limits(|settings| settings.requests_per_minute = 30);
        let refused = (0..100).find_map(|_| limits.enter(&admission("ada", "dev")).err());
        let Some(Error::Throttled(Retry { retry_after: Some(wait), .. })) = refused else {
            panic!("nobody was refused: {refused:?}");
        };
        assert!(Duration::from_nanos(wait) <= Duration::from_secs(2), "{wait}");
        assert!(limits.enter(&admission("bob", "dev")).is_ok());
    }
}
