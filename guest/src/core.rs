//! The core: everything the component decides, over [`Ports`].

use std::cell::RefCell;

use crate::contract::deployment::Description;
use crate::contract::journal::{Action, Event, Outcome};
use crate::contract::{Caller, Error, TokenReference};
use crate::error::Result;
use crate::gateway::Rejections;
use crate::hand_outs::HandOuts;
use crate::policy::Policy;
use crate::ports::Ports;
use crate::prophecy_version;
use crate::token_cache::TokenCache;
use crate::told::Told;

/// One instance's core. What it remembers between calls is the cache of opened access tokens and which hand-outs and
/// coming ends the journal has been told of, and nothing else; everything that must last is in the store.
pub struct Core<P> {
    pub(crate) ports: P,
    pub(crate) tokens: RefCell<TokenCache>,
    pub(crate) hand_outs: RefCell<HandOuts>,
    pub(crate) forecasts: RefCell<Told>,
    pub(crate) gateway_rejections: RefCell<Rejections>,
    pub(crate) policy: Policy,
}

impl<P: Ports> Core<P> {
    /// A core with an empty memory, as it is shipped.
    pub fn new(ports: P) -> Self {
        Self::with_policy(ports, Policy::SHIPPED)
    }

    /// A core under other rules, to show what each of them is for.
    pub fn with_policy(ports: P, policy: Policy) -> Self {
        Self {
            ports,
            tokens: RefCell::default(),
            hand_outs: RefCell::default(),
            forecasts: RefCell::default(),
            gateway_rejections: RefCell::default(),
            policy,
        }
    }

    /// The deployment, after checking that its Prophecy is new enough.
    ///
    /// # Errors
    /// `misconfigured` below Prophecy 3.4.3.1, or when the version is not numbers with dots.
    pub(crate) fn deployment(&self) -> Result<Description> {
        let description = self.ports.describe();
        prophecy_version::check(&description.prophecy_version)?;
        Ok(description)
    }

    /// Writes an event down. That it could not be written is the host's to notice and stops nothing.
    pub(crate) async fn journal(&self, event: Event) {
        let _ = self.ports.record(event).await;
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.ports.fill(&mut bytes);
        bytes
    }
}

/// An event by a caller, without the parts that only some events have.
pub(crate) fn event(caller: &Caller, action: Action) -> Event {
    Event {
        tenant: caller.tenant.clone(),
        actor: caller.user.clone(),
        on_behalf_of: caller.on_behalf_of.clone(),
        action,
        fabric: None,
        workspace: None,
        databricks_user: None,
        token: None,
        outcome: Outcome::Succeeded,
    }
}

/// An event of the component's own doing.
pub(crate) fn event_of_host(tenant: &str, action: Action, token: Option<TokenReference>) -> Event {
    Event {
        tenant: tenant.to_owned(),
        actor: "host".to_owned(),
        on_behalf_of: None,
        action,
        fabric: None,
        workspace: None,
        databricks_user: None,
        token,
        outcome: Outcome::Succeeded,
    }
}

/// The outcome of an event, from the result of what was done.
pub(crate) fn outcome<T>(result: &Result<T>) -> Outcome {
    match result {
        Ok(_) => Outcome::Succeeded,
        Err(error) => Outcome::Failed(Error::case(error).to_owned()),
    }
}
