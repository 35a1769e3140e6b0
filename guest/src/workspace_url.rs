//! The URL of a workspace, from whatever a person types or pastes.
//!
//! What comes out is where secrets will be sent, so the parser repairs nothing. The `url` crate follows the WHATWG
//! standard, made for browsers that must open anything: it drops tabs and line breaks, turns backslashes into
//! slashes, decodes escapes, maps look-alike characters and reads `0x7f.1` as an address. Each of these is a way to
//! have a person read one host and a program another. Here everything of the kind is refused, with the reason.

mod authority;
mod error;
#[cfg(test)]
mod tests;

pub(crate) use self::authority::Authority;
pub use self::error::WorkspaceUrlError;
use crate::databricks_zone;
use crate::jdbc_url::JdbcUrl;

/// Longest text that is looked at, in bytes. JDBC URLs with all their settings stay below.
const MAX_BYTES: usize = 4 * 1024;

/// Longest workspace id, in digits: what 64 bits hold.
const MAX_WORKSPACE_ID_DIGITS: usize = 20;

/// Which hosts are acceptable beyond the known zones of Databricks.
#[derive(Clone, Copy, Debug)]
pub struct Acceptance<'a> {
    /// Further host name endings, each with its leading dot.
    pub extra_suffixes: &'a [String],
    /// Whether plain http to this machine is accepted, on any port.
    pub loopback_http: bool,
}

/// Where a workspace is, and what else its URL told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceUrl {
    root: String,
    host: String,
    is_loopback: bool,
    identifiers: Identifiers,
    compute: Option<String>,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Encrypted.
    Https,
    /// In clear: loopback only.
    Http,
}

impl WorkspaceUrl {
    /// Reads a workspace URL, with or without `https://`, or a JDBC URL (`jdbc:databricks://…`).
    ///
    /// White space around it is ignored. Of path, query and fragment only a workspace id, an account id, and for JDBC
    /// the compute are kept.
    ///
    /// # Errors
    /// [`WorkspaceUrlError`] says what is wrong and what would be right.
    pub fn parse_any(text: &str, acceptance: &Acceptance<'_>) -> Result<Self, WorkspaceUrlError> {
        let text = text.trim_matches(|character: char| character.is_ascii_whitespace());
        check_whole(text)?;
        match JdbcUrl::parse(text) {
            Some(jdbc) => {
                let jdbc = jdbc?;
                let url = Self::at(jdbc.scheme, jdbc.authority, jdbc.identifiers, acceptance)?;
                Ok(Self { compute: jdbc.compute, ..url })
            }
            None => {
                let (scheme, rest) = split_scheme(text)?;
                let (authority, path_and_query) = split_authority(rest);
                let identifiers = Identifiers::of_query(query(path_and_query))?;
                Self::at(scheme, Authority::parse(authority)?, identifiers, acceptance)
            }
        }
    }

    /// The workspace at a host, if one may be there.
    fn at(
        scheme: Scheme,
        authority: Authority,
        identifiers: Identifiers,
        acceptance: &Acceptance<'_>,
    ) -> Result<Self, WorkspaceUrlError> {
        let is_loopback = authority.is_loopback();
        let Authority { host, port } = authority;
        let root = match scheme {
            Scheme::Https if is_loopback => return Err(WorkspaceUrlError::Loopback),
            Scheme::Https => {
                check_zone(&host, acceptance)?;
                if port.is_some_and(|port| port != 443) {
                    return Err(WorkspaceUrlError::Port);
                }
                format!("https://{host}")
            }
            Scheme::Http if !is_loopback => return Err(WorkspaceUrlError::PlainHttp),
            Scheme::Http if !acceptance.loopback_http => return Err(WorkspaceUrlError::Loopback),
            Scheme::Http => match port {
                None | Some(80) => format!("http://{host}"),
                Some(port) => format!("http://{host}:{port}"),
            },
        };
        check_agreement(&root, &host)?;
        let identifiers = identifiers.and_workspace_id(workspace_id_of_host(&host))?;
        Ok(Self { root, host, is_loopback, identifiers, compute: None })
    }

    /// Scheme and authority, without a slash at the end: `https://dbc-a1b2.cloud.databricks.com`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The host, in lower case and without port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether this is a simulated workspace on this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The workspace id, decimal digits without leading zeros, where the URL or its host told it.
    pub fn workspace_id(&self) -> Option<&str> {
        self.identifiers.workspace_id.as_deref()
    }

    /// The account id, a UUID in lower case, where the URL told it.
    pub fn account_id(&self) -> Option<&str> {
        self.identifiers.account_id.as_deref()
    }

    /// The id of the SQL warehouse or cluster that a JDBC URL names in its `httpPath`.
    pub fn compute(&self) -> Option<&str> {
        self.compute.as_deref()
    }
}

/// The workspace and account that a URL names.
///
/// There are several ways to name either (`o`, `w`, `workspace_id`, the host; `a`, `account_id`), and the official
/// clients differ in which of them goes before which. So none does: if two are there they must agree. Guessing would
/// send somebody's calls to the wrong workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identifiers {
    workspace_id: Option<String>,
    account_id: Option<String>,
}

impl Identifiers {
    /// What the query of a URL names.
    pub(crate) fn of_query(query: &str) -> Result<Self, WorkspaceUrlError> {
        form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()).try_fold(
            Self::default(),
            |found, (name, value)| match &*name {
                "o" | "w" | "workspace_id" => found.and_workspace_id(parse_workspace_id(&value)?),
                "a" | "account_id" => found.and_account_id(parse_account_id(&value)?),
                _ => Ok(found),
            },
        )
    }

    /// Adds a workspace id from another place.
    pub(crate) fn and_workspace_id(mut self, other: Option<String>) -> Result<Self, WorkspaceUrlError> {
        self.workspace_id = agreed(self.workspace_id, other)?;
        Ok(self)
    }

    fn and_account_id(mut self, other: String) -> Result<Self, WorkspaceUrlError> {
        self.account_id = agreed(self.account_id, Some(other))?;
        Ok(self)
    }
}

fn agreed(one: Option<String>, other: Option<String>) -> Result<Option<String>, WorkspaceUrlError> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(WorkspaceUrlError::Contradiction),
        (one, other) => Ok(one.or(other)),
    }
}

/// A workspace id in its shortest spelling. Databricks writes 0 for "no workspace".
pub(crate) fn parse_workspace_id(text: &str) -> Result<Option<String>, WorkspaceUrlError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || !(1..=MAX_WORKSPACE_ID_DIGITS).contains(&text.len()) {
        return Err(WorkspaceUrlError::WorkspaceId);
    }
    let digits = text.trim_start_matches('0');
    Ok((!digits.is_empty()).then(|| String::from(digits)))
}

/// An account id, in lower case.
fn parse_account_id(text: &str) -> Result<String, WorkspaceUrlError> {
    let is_hexadecimal = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_shape = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    if has_shape && text.split('-').all(is_hexadecimal) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(WorkspaceUrlError::AccountId)
    }
}

/// The id in a host of the form `adb-<workspace id>.<number>.…`, as Azure has it.
fn workspace_id_of_host(host: &str) -> Option<String> {
    let (first_label, _) = host.split_once('.')?;
    parse_workspace_id(first_label.strip_prefix("adb-")?).ok()?
}

/// Refuses what is dangerous anywhere in the text, since programs differ on where a URL with it is divided.
fn check_whole(text: &str) -> Result<(), WorkspaceUrlError> {
    if text.is_empty() {
        return Err(WorkspaceUrlError::NoHost);
    }
    if text.len() > MAX_BYTES {
        return Err(WorkspaceUrlError::TooLong);
    }
    if text.contains(char::is_control) {
        return Err(WorkspaceUrlError::ControlCharacter);
    }
    if text.contains('\\') {
        return Err(WorkspaceUrlError::Backslash);
    }
    Ok(())
}

/// Takes the scheme off. Without one https is meant: nobody types it.
fn split_scheme(text: &str) -> Result<(Scheme, &str), WorkspaceUrlError> {
    match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => match scheme.to_ascii_lowercase().as_str() {
            "https" => Ok((Scheme::Https, rest)),
            "http" => Ok((Scheme::Http, rest)),
            _ => Err(WorkspaceUrlError::Scheme),
        },
        // A later `://` is part of a path or query.
        _ => Ok((Scheme::Https, text)),
    }
}

/// Divides what follows the scheme into the authority and the rest.
fn split_authority(text: &str) -> (&str, &str) {
    text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()))
}

/// The query of what follows the authority; empty if there is none.
pub(crate) fn query(path_and_query: &str) -> &str {
    let without_fragment = path_and_query.split('#').next().unwrap_or_default();
    without_fragment.split_once('?').map_or("", |(_, query)| query)
}

fn check_zone(host: &str, acceptance: &Acceptance<'_>) -> Result<(), WorkspaceUrlError> {
    if databricks_zone::is_account_console(host) {
        return Err(WorkspaceUrlError::AccountConsole(String::from(host)));
    }
    if databricks_zone::contains(host, acceptance.extra_suffixes) {
        Ok(())
    } else {
        Err(WorkspaceUrlError::OutsideZones(String::from(host)))
    }
}

/// Requests are made from an [`http::Uri`], so what that makes of the root must be the host that was checked here.
fn check_agreement(root: &str, host: &str) -> Result<(), WorkspaceUrlError> {
    let uri: http::Uri = root.parse().map_err(|_| WorkspaceUrlError::HostName)?;
    if uri.host() == Some(host) { Ok(()) } else { Err(WorkspaceUrlError::HostName) }
}
