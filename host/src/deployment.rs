//! The Prophecy deployment that a host serves.

use std::fmt;

use secrecy::SecretString;

use crate::contract::deployment::{Description, Mode};

/// What the component must know of the deployment, and the one secret that may come with it.
pub struct Deployment {
    /// What may be told: see `wit/deployment.wit`.
    pub description: Description,
    /// SaaS only: the client secret that belongs to the app connection that is there from the start.
    pub default_client_secret: Option<SecretString>,
}

impl Deployment {
    /// A self-hosted deployment with Prophecy's two usual redirect URLs under `base_url` (no slash at its end).
    pub fn self_hosted(prophecy_version: &str, base_url: &str) -> Self {
        Self {
            description: Description {
                prophecy_version: prophecy_version.to_owned(),
                mode: Mode::SelfHosted,
                base_url: base_url.to_owned(),
                redirect_urls: usual_redirect_urls(base_url),
                default_client_id: None,
                workspace_suffixes: Vec::new(),
                allow_loopback_http: false,
                gateway_allowed_paths: Vec::new(),
                gateway_refused_paths: Vec::new(),
            },
            default_client_secret: None,
        }
    }
}

impl fmt::Debug for Deployment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Deployment").field("description", &self.description).finish_non_exhaustive()
    }
}

/// The redirect URLs that are registered with Databricks for a Prophecy at this address.
fn usual_redirect_urls(base_url: &str) -> Vec<String> {
    vec![format!("{base_url}/api/databricks/oauthredirect"), format!("{base_url}/metadata/oauthCallback")]
}
