//! What an operator sets about the gateway.

use std::net::SocketAddr;

/// Where the gateway listens, how fabrics are named, and what one of them may take.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Address and port. Port 0 takes a free one. Certificate and proxies are those of the service.
    pub listen: SocketAddr,
    /// `gateway.example.com`: requests for `dev.gateway.example.com` go to the fabric `dev`.
    pub domain: Option<String>,
    /// The fabric of requests that name none.
    pub default_fabric: Option<String>,
    /// Whether other gateways may ask for tokens (forward-auth). Whoever can call the listener can then ask, too.
    pub forward_auth: bool,
    /// How many requests of one caller may be under way at once.
    pub most_of_one_caller: usize,
    /// How many requests to one fabric may be under way at once.
    pub most_of_one_fabric: usize,
    /// How many requests one caller may begin in a minute.
    pub requests_per_minute: u32,
}

impl GatewaySettings {
    /// The usual limits, at an address.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            domain: None,
            default_fabric: None,
            forward_auth: false,
            most_of_one_caller: 128,
            most_of_one_fabric: 256,
            requests_per_minute: 60_000,
        }
    }
}
