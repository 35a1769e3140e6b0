//! Who sends a request to the gateway, to which fabric, and what for.

use axum::extract::FromRequestParts;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};

use super::limits::Passing;
use super::settings::GatewaySettings;
use crate::contract::callers::Admission;
use crate::contract::{Activity, CallerKind, Word as _};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// Names the fabric.
pub(super) const FABRIC: HeaderName = HeaderName::from_static("prophecy-fabric");

/// Names the activity.
const ACTIVITY: HeaderName = HeaderName::from_static("prophecy-activity");

/// A request that may pass, as far as this host knows, and its place; the component decides.
pub(super) struct Admitted(pub(super) Admission, pub(super) Passing);

impl FromRequestParts<Service> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        // A page of another site, or of this one, has no business here: browsers would add what their user has.
        if parts.headers.contains_key(ORIGIN) {
            let told = "The gateway is for programs. It takes no requests of pages in a browser.";
            return Err(Problem::of_request(StatusCode::FORBIDDEN, told));
        }
        let ApiCaller(caller) = ApiCaller::from_request_parts(parts, service).await?;
        let (Some(settings), Some(limits)) = (&service.settings.gateway, &service.limits) else {
            return Err(Problem::of_request(StatusCode::NOT_FOUND, "There is no gateway."));
        };
        let fabric = fabric(parts, settings)?;
        let activity = activity(&parts.headers, caller.kind)?;
        let admission = Admission { caller, fabric, activity };
        let passing = limits.enter(&admission)?;
        Ok(Self(admission, passing))
    }
}

fn fabric(parts: &Parts, settings: &GatewaySettings) -> Result<String, Problem> {
    let by_header = only(&parts.headers, &FABRIC)?;
    let host = host(parts)?;
    let by_host = match (settings.domain.as_deref(), host) {
        (Some(domain), Some(host)) => label_below(host, domain)?,
        _ => None,
    };
    match (by_header, by_host) {
        (Some(header), Some(host)) if header != host => {
            Err(Problem::of_member(FABRIC.as_str(), "The header names another fabric than the host name does."))
        }
        (Some(fabric), _) | (None, Some(fabric)) => Ok(fabric.to_owned()),
        (None, None) => settings.default_fabric.clone().ok_or_else(|| {
            Problem::of_member(FABRIC.as_str(), "Name the fabric: with this header, or by the name of the host.")
        }),
    }
}

/// The host that was asked for, without its port. It must be said once, or by all in the same way: who reads it elsewhere
/// on the way must not read another one.
fn host(parts: &Parts) -> Result<Option<&str>, Problem> {
    let of_header = only(&parts.headers, &HOST)?;
    let of_target = parts.uri.authority().map(http::uri::Authority::as_str);
    match (of_target, of_header) {
        (Some(target), Some(header)) if !target.eq_ignore_ascii_case(header) => {
            Err(Problem::of_member(HOST.as_str(), "The header names another host than the request's target does."))
        }
        (told, other) => Ok(told.or(other).map(without_port)),
    }
}

fn without_port(host: &str) -> &str {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    // The same name, written out in full.
    name.strip_suffix('.').unwrap_or(name)
}

/// The one label before a domain; none for a name that is not below it.
fn label_below<'a>(host: &'a str, domain: &str) -> Result<Option<&'a str>, Problem> {
    let split = host.len().checked_sub(domain.len()).and_then(|at| Some((host.get(..at)?, host.get(at..)?)));
    let Some((before, _)) = split.filter(|(_, below)| below.eq_ignore_ascii_case(domain)) else { return Ok(None) };
    match before.strip_suffix('.') {
        Some(label) if !label.is_empty() && !label.contains('.') => Ok(Some(label)),
        // Another name that happens to end alike, or the domain itself.
        None => Ok(None),
        Some(_) => Err(Problem::of_member(HOST.as_str(), "Name the fabric by one label before the gateway's domain.")),
    }
}

/// What the header says; without one, what such callers mostly do.
fn activity(headers: &HeaderMap, kind: CallerKind) -> Result<Activity, Problem> {
    match only(headers, &ACTIVITY)? {
        Some(word) => {
            let words: Vec<&str> = Activity::WORDS.iter().map(|(word, _)| *word).collect();
            let told = format!("It must be one of: {}.", words.join(", "));
            Activity::of_word(word).ok_or_else(|| Problem::of_member(ACTIVITY.as_str(), told))
        }
        None if kind == CallerKind::Workload => Ok(Activity::ScheduledRun),
        None => Ok(Activity::PipelineDevelopment),
    }
}

/// The value of a header that may come once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| Problem::of_member(name.as_str(), "It must be plain text."))?;
            Ok(Some(text))
        }
        (Some(_), Some(_)) => Err(Problem::of_member(name.as_str(), "This header may come once.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_tells_the_fabric_by_its_one_label_below_the_domain() {
        let domain = "gateway.example.com";
        assert_eq!(label_below("dev.gateway.example.com", domain).unwrap(), Some("dev"));
        assert_eq!(label_below("Dev.GATEWAY.example.com", domain).unwrap(), Some("Dev"));
        for host in [
            "gateway.example.com",
            "devgateway.example.com",
            "dev.gateway.example.com.evil.example",
            "",
            "\u{e4}.gateway.example.org",
        ] {
            assert_eq!(label_below(host, domain).unwrap(), None, "{host}");
        }
        for host in [".gateway.example.com", "a.b.gateway.example.com", "..gateway.example.com"] {
            assert!(label_below(host, domain).is_err(), "{host}");
        }
    }

    #[test]
    fn a_host_name_is_the_same_with_its_port_and_written_out_in_full() {
        for host in ["dev.example.com", "dev.example.com:8021", "dev.example.com.", "dev.example.com.:443"] {
            assert_eq!(without_port(host), "dev.example.com");
        }
    }
}
