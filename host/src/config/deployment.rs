//! Table `[deployment]`: the Prophecy deployment that is served.

use std::path::PathBuf;

use secrecy::SecretString;

use super::error::ConfigError;
use super::keys;
use super::secret_file;
use super::settings::{Setting, Settings};
use super::web_url;

/// Where Prophecy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Multi-tenant, run by Prophecy.
    Saas,
    /// One tenant, run by Prophecy.
    DedicatedSaas,
    /// Run by the customer.
    SelfHosted,
}

/// The Prophecy deployment that is served.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its version: two to eight numbers with dots.
    pub prophecy_version: String,
    /// Where it runs.
    pub mode: Mode,
    /// Its root URL as browsers see it, without a slash at the end.
    pub base_url: String,
    /// The redirect URLs registered with the app connection, byte for byte, the default first. Never empty.
    pub redirect_urls: Vec<String>,
    /// SaaS only: client id of the app connection that is there from the start.
    pub default_client_id: Option<String>,
    /// The tenant whose data the command line works on: 1 to 64 bytes.
    pub tenant: String,
    /// SaaS only: the file that holds the client secret. Read by [`Deployment::default_client_secret`].
    default_client_secret_file: Option<PathBuf>,
}

impl Deployment {
    /// Reads the client secret that belongs to `default_client_id`; none for a public client. The file is read at each
    /// call, so that a secret can be rotated without a restart.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Wrong`] when the file cannot be read, is open to others, or holds no secret.
    pub fn default_client_secret(&self) -> Result<Option<SecretString>, ConfigError> {
        self.default_client_secret_file
            .as_deref()
            .map(|path| secret_file::read(path, &keys::DEPLOYMENT_DEFAULT_CLIENT_SECRET_FILE))
            .transpose()
    }

    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        let mode = read_mode(settings)?;
        let base_url = read_base_url(settings)?;
        let deployment = Self {
            prophecy_version: read_version(settings)?,
            mode,
            redirect_urls: read_redirect_urls(settings, &base_url)?,
            base_url,
            default_client_id: read_default_client_id(settings, mode)?,
            tenant: read_tenant(settings)?,
            default_client_secret_file: read_secret_file(settings)?,
        };
        // Once now, so that a file that cannot be used is told at the start and not at the first sign-in.
        deployment.default_client_secret()?;
        Ok(deployment)
    }
}

fn read_mode(settings: &Settings) -> Result<Mode, ConfigError> {
    let mode = settings.text(&keys::DEPLOYMENT_MODE)?;
    match mode.value.as_str() {
        "saas" => Ok(Mode::Saas),
        "dedicated-saas" => Ok(Mode::DedicatedSaas),
        "self-hosted" => Ok(Mode::SelfHosted),
        _ => Err(mode.refuse("must be \"saas\", \"dedicated-saas\" or \"self-hosted\"")),
    }
}

fn read_version(settings: &Settings) -> Result<String, ConfigError> {
    let version = settings.text(&keys::DEPLOYMENT_PROPHECY_VERSION)?;
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u32>().is_ok();
    let parts = version.value.split('.').count();
    if (2..=8).contains(&parts) && version.value.split('.').all(is_number) {
        Ok(version.value)
    } else {
        Err(version.refuse("must be a version: numbers with dots between them, such as \"4.2.1\""))
    }
}

fn read_base_url(settings: &Settings) -> Result<String, ConfigError> {
    let url = settings.text(&keys::DEPLOYMENT_BASE_URL)?;
    if web_url::is_acceptable(&url.value) {
        Ok(url.value.trim_end_matches('/').to_owned())
    } else {
        Err(url.refuse(web_url::RIGHT))
    }
}

/// The redirect URLs, or the two that Prophecy has below its root.
fn read_redirect_urls(settings: &Settings, base_url: &str) -> Result<Vec<String>, ConfigError> {
    let urls = settings.list(&keys::DEPLOYMENT_REDIRECT_URLS)?;
    if urls.value.is_empty() {
        return Ok(vec![
            format!("{base_url}/api/databricks/oauthredirect"),
            format!("{base_url}/metadata/oauthCallback"),
        ]);
    }
    if urls.value.iter().all(|url| web_url::is_acceptable(url)) {
        Ok(urls.value)
    } else {
        Err(urls.refuse(format_args!("has an entry that is not right: each {}", web_url::RIGHT)))
    }
}

fn read_default_client_id(settings: &Settings, mode: Mode) -> Result<Option<String>, ConfigError> {
    let client_id = settings.optional_text(&keys::DEPLOYMENT_DEFAULT_CLIENT_ID)?;
    match client_id {
        Some(client_id) if mode != Mode::Saas => {
            Err(client_id.refuse("is for deployment.mode = \"saas\" only; register the app connection by `app set`"))
        }
        // RFC 6749 appendix A.1: visible characters and spaces.
        Some(client_id) if !client_id.value.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
            Err(client_id.refuse("must be a client id as Databricks shows it"))
        }
        client_id => Ok(client_id.map(|client_id: Setting<_>| client_id.value)),
    }
}

fn read_secret_file(settings: &Settings) -> Result<Option<PathBuf>, ConfigError> {
    let Some(file) = settings.optional_path(&keys::DEPLOYMENT_DEFAULT_CLIENT_SECRET_FILE)? else {
        return Ok(None);
    };
    if settings.optional_text(&keys::DEPLOYMENT_DEFAULT_CLIENT_ID)?.is_none() {
        return Err(file.refuse("needs deployment.default_client_id, whose secret it holds"));
    }
    Ok(Some(file.value))
}

fn read_tenant(settings: &Settings) -> Result<String, ConfigError> {
    let tenant = settings.text(&keys::DEPLOYMENT_TENANT)?;
    if tenant.value.len() <= 64 && !tenant.value.chars().any(char::is_control) {
        Ok(tenant.value)
    } else {
        Err(tenant.refuse("must be 1 to 64 bytes without control characters"))
    }
}
