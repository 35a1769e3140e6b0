//! Which hosts a rule names: one host, or every host under an ending.

use std::fmt;
use std::str::FromStr;

/// The longest host name that DNS can carry, in bytes (RFC 1035 section 2.3.4, without the final dot).
const LONGEST_HOST_NAME: usize = 253;
/// The longest label of a host name, in bytes (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// One host, or all hosts below a domain.
///
/// Written `.databricks.example.com` it stands for every host that ends so, at any depth, and not for
/// `databricks.example.com` itself; written without the leading dot, for that host alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// In lower case, with the leading dot if the rule is an ending.
    text: String,
}

impl HostRule {
    /// Whether the rule names `host`, which must be a [canonical host name](canonical_host_name).
    pub(super) fn covers(&self, host: &str) -> bool {
        if self.is_ending() { host.ends_with(&self.text) } else { host == self.text }
    }

    /// Whether every host that `narrower` names is named by this rule too.
    pub(super) fn contains(&self, narrower: &Self) -> bool {
        if self.is_ending() { narrower.text.ends_with(&self.text) } else { self == narrower }
    }

    /// Whether the rule stands for all hosts below a domain.
    pub fn is_ending(&self) -> bool {
        self.text.starts_with('.')
    }

    /// The rule as it is written: in lower case, an ending with its leading dot.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text is neither a host name nor an ending of host names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a host name such as dbc-a1b2.cloud.databricks.com, or an ending with a leading dot and at least two \
     labels such as .databricks.example.com; no scheme, no port, no address, no trailing dot"
)]
pub struct InvalidHostRule;

impl FromStr for HostRule {
    type Err = InvalidHostRule;

    /// Reads a rule, in upper or lower case.
    ///
    /// # Errors
    ///
    /// [`InvalidHostRule`] for everything that is not a host name or such an ending; also for an ending of one label
    /// (`.com`), which would let out nearly everything.
    fn from_str(text: &str) -> Result<Self, InvalidHostRule> {
        let name = text.strip_prefix('.').unwrap_or(text);
        let canonical = canonical_host_name(name).ok_or(InvalidHostRule)?;
        if text.len() == name.len() {
            return Ok(Self { text: canonical });
        }
        if !canonical.contains('.') {
            return Err(InvalidHostRule);
        }
        Ok(Self { text: format!(".{canonical}") })
    }
}

/// Brings a host name to the one form that rules are compared in: lower case. None if it is not a plain DNS host name.
///
/// Strict on purpose, since a resolver may read leniently what a comparison reads strictly: letters, digits and hyphens
/// of ASCII only (an internationalised name comes in its `xn--` form), no empty label and so no trailing dot, and a last
/// label that no address parser could take for a number (`127.1`, `0x7f.1`), as the WHATWG URL standard has it.
pub(super) fn canonical_host_name(host: &str) -> Option<String> {
    let last_label = host.rsplit('.').next()?;
    let looks_like_an_address = last_label.starts_with(|first: char| first.is_ascii_digit());
    let valid = host.len() <= LONGEST_HOST_NAME && host.split('.').all(is_label) && !looks_like_an_address;
    valid.then(|| host.to_ascii_lowercase())
}

/// Whether this is a label of a host name (RFC 1123 section 2.1).
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LONGEST_LABEL
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> HostRule {
        text.parse().unwrap()
    }

    #[test]
    fn an_ending_covers_what_lies_below_it_and_not_its_own_name() {
        let ending = rule(".Databricks.Example.com");
        assert!(ending.covers("a.databricks.example.com"));
        assert!(ending.covers("a.b.databricks.example.com"));
        assert!(!ending.covers("databricks.example.com"));
        assert!(!ending.covers("evil-databricks.example.com"));
    }

    #[test]
    fn a_host_covers_itself_alone() {
        let host = rule("dbc-1.cloud.databricks.com");
        assert!(host.covers("dbc-1.cloud.databricks.com"));
        assert!(!host.covers("x.dbc-1.cloud.databricks.com"));
    }

    #[test]
    fn an_ending_contains_longer_endings_and_hosts_below_it() {
        let ending = rule(".databricks.com");
        assert!(ending.contains(&rule(".cloud.databricks.com")));
        assert!(ending.contains(&rule("dbc-1.cloud.databricks.com")));
        assert!(!ending.contains(&rule("databricks.com")));
        assert!(!rule("a.databricks.com").contains(&rule(".a.databricks.com")));
    }

    #[test]
    fn what_is_not_a_plain_host_name_is_no_rule() {
        for text in [
            "",
            ".",
            "..a.com",
            ".com",
            "a..b",
            "a.b.",
            "https://a.b",
            "a.b:443",
            "a b.c",
            "*.a.com",
            "127.0.0.1",
            "127.1",
            "a.0x7f",
            ".10.0",
            "[::1]",
            "b\u{fc}cher.example",
            "a_b.example.com",
            "-a.example.com",
            "a%2eb.com",
        ] {
            assert_eq!(text.parse::<HostRule>(), Err(InvalidHostRule), "{text}");
        }
    }
}
