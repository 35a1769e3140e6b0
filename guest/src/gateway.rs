//! The edge gateway: requests for Databricks that pass through the component.
//!
//! For now it tells who may pass and forwards nothing.

use crate::contract::callers::Admission;
use crate::core::Core;
use crate::ports::Ports;

/// The header in which the host hands over its one-time ticket.
pub const TICKET: &str = "prophecy-ticket";

/// What the gateway answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// No ticket, or more than one, or none that the host knows.
    Unauthorized,
    /// The caller is known; forwarding is not built yet.
    NotImplemented,
}

impl Answer {
    /// Status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::NotImplemented => 501,
        }
    }

    /// Body of the answer, for people.
    pub fn body(&self) -> &'static str {
        match self {
            Self::Unauthorized => "The gateway does not know who sends this request.\n",
            Self::NotImplemented => "This version of fabric-auth does not forward requests yet.\n",
        }
    }
}

impl<P: Ports> Core<P> {
    /// Redeems the ticket of a request.
    pub fn admit(&self, tickets: &[Vec<u8>]) -> Answer {
        let admission: Option<Admission> = match tickets {
            [ticket] => std::str::from_utf8(ticket).ok().and_then(|ticket| self.ports.redeem(ticket)),
            _ => None,
        };
        if admission.is_some() { Answer::NotImplemented } else { Answer::Unauthorized }
    }
}
