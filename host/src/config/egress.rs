//! Table `[egress]`: the way out to the network.

use std::time::Duration;

use super::error::ConfigError;
use super::keys::{self, Key};
use super::settings::Settings;
use crate::egress::{EgressPolicy, EgressSettings, HostRule};

/// How long a timeout may be, in seconds. Longer ones would outlive every deadline of the component.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=600;

pub(super) fn read(settings: &Settings) -> Result<EgressSettings, ConfigError> {
    let workspace_suffixes = read_suffixes(settings)?;
    Ok(EgressSettings {
        allow: read_allow(settings, &workspace_suffixes)?,
        workspace_suffixes,
        allow_loopback_http: settings.switch(&keys::EGRESS_ALLOW_LOOPBACK_HTTP)?.value,
        allow_private_addresses: settings.switch(&keys::EGRESS_ALLOW_PRIVATE_ADDRESSES)?.value,
        ca_file: settings.optional_path(&keys::EGRESS_CA_FILE)?.map(|path| path.value),
        connect_timeout: read_seconds(settings, &keys::EGRESS_CONNECT_TIMEOUT_SECONDS)?,
        total_timeout: read_seconds(settings, &keys::EGRESS_TOTAL_TIMEOUT_SECONDS)?,
        max_response_body: EgressSettings::MAX_RESPONSE_BODY,
    })
}

fn read_suffixes(settings: &Settings) -> Result<Vec<HostRule>, ConfigError> {
    let texts = settings.list(&keys::EGRESS_WORKSPACE_SUFFIXES)?;
    let rules: Result<Vec<HostRule>, _> = texts.value.iter().map(|text| text.parse()).collect();
    match rules {
        Ok(rules) if rules.iter().all(HostRule::is_ending) => Ok(rules),
        _ => Err(texts
            .refuse("must list endings of host names, each with a leading dot, such as \".databricks.example.com\"")),
    }
}

/// What is let out must lie within what is known, or the key would do nothing and look as if it did.
fn read_allow(settings: &Settings, suffixes: &[HostRule]) -> Result<Vec<HostRule>, ConfigError> {
    let texts = settings.list(&keys::EGRESS_ALLOW)?;
    let widest = EgressPolicy::new(Vec::new(), suffixes.to_vec(), false);
    let mut rules = Vec::new();
    for text in &texts.value {
        let rule: HostRule =
            text.parse().map_err(|invalid| texts.refuse(format_args!("has a wrong entry: each {invalid}")))?;
        if !widest.encloses(&rule) {
            return Err(texts.refuse(format_args!(
                "has the entry {rule}, which lies outside the zones of Databricks; this key only narrows them, \
                 egress.workspace_suffixes widens them"
            )));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn read_seconds(settings: &Settings, key: &'static Key) -> Result<Duration, ConfigError> {
    let number = settings.number(key)?;
    let seconds = u64::try_from(number.value).ok().filter(|seconds| SECONDS.contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        number.refuse(format_args!("must be a number of seconds from {} to {}", SECONDS.start(), SECONDS.end()))
    })?;
    Ok(Duration::from_secs(seconds))
}
