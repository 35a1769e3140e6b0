//! Import `callers`: tickets, by which the gateway in the component knows who a request comes from.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Request};

use crate::bindings::prophecy::fabric_auth::callers::{Admission, Host};
use crate::contract::Error;
use crate::runtime::State;

/// The header that carries a ticket into the component.
const TICKET: HeaderName = HeaderName::from_static("prophecy-ticket");

/// How many random bytes a ticket has.
const BYTES: usize = 16;

/// Tickets that have been made and not been redeemed. Each is for one request.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Admission>>);

/// A ticket that was made. When this is dropped, it is worth nothing, redeemed or not.
pub(crate) struct Ticket<'a> {
    tickets: &'a Tickets,
    text: String,
}

impl Tickets {
    /// Makes a ticket for a request and puts it there, in place of any that came from outside.
    pub(crate) fn attach<B>(&self, admission: Admission, request: &mut Request<B>) -> Result<Ticket<'_>, Error> {
        let mut bytes = [0; BYTES];
        let internal = |_| Error::Internal("The operating system gives no random bytes.".to_owned());
        getrandom::fill(&mut bytes).map_err(internal)?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        let value = HeaderValue::from_str(&text).map_err(|_| Error::Internal("A ticket is no text.".to_owned()))?;
        request.headers_mut().insert(TICKET, value);
        self.lock().insert(text.clone(), admission);
        Ok(Ticket { tickets: self, text })
    }

    fn redeem(&self, ticket: &str) -> Option<Admission> {
        self.lock().remove(ticket)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Admission>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.tickets.redeem(&self.text);
    }
}

impl Host for &mut State {
    fn redeem(&mut self, ticket: String) -> wasmtime::Result<Option<Admission>> {
        Ok(self.instances.parts.tickets.redeem(&ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Activity, Caller, CallerKind};

    fn admission(user: &str) -> Admission {
        let caller = Caller {
            tenant: "acme".into(),
            kind: CallerKind::Person,
            user: user.into(),
            email: None,
            cluster_admin: false,
            teams: Vec::new(),
            on_behalf_of: None,
        };
        Admission { caller, fabric: "dev".into(), activity: Activity::PipelineDevelopment }
    }

    #[test]
    fn a_ticket_is_of_one_request_and_works_once() {
        let tickets = Tickets::default();
        let mut request = Request::builder().header(TICKET, "forged").header(TICKET, "twice").body(()).unwrap();
        let mut other = Request::new(());
        let _held = tickets.attach(admission("alice"), &mut request).unwrap();
        let held = tickets.attach(admission("bob"), &mut other).unwrap();
        let ticket = |request: &Request<()>| {
            let [ticket] = request.headers().get_all(TICKET).iter().collect::<Vec<_>>().try_into().unwrap();
            HeaderValue::to_str(ticket).unwrap().to_owned()
        };
        assert_ne!(ticket(&request), ticket(&other));
        assert_eq!(tickets.redeem("forged"), None);
        assert_eq!(tickets.redeem(&ticket(&request)), Some(admission("alice")));
        assert_eq!(tickets.redeem(&ticket(&request)), None);
        drop(held);
        assert_eq!(tickets.redeem(&ticket(&other)), None);
    }
}
