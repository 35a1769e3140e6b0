//! The only way out to the network.
//!
//! Every request of the component passes through [`HttpClient::send`], and nothing else in this library opens a
//! connection to anywhere but a database. A request meets, in this order:
//!
//! 1. [`EgressPolicy`]: may a request go to this URL at all? By name, before anything is resolved.
//! 2. [`Resolver`]: may a connection go to the address behind that name? A name in an allowed zone that resolves to
//!    the metadata service of a cloud, or back to this machine, gets nowhere.
//! 3. Time and size: connecting, the reply's head and the whole exchange have deadlines; the reply's headers and body
//!    have bounds.
//!
//! Redirects are not followed, requests are not repeated, and the proxy variables of the environment are not read.
//! What failed is told as a [`SendError`], which keeps apart the failures that prove that no byte of the request left
//! this machine from all others: on that difference hangs whether a refresh token may be sent again.

mod address;
mod body;
mod client;
mod connector;
mod deadline;
mod error;
mod gate;
mod host_rule;
mod policy;
mod progress;
mod resolver;
mod settings;
mod tls;

#[cfg(test)]
mod tests;

pub use body::ResponseBody;
pub use client::{HttpClient, SendOptions};
pub use error::{CertificateFault, SendError};
pub use host_rule::{HostRule, InvalidHostRule};
pub use policy::{EgressPolicy, Refusal};
pub use resolver::Resolver;
pub use settings::EgressSettings;
pub use tls::TlsSettingsError;
