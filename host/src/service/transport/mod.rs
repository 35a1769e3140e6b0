//! How requests arrive: connections, TLS, and who is at the other end.

mod client;
mod fetching;
mod headers;
mod listener;
mod stalling;
mod tls;

pub(super) use self::client::{Client, identify};
pub(super) use self::headers::{CONSOLE_POLICY, guard};
pub use self::listener::BindError;
pub(super) use self::listener::Listener;
pub use self::tls::TlsFilesError;
