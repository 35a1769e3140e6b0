//! `fixtures/exchanges/standard.json`: what many cases share.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ConformanceError;
use super::exchange::{Answer, Exchange, Named, Reply, Request};
use super::known_values::KnownValues;

/// Replies that have no content to be written out.
const HANG_UP: &str = "hang-up";
const NO_ANSWER: &str = "no-answer";

/// Values, requests and replies by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standard {
    pub(super) values: BTreeMap<String, String>,
    /// What must never stand in clear anywhere.
    pub(super) secrets: Vec<String>,
    /// Answered as often as it is asked, where discovery is standing.
    pub(super) discovery: Vec<Exchange>,
    /// What comes of the sign-in that a case may begin with.
    pub(super) sign_in: SignIn,
    requests: BTreeMap<String, Request>,
    replies: BTreeMap<String, Answer>,
}

/// A sign-in: the query of its callback, and the exchanges of its completion.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    pub(super) query: String,
    pub(super) exchanges: Vec<Exchange>,
}

/// An exchange with nothing left to be looked up. Requests still have their placeholders: what comes up during a call is
/// known only when they arrive.
#[derive(Clone, Debug)]
pub(super) struct Scripted {
    pub(super) request: Request,
    pub(super) reply: Reply,
}

impl Standard {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, ConformanceError> {
        serde_json::from_str(text)
            .map_err(|error| ConformanceError::Unreadable { name: name.to_owned(), reason: error.to_string() })
    }

    /// The values that are known from the start.
    pub(super) fn known_values(&self) -> KnownValues {
        KnownValues::new(self.values.clone())
    }

    /// Looks up what exchanges name.
    pub(super) fn script(&self, exchanges: &[Exchange]) -> Result<Vec<Scripted>, String> {
        exchanges
            .iter()
            .map(|exchange| {
                Ok(Scripted { request: self.request(&exchange.request)?, reply: self.reply(&exchange.reply)? })
            })
            .collect()
    }

    fn request(&self, request: &Named<Request>) -> Result<Request, String> {
        match request {
            Named::Given(request) => Ok(request.clone()),
            Named::Name(name) => {
                self.requests.get(name).cloned().ok_or_else(|| format!("standard.json has no request `{name}`"))
            }
        }
    }

    fn reply(&self, reply: &Named<Answer>) -> Result<Reply, String> {
        match reply {
            Named::Given(answer) => Ok(Reply::Answer(answer.clone())),
            Named::Name(name) if name == HANG_UP => Ok(Reply::HangUp),
            Named::Name(name) if name == NO_ANSWER => Ok(Reply::NoAnswer),
            Named::Name(name) => {
                let answer = self.replies.get(name).cloned();
                answer.map(Reply::Answer).ok_or_else(|| format!("standard.json has no reply `{name}`"))
            }
        }
    }
}
