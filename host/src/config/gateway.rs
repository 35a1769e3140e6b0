//! Table `[gateway]`: the edge gateway of `fabric-auth serve`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::error::ConfigError;
use super::keys::{self, Key};
use super::settings::{Setting, Settings};
use crate::service::GatewaySettings;

/// How many requests may be under way at once.
const AT_ONCE: RangeInclusive<u32> = 1..=1_024;

/// How many requests there may be in a minute.
const A_MINUTE: RangeInclusive<u32> = 1..=10_000_000;

/// Path prefixes, for the component, which decides by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayPaths {
    /// Let through although they are refused otherwise.
    pub allowed: Vec<String>,
    /// Refused besides.
    pub refused: Vec<String>,
}

impl GatewayPaths {
    pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            allowed: read_paths(settings, &keys::GATEWAY_ALLOWED_PATHS)?,
            refused: read_paths(settings, &keys::GATEWAY_REFUSED_PATHS)?,
        })
    }
}

pub(super) fn read(settings: &Settings) -> Result<Option<GatewaySettings>, ConfigError> {
    let Some(listen) = read_listen(settings)? else { return Ok(None) };
    let at_once = |key| number(settings, key, AT_ONCE);
    Ok(Some(GatewaySettings {
        domain: read_domain(settings)?,
        default_fabric: settings.optional_text(&keys::GATEWAY_DEFAULT_FABRIC)?.map(|fabric| fabric.value),
        forward_auth: settings.switch(&keys::GATEWAY_FORWARD_AUTH)?.value,
        most_of_one_caller: usize::try_from(at_once(&keys::GATEWAY_MOST_OF_ONE_CALLER)?).unwrap_or(usize::MAX),
        most_of_one_fabric: usize::try_from(at_once(&keys::GATEWAY_MOST_OF_ONE_FABRIC)?).unwrap_or(usize::MAX),
        requests_per_minute: number(settings, &keys::GATEWAY_REQUESTS_PER_MINUTE, A_MINUTE)?,
        ..GatewaySettings::at(listen)
    }))
}

fn read_listen(settings: &Settings) -> Result<Option<SocketAddr>, ConfigError> {
    let Some(listen) = settings.optional_text(&keys::GATEWAY_LISTEN)? else { return Ok(None) };
    let right = "must be an address and a port, such as \"127.0.0.1:8021\" or \"[::]:8444\"";
    let address: SocketAddr = listen.value.parse().map_err(|_| listen.refuse(right))?;
    let service = settings.text(&keys::SERVICE_LISTEN)?;
    if address.port() != 0 && service.value.parse() == Ok(address) {
        return Err(
            listen.refuse("must be another one than service.listen: nothing of the gateway is of the console's origin")
        );
    }
    Ok(Some(address))
}

fn read_domain(settings: &Settings) -> Result<Option<String>, ConfigError> {
    let Some(domain) = settings.optional_text(&keys::GATEWAY_DOMAIN)? else { return Ok(None) };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if domain.value.starts_with('.') || !domain.value.bytes().all(is_name) {
        return Err(domain.refuse("must be a host name, such as \"gateway.example.com\""));
    }
    Ok(Some(domain.value))
}

fn read_paths(settings: &Settings, key: &'static Key) -> Result<Vec<String>, ConfigError> {
    let paths: Setting<Vec<String>> = settings.list(key)?;
    if paths.value.iter().all(|path| path.starts_with('/') && path.len() > 1) {
        return Ok(paths.value);
    }
    Err(paths.refuse("must list paths that begin with a slash, such as \"/api/2.0/tokens/introspect\""))
}

fn number(settings: &Settings, key: &'static Key, range: RangeInclusive<u32>) -> Result<u32, ConfigError> {
    let number = settings.number(key)?;
    let fitting = u32::try_from(number.value).ok().filter(|value| range.contains(value));
    fitting.ok_or_else(|| number.refuse(format_args!("must be {} to {}", range.start(), range.end())))
}
