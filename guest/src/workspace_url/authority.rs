//! The authority of a URL (RFC 3986 section 3.2), far more strictly than the RFC has it.

use super::WorkspaceUrlError;

/// Longest host name, in bytes (RFC 1035 section 2.3.4, without the root's dot).
const MAX_HOST_BYTES: usize = 253;

/// Longest label of a host name, in bytes (RFC 1035 section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// The hosts that are this machine. No others of 127.0.0.0/8: tests need no more.
const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// A host and perhaps a port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// The host in lower case: a DNS name, or one of the loopback addresses.
    pub(super) host: String,
    /// The port, where one is written.
    pub(super) port: Option<u16>,
}

impl Authority {
    /// Reads an authority, everything between `//` and the next `/`, `?` or `#`.
    pub(crate) fn parse(text: &str) -> Result<Self, WorkspaceUrlError> {
        check_characters(text)?;
        let (host, port) = split_port(text)?;
        let host = host.to_ascii_lowercase();
        if !is_loopback(&host) {
            check_host(&host)?;
        }
        Ok(Self { host, port })
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

fn is_loopback(host: &str) -> bool {
    LOOPBACK_HOSTS.contains(&host)
}

/// Refuses what would be repaired, decoded or read as something else by one parser and not by another.
fn check_characters(text: &str) -> Result<(), WorkspaceUrlError> {
    let refusal = text.chars().find_map(|character| match character {
        '@' => Some(WorkspaceUrlError::UserInformation),
        '%' => Some(WorkspaceUrlError::PercentEscape),
        _ if !character.is_ascii() => Some(WorkspaceUrlError::NonAscii),
        _ if character.is_ascii_whitespace() => Some(WorkspaceUrlError::Space),
        _ => None,
    });
    refusal.map_or(Ok(()), Err)
}

/// Separates host and port. An IPv6 address keeps its brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), WorkspaceUrlError> {
    let after_brackets = text.rfind(']').unwrap_or_default();
    let (_, may_have_port) = text.split_at(after_brackets);
    match may_have_port.split_once(':') {
        None => Ok((text, None)),
        Some((_, port)) if port.contains(':') => Err(WorkspaceUrlError::IpAddress),
        Some((_, port)) => {
            let host = text.strip_suffix(port).and_then(|rest| rest.strip_suffix(':')).unwrap_or_default();
            parse_port(port).map(|number| (host, Some(number)))
        }
    }
}

/// A port in its shortest spelling.
fn parse_port(text: &str) -> Result<u16, WorkspaceUrlError> {
    match text.parse::<u16>() {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => Err(WorkspaceUrlError::Port),
    }
}

/// Checks a DNS name: letters, digits and inner hyphens (RFC 1123 section 2.1), and no address in any notation.
fn check_host(host: &str) -> Result<(), WorkspaceUrlError> {
    if host.is_empty() {
        return Err(WorkspaceUrlError::NoHost);
    }
    if host.starts_with('[') || ends_in_number(host) {
        return Err(WorkspaceUrlError::IpAddress);
    }
    if host.len() > MAX_HOST_BYTES || !host.split('.').all(is_label) {
        return Err(WorkspaceUrlError::HostName);
    }
    Ok(())
}

/// No top-level domain is a number; where the last label is one, some parsers read an IPv4 address, even in octal or
/// hexadecimal or with parts left out.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').find(|label| !label.is_empty()).unwrap_or_default();
    let is_hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_hexadecimal || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
