//! The redirect URL at which the command line can listen itself (RFC 8252 section 7.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;

use super::failure::Failure;

/// The port of http where a URL names none.
const HTTP_PORT: u16 = 80;

/// A redirect URL on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoopbackRedirect {
    /// The URL, byte for byte as it is registered.
    pub(super) url: String,
    /// What a browser sends as `Host`.
    pub(super) authority: String,
    /// Its path.
    pub(super) path: String,
    /// Where to listen. Several for `localhost`: which of them a browser takes is its own choice.
    pub(super) addresses: Vec<SocketAddr>,
}

impl LoopbackRedirect {
    /// The first of the deployment's redirect URLs that is http on loopback.
    pub(super) fn first_of(urls: &[String]) -> Result<Self, Failure> {
        urls.iter().find_map(|url| Self::parse(url)).ok_or_else(|| {
            Failure::operator(
                "None of the redirect URLs is on this machine, so that a browser could not come back here. Add one, \
                 such as \"http://localhost:8020/api/databricks/oauthredirect\" to deployment.redirect_urls and \
                 register it with the app connection in Databricks, or sign in through Prophecy.",
            )
        })
    }

    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"))?;
        let port = authority.port_u16().unwrap_or(HTTP_PORT);
        let ips: Vec<IpAddr> = match authority.host() {
            "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            host => vec![host.trim_start_matches('[').trim_end_matches(']').parse().ok()?],
        };
        let addresses = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        ips.iter().all(IpAddr::is_loopback).then(|| Self {
            url: url.to_owned(),
            // A browser leaves out the port that http has anyway.
            authority: match port {
                HTTP_PORT => authority.host().to_owned(),
                _ => authority.as_str().to_owned(),
            },
            path: uri.path().to_owned(),
            addresses,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_of(urls: &[&str]) -> Result<LoopbackRedirect, Failure> {
        LoopbackRedirect::first_of(&urls.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_redirect_url_on_this_machine_is_taken() {
        let found =
            first_of(&["https://p.example.com/a", "http://127.0.0.1:8020/a/b", "http://localhost:1/c"]).unwrap();
        assert_eq!(found.url, "http://127.0.0.1:8020/a/b");
        assert_eq!((found.authority.as_str(), found.path.as_str()), ("127.0.0.1:8020", "/a/b"));
        assert_eq!(found.addresses, ["127.0.0.1:8020".parse().unwrap()]);
    }

    #[test]
    fn localhost_is_listened_to_on_both_of_its_addresses() {
        let addresses = first_of(&["http://localhost:8020/x"]).unwrap().addresses;
        assert_eq!(addresses, ["127.0.0.1:8020".parse().unwrap(), "[::1]:8020".parse().unwrap()]);
        assert_eq!(first_of(&["http://[::1]:9/x"]).unwrap().addresses, ["[::1]:9".parse().unwrap()]);
        assert_eq!(first_of(&["http://127.0.0.1/x"]).unwrap().addresses, ["127.0.0.1:80".parse().unwrap()]);
    }

    #[test]
    fn the_host_is_what_a_browser_sends() {
        for (url, host) in [
            ("http://localhost/x", "localhost"),
            ("http://localhost:80/x", "localhost"),
            ("http://localhost:8020/x", "localhost:8020"),
            ("http://[::1]:80/x", "[::1]"),
        ] {
            assert_eq!(first_of(&[url]).unwrap().authority, host, "{url}");
        }
    }

    #[test]
    fn other_redirect_urls_are_not_listened_to() {
        for url in [
            "https://localhost:8020/x",
            "http://p.example.com/x",
            "http://10.0.0.1/x",
            "http://0.0.0.0:8020/x",
            "http://localhost.example.com/x",
            "/x",
        ] {
            let failure = first_of(&[url]).unwrap_err();
            assert!(failure.message().contains("deployment.redirect_urls"), "{url}");
        }
    }
}
