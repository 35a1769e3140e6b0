//! Who is at the other end, and whether others could have read what came from there.
//!
//! Behind a reverse proxy the connection's address is the proxy's. What it says of the client (`X-Forwarded-For`,
//! `X-Forwarded-Proto`) is believed of proxies that the operator has named, and of nobody else: anybody can send a header.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use crate::service::problem::Problem;
use crate::service::settings::ServiceSettings;
use crate::service::state::Service;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// A connection, as it was accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The other end.
    pub(crate) peer: IpAddr,
    /// Whether it speaks TLS with us.
    pub(crate) tls: bool,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The client's address, as far as it can be known.
    pub(crate) address: IpAddr,
    /// Whether nobody on the way could read the request: it came by TLS, or did not leave the machine.
    pub(crate) is_protected: bool,
}

impl Client {
    fn of(arrival: Arrival, headers: &HeaderMap, settings: &ServiceSettings) -> Self {
        if !settings.is_proxy(arrival.peer) {
            return Self { address: arrival.peer, is_protected: arrival.tls || arrival.peer.is_loopback() };
        }
        // Each proxy appends whom it speaks for; the last one that is no proxy of ours is the client. What stands before
        // that, the client may have written itself.
        let claimed = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let addresses: Vec<&str> = claimed.flat_map(|value| value.split(',')).map(str::trim).collect();
        let parsed = addresses.iter().rev().map_while(|address| address.parse::<IpAddr>().ok());
        let mut address = arrival.peer;
        for claimed in parsed {
            address = claimed.to_canonical();
            if !settings.is_proxy(address) {
                break;
            }
        }
        let mut protocols = headers.get_all(FORWARDED_PROTO).iter();
        let is_protected = protocols.all(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"https"));
        Self { address, is_protected }
    }
}

/// Tells every request where it comes from, and refuses those that others could have read on their way: they carry API
/// tokens and sessions.
pub(crate) async fn identify(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let Some(arrival) = request.extensions().get::<Arrival>().copied() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let client = Client::of(arrival, request.headers(), &service.settings);
    if !client.is_protected {
        let detail = "This request came over plain http, where others can read it. Use https; if an API token was in it, \
                      revoke that token.";
        return Problem::of_request(StatusCode::FORBIDDEN, detail).into_response();
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> (String, bool) {
        let settings = ServiceSettings {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()],
            ..ServiceSettings::default()
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let client = Client::of(Arrival { peer: peer.parse().unwrap(), tls: false }, &map, &settings);
        (client.address.to_string(), client.is_protected)
    }

    #[test]
    fn forwarded_headers_of_others_than_the_named_proxies_are_not_believed() {
        let claims = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https")];
        assert_eq!(client("192.0.2.1", &claims), ("192.0.2.1".to_owned(), false));
        assert_eq!(client("10.1.2.3", &claims), ("198.51.100.7".to_owned(), true));
    }

    #[test]
    fn what_a_client_wrote_before_the_proxies_is_not_believed() {
        let claims = [("x-forwarded-for", "127.0.0.1, 203.0.113.9"), ("x-forwarded-for", "198.51.100.7, 10.9.9.9")];
        assert_eq!(client("10.1.2.3", &claims).0, "198.51.100.7");
    }

    #[test]
    fn an_address_that_is_none_ends_what_is_believed() {
        let claims = [("x-forwarded-for", "203.0.113.9, not an address, 10.9.9.9")];
        assert_eq!(client("10.1.2.3", &claims).0, "10.9.9.9");
    }

    #[test]
    fn a_proxy_that_was_reached_by_plain_http_says_so_whatever_else_is_claimed() {
        assert!(!client("10.1.2.3", &[("x-forwarded-proto", "http")]).1);
        assert!(!client("10.1.2.3", &[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")]).1);
        assert!(!client("10.1.2.3", &[("x-forwarded-proto", "https, http")]).1);
        assert!(client("10.1.2.3", &[]).1);
    }
}
