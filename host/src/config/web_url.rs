//! URLs that browsers are sent to.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::{Authority, Scheme};

/// What a URL must be, as the rest of a sentence that begins with a key.
pub(super) const RIGHT: &str =
    "must be an absolute https URL (http for localhost alone) without user name, query or fragment";

/// Whether browsers may be sent to this URL with an authorization code: https, or http to the person's own machine
/// (RFC 8252 section 7.3). No user name, no query, no fragment (RFC 6749 section 3.1.2), nothing that is not ASCII.
pub(super) fn is_acceptable(text: &str) -> bool {
    let Ok(url) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (url.scheme(), url.authority()) else { return false };
    let plain = !text.contains(['@', '?', '#', '\\']) && has_sound_port(authority);
    let confidential = *scheme == Scheme::HTTPS || (*scheme == Scheme::HTTP && is_own_machine(authority.host()));
    plain && confidential && !authority.host().is_empty()
}

/// `http::Uri` passes over a port that is no number between 0 and 65535; then host and port are not all there is.
fn has_sound_port(authority: &Authority) -> bool {
    match authority.as_str().strip_prefix(authority.host()) {
        Some("") => true,
        Some(rest) => rest.starts_with(':') && authority.port_u16().is_some_and(|port| port != 0),
        None => false,
    }
}

fn is_own_machine(host: &str) -> bool {
    let v6 = host.trim_start_matches('[').trim_end_matches(']').parse::<Ipv6Addr>();
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || v6.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_to_the_own_machine_are_acceptable() {
        for url in [
            "https://prophecy.example.com",
            "https://prophecy.example.com:8443/app",
            "http://localhost:8020",
            "http://127.0.0.1:1/x",
            "http://[::1]:8020/x",
        ] {
            assert!(is_acceptable(url), "{url}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for url in [
            "",
            "prophecy.example.com",
            "/path",
            "http://prophecy.example.com",
            "http://localhost.evil.com",
            "ftp://localhost",
            "https://a@b.example.com",
            "https://b.example.com/?q",
            "https://b.example.com/#f",
            "https://b.example.com:99999",
            "https://b.example.com:",
            "https://b.example.com:0",
            "https://",
            "javascript:x",
            "https://b\u{fc}.example.com",
        ] {
            assert!(!is_acceptable(url), "{url}");
        }
    }
}
