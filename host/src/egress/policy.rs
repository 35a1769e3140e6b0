//! Whether a request may leave for the host its URL names.

use http::uri::{Authority, Scheme};
use http::{Method, Uri};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::host_rule::{HostRule, canonical_host_name};

/// The endings under which Databricks serves workspaces and accounts: public clouds, then government clouds and China.
const WORKSPACE_ZONES: &[&str] = &[
    ".cloud.databricks.com",
    ".azuredatabricks.net",
    ".gcp.databricks.com",
    ".cloud.databricks.us",
    ".cloud.databricks.mil",
    ".databricks.azure.us",
    ".databricks.azure.cn",
];

/// The domain under which customers have custom URLs, `<name>.databricks.com`: exactly one label, so that Databricks'
/// internal zones below it (`.dev.databricks.com` and such) stay out.
const CUSTOM_URL_DOMAIN: &str = ".databricks.com";

/// Says which URLs requests may go to: https to Databricks, and what the configuration adds or takes away.
///
/// It judges names only. The address behind a name is judged by the [`Resolver`](super::Resolver).
#[derive(Clone, Debug)]
pub struct EgressPolicy {
    allow: Vec<HostRule>,
    workspace_suffixes: Vec<HostRule>,
    allow_loopback_http: bool,
}

/// Why a request may not leave. The text names who can change that, and by which key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The URL has no scheme or no host.
    #[error("the URL of the request has no scheme or no host")]
    NotAbsolute,
    /// Neither https nor http.
    #[error("requests may only use https")]
    Scheme,
    /// `CONNECT` asks for a tunnel, through which anything could pass.
    #[error("CONNECT is refused, since nobody could see what passes through a tunnel")]
    Tunnel,
    /// The URL carries a user name or a password.
    #[error("the URL of the request carries user information, which no URL of Databricks has")]
    UserInformation,
    /// The host is not a plain host name: an address, an escape, an empty label, a trailing dot.
    #[error("the host of the request is not a plain host name")]
    HostName,
    /// An https URL names another port than 443.
    #[error("https requests may only go to port 443")]
    Port,
    /// The host lies outside the known zones of Databricks and the configured suffixes.
    #[error(
        "the host lies outside the known zones of Databricks; if it is a workspace, an operator can add its domain to \
         egress.workspace_suffixes"
    )]
    UnknownZone,
    /// The operator has narrowed the hosts, and this is none of them.
    #[error("the host is not among those that egress.allow names; an operator can add it there")]
    NotAllowed,
    /// Plain http, and not to loopback.
    #[error("plain http may only go to a loopback address")]
    PlainHttp,
    /// Plain http to loopback, which the configuration does not allow.
    #[error("plain http to loopback is off; an operator can turn it on for tests by egress.allow_loopback_http")]
    LoopbackHttpOff,
}

impl EgressPolicy {
    /// Makes a policy: the known zones and `workspace_suffixes`; where `allow` is not empty, only what it names of them;
    /// and, where `allow_loopback_http` says so, plain http to this machine.
    pub fn new(allow: Vec<HostRule>, workspace_suffixes: Vec<HostRule>, allow_loopback_http: bool) -> Self {
        Self { allow, workspace_suffixes, allow_loopback_http }
    }

    /// Whether a request with this method may go to this URL. Methods other than `CONNECT`, paths and queries are not
    /// looked at.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] that says what is in the way.
    pub fn check(&self, method: &Method, uri: &Uri) -> Result<(), Refusal> {
        if method == Method::CONNECT {
            return Err(Refusal::Tunnel);
        }
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Refusal::NotAbsolute);
        };
        if authority.as_str().contains('@') {
            return Err(Refusal::UserInformation);
        }
        if *scheme == Scheme::HTTPS {
            self.check_https(authority)
        } else if *scheme == Scheme::HTTP {
            self.check_http(authority)
        } else {
            Err(Refusal::Scheme)
        }
    }

    /// Whether `rule` names only hosts that this policy would accept if `allow` were empty.
    pub fn encloses(&self, rule: &HostRule) -> bool {
        let zones = WORKSPACE_ZONES.iter().any(|zone| rule.as_str().ends_with(zone));
        let custom_url = !rule.is_ending() && is_custom_url(rule.as_str());
        zones || custom_url || self.workspace_suffixes.iter().any(|suffix| suffix.contains(rule))
    }

    fn check_https(&self, authority: &Authority) -> Result<(), Refusal> {
        let host = canonical_host_name(authority.host()).ok_or(Refusal::HostName)?;
        check_port(authority, &host)?;
        let known = WORKSPACE_ZONES.iter().any(|zone| host.ends_with(zone))
            || is_custom_url(&host)
            || self.workspace_suffixes.iter().any(|suffix| suffix.covers(&host));
        if !known {
            return Err(Refusal::UnknownZone);
        }
        if !self.allow.is_empty() && !self.allow.iter().any(|rule| rule.covers(&host)) {
            return Err(Refusal::NotAllowed);
        }
        Ok(())
    }

    fn check_http(&self, authority: &Authority) -> Result<(), Refusal> {
        if !is_loopback(authority.host()) {
            return Err(Refusal::PlainHttp);
        }
        if self.allow_loopback_http { Ok(()) } else { Err(Refusal::LoopbackHttpOff) }
    }
}

/// Nothing may follow the host but `:443`. `http::Uri` passes over some ports that it cannot read (`:`, `:99999`), so
/// the text itself is compared.
fn check_port(authority: &Authority, host: &str) -> Result<(), Refusal> {
    match authority.as_str().get(host.len()..) {
        Some("" | ":443") => Ok(()),
        _ => Err(Refusal::Port),
    }
}

fn is_custom_url(host: &str) -> bool {
    host.strip_suffix(CUSTOM_URL_DOMAIN).is_some_and(|name| !name.is_empty() && !name.contains('.'))
}

/// Whether a host, as it stands in a URL, is this machine: `localhost`, an address of 127.0.0.0/8 written in full, or
/// `[::1]`. Other spellings (`127.1`, `0x7f.1`, `[::ffff:127.0.0.1]`) are not, since parsers disagree on them.
fn is_loopback(host: &str) -> bool {
    let address_v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match address_v6 {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => {
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests;
