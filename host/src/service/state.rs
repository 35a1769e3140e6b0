//! What every request is answered from.

use std::ops::Deref;
use std::sync::Arc;

use http::Uri;

use super::access::{Access, Attempts};
use super::gateway::Limits;
use super::metrics::Metrics;
use super::records::{RecordStore, Records};
use super::settings::ServiceSettings;
use crate::clock::SharedClock;
use crate::contract::Caller;
use crate::fabric_auth::FabricAuth;
use crate::journal::Ledger;
use crate::keys::KeyRing;
use crate::service::access::User;
use crate::storage::Storage;

/// A handle to what the service has.
#[derive(Clone)]
pub(crate) struct Service(Arc<Parts>);

/// What the service has.
pub(crate) struct Parts {
    /// Runs the component.
    pub(crate) host: FabricAuth,
    /// Where the component's records are, and the service's own.
    pub(crate) storage: Arc<dyn Storage>,
    /// The audit journal, as rows.
    pub(crate) ledger: Arc<dyn Ledger>,
    /// The key ring that the host works with.
    pub(crate) keys: KeyRing,
    /// The clock that the host goes by.
    pub(crate) clock: SharedClock,
    /// The tenant that everything here is about.
    pub(crate) tenant: String,
    /// Where browsers find the service.
    pub(crate) origin: Origin,
    /// The redirect URLs of the deployment, the default first.
    pub(crate) redirect_urls: Vec<String>,
    /// What the operator has set.
    pub(crate) settings: Arc<ServiceSettings>,
    /// The service's own records, whatever they are about.
    pub(crate) records: RecordStore,
    /// Who may call.
    pub(crate) access: Access,
    /// How often somebody may fail to be let in.
    pub(crate) attempts: Attempts,
    /// Sign-ins that browsers have begun here.
    pub(crate) sign_ins: Records,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// What may be under way in the gateway, where there is one.
    pub(crate) limits: Option<Limits>,
}

impl Service {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// A user as the component is told of them.
    pub(crate) fn caller(&self, user: &User) -> Caller {
        user.caller(&self.tenant)
    }
}

impl Deref for Service {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Scheme, host and port under which browsers find the service (RFC 6454): `deployment.base_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// As a browser sends it in `Origin`: in lower case, without a port that the scheme has anyway.
    text: String,
    /// What a browser sends as `Host`.
    authority: String,
    /// Whether it is https.
    is_https: bool,
}

impl Origin {
    /// The origin of a root URL; none for what is not one.
    pub(crate) fn of(base_url: &str) -> Option<Self> {
        let uri: Uri = base_url.parse().ok()?;
        let is_https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let usual = if is_https { 443 } else { 80 };
        let host = authority.host().to_ascii_lowercase();
        let authority = match authority.port_u16() {
            Some(port) if port != usual => format!("{host}:{port}"),
            _ => host,
        };
        let scheme = if is_https { "https" } else { "http" };
        let is_root = matches!(uri.path(), "" | "/") && uri.query().is_none();
        is_root.then(|| Self { text: format!("{scheme}://{authority}"), authority, is_https })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// The URL of a path of this service.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether a request that names this host is for us.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        let usual = if self.is_https { ":443" } else { ":80" };
        let host = host.strip_suffix(usual).unwrap_or(host);
        host.eq_ignore_ascii_case(&self.authority)
    }

    /// Whether a request that a page of this origin has sent came from us.
    pub(crate) fn is_ours(&self, origin: &str) -> bool {
        origin == self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_spelled_as_browsers_spell_it() {
        for (url, text) in [
            ("https://Prophecy.example.com", "https://prophecy.example.com"),
            ("https://prophecy.example.com:443/", "https://prophecy.example.com"),
            ("http://localhost:8020", "http://localhost:8020"),
            ("http://localhost:80", "http://localhost"),
        ] {
            let origin = Origin::of(url).unwrap();
            assert_eq!(origin.text, text);
            assert!(origin.is_ours(text) && !origin.is_ours("null"));
        }
        for url in ["ftp://example.com", "/path", "https://example.com/prophecy", ""] {
            assert_eq!(Origin::of(url), None, "{url}");
        }
    }

    #[test]
    fn a_request_that_names_another_host_is_not_for_us() {
        let origin = Origin::of("https://prophecy.example.com").unwrap();
        assert!(origin.is_host("prophecy.example.com") && origin.is_host("PROPHECY.example.com:443"));
        for host in ["", "example.com", "prophecy.example.com:80", "prophecy.example.com.evil.example", "127.0.0.1"] {
            assert!(!origin.is_host(host), "{host}");
        }
    }
}
