//! Table `[service]`: `fabric-auth serve`.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::error::ConfigError;
use super::gateway;
use super::keys;
use super::settings::Settings;
use crate::service::{ServiceSettings, TlsFiles};

/// How long a console session may last, in hours: a month at most.
const SESSION_HOURS: RangeInclusive<i64> = 1..=720;

pub(super) fn read(settings: &Settings) -> Result<ServiceSettings, ConfigError> {
    let service = ServiceSettings {
        listen: read_listen(settings)?,
        tls: read_tls(settings)?,
        trusted_proxies: read_proxies(settings)?,
        session_life: read_session_life(settings)?,
        gateway: gateway::read(settings)?,
    };
    let exposed = |address| service.is_exposed(address);
    if let Some(key) = exposed(service.listen).then_some(&keys::SERVICE_LISTEN).or(service
        .gateway
        .as_ref()
        .filter(|gateway| exposed(gateway.listen))
        .map(|_| &keys::GATEWAY_LISTEN))
    {
        return Err(settings.text(key)?.refuse(
            "is an address that others can reach, where plain http could be read on its way; set \
             service.tls_certificate_file and service.tls_key_file, or name the reverse proxy in front of it in \
             service.trusted_proxies",
        ));
    }
    Ok(service)
}

fn read_listen(settings: &Settings) -> Result<SocketAddr, ConfigError> {
    let listen = settings.text(&keys::SERVICE_LISTEN)?;
    listen
        .value
        .parse()
        .map_err(|_| listen.refuse("must be an address and a port, such as \"127.0.0.1:8020\" or \"[::]:8443\""))
}

fn read_tls(settings: &Settings) -> Result<Option<TlsFiles>, ConfigError> {
    let certificate = settings.optional_path(&keys::SERVICE_TLS_CERTIFICATE_FILE)?;
    let key = settings.optional_path(&keys::SERVICE_TLS_KEY_FILE)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate: certificate.value, key: key.value })),
        (Some(certificate), None) => {
            Err(certificate.refuse("needs service.tls_key_file, the certificate's private key"))
        }
        (None, Some(key)) => Err(key.refuse("needs service.tls_certificate_file, the certificate that it belongs to")),
        (None, None) => Ok(None),
    }
}

fn read_proxies(settings: &Settings) -> Result<Vec<IpNet>, ConfigError> {
    let proxies = settings.list(&keys::SERVICE_TRUSTED_PROXIES)?;
    let network = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
    let networks: Option<Vec<IpNet>> = proxies.value.iter().map(network).collect();
    match networks {
        // Everybody could then say to be anybody.
        Some(networks) if networks.iter().all(|network| network.prefix_len() > 0) => Ok(networks),
        _ => Err(proxies
            .refuse("must list addresses or networks, such as \"10.0.0.7\" or \"10.0.0.0/24\", and not all there are")),
    }
}

fn read_session_life(settings: &Settings) -> Result<Duration, ConfigError> {
    let hours = settings.number(&keys::SERVICE_SESSION_HOURS)?;
    let fitting = u64::try_from(hours.value).ok().filter(|_| SESSION_HOURS.contains(&hours.value));
    let fitting = fitting
        .ok_or_else(|| hours.refuse(format_args!("must be {} to {}", SESSION_HOURS.start(), SESSION_HOURS.end())))?;
    Ok(Duration::from_secs(fitting.saturating_mul(3_600)))
}
