//! Which paths of a workspace the gateway lets through.
//!
//! A path is either plain or refused: what two readers could take for two different paths never gets that far, and what is
//! compared is what is sent.

use std::borrow::Cow;

/// Path prefixes that are refused unless the deployment allows them: what makes tokens, reads secrets, or is not of the
/// workspace. In lower case; `*` stands for one segment.
const REFUSED: [&str; 10] = [
    "/.well-known",
    "/oidc",
    "/api/*/database/credentials",
    "/api/*/token",
    "/api/*/tokens",
    "/api/*/token-management",
    "/api/*/secrets/get",
    "/api/*/accounts",
    "/api/*/preview/accounts",
    "/api/*/serviceprincipals/*/credentials",
];

/// Under this name pages of Databricks call the same functions as under `api`.
const AJAX_API: &str = "ajax-api";

/// Parameters that name a workspace (dossier section 1.5).
const WORKSPACE_NAMES: [&str; 3] = ["o", "w", "workspace_id"];

/// Why a path is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It could be read in more than one way.
    Ambiguous,
    /// It makes tokens, reads secrets, or is not of the workspace.
    Refused,
}

/// Checks a path with its query, as it came in the request. `allowed` and `refused` are prefixes of the deployment's own.
///
/// # Errors
/// [`Unfit`].
pub fn check(path_with_query: &str, allowed: &[String], refused: &[String]) -> Result<(), Unfit> {
    let path = path_with_query.split_once('?').map_or(path_with_query, |(path, _)| path);
    if !is_plain(path) {
        return Err(Unfit::Ambiguous);
    }
    let lowered = decoded(path).to_ascii_lowercase();
    let mut segments: Vec<&str> = lowered.split('/').collect();
    if let Some(first) = segments.get_mut(1).filter(|first| **first == AJAX_API) {
        *first = "api";
    }
    let under = |prefix: &str| is_under(&segments, prefix);
    if allowed.iter().any(|prefix| under(prefix)) {
        return Ok(());
    }
    let is_refused = REFUSED.iter().any(|prefix| under(prefix)) || refused.iter().any(|prefix| under(prefix));
    if is_refused { Err(Unfit::Refused) } else { Ok(()) }
}

/// The workspaces that a query names, by which a host that serves many of them takes a request for another's.
pub fn names_workspace(path_with_query: &str) -> Vec<String> {
    let query = path_with_query.split_once('?').map_or("", |(_, query)| query);
    // Some servers take a semicolon for an ampersand.
    let pairs = query.split(';').flat_map(|part| form_urlencoded::parse(part.as_bytes()));
    pairs.filter(|(name, _)| WORKSPACE_NAMES.contains(&&**name)).map(|(_, value)| value.into_owned()).collect()
}

/// Whether everybody reads the path alike: no empty or dot segments, no encoded delimiters, nothing that only some decode.
fn is_plain(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else { return false };
    let is_delimiter = |byte: u8| matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'%' | b';' | 0..=0x1f | 0x7f);
    let encodings_are_plain = encoded_bytes(path).is_some_and(|bytes| !bytes.into_iter().any(is_delimiter));
    let is_dot = |segment: &str| matches!(&*decoded(segment), "." | "..");
    let mut inner = segments.split('/').peekable();
    let mut segments_are_plain = true;
    while let Some(segment) = inner.next() {
        // One slash at the end is usual.
        segments_are_plain &= !(is_dot(segment) || segment.is_empty() && inner.peek().is_some());
    }
    let bytes_are_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b';'));
    encodings_are_plain && segments_are_plain && bytes_are_plain
}

/// The bytes that are percent-encoded; none when an encoding is broken.
fn encoded_bytes(path: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut found = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            found.push(digit(bytes.next()?)?.checked_mul(16)?.checked_add(digit(bytes.next()?)?)?);
        }
    }
    Some(found)
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

/// Whether a path, in lower case, is a prefix or below it, segment by segment. A prefix that ends in nothing but its last segment's
/// beginning does not count: `/oidc` is not `/oidcx`.
fn is_under(segments: &[&str], prefix: &str) -> bool {
    let mut asked = segments.iter();
    let mut parts = prefix.trim_end_matches('/').split('/');
    parts.all(|part| asked.next().is_some_and(|segment| part == "*" || part.eq_ignore_ascii_case(segment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(path: &str) -> Result<(), Unfit> {
        check(path, &[], &[])
    }

    #[test]
    fn paths_of_the_workspace_are_let_through() {
        for path in [
            "/api/2.0/sql/statements",
            "/api/2.0/sql/statements/?x=/../y%2f",
            "/api/2.1/unity-catalog/tables/main.sales.orders",
            "/api/2.0/workspace/list?path=%2FUsers%2Fada%40example.com",
            "/api/2.0/fs/files/Volumes/a%20b/%C3%A4.csv",
            "/api/2.0/secrets/list",
            "/ajax-api/2.0/x",
            "/",
        ] {
            assert_eq!(checked(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_makes_tokens_or_reads_secrets_is_refused_however_it_is_spelled() {
        for path in [
            "/oidc/v1/token",
            "/OIDC/v1/token",
            "/%6fidc/v1/token",
            "/oidc",
            "/oidc/",
            "/oidc?x=1",
            "/api/2.0/token/create",
            "/api/2.1/TOKEN/list",
            "/api/2.0/tokens/introspect",
            "/api/2.0/token-management/tokens",
            "/ajax-api/2.0/token/create",
            "/Ajax%2dAPI/2.0/secrets/get?scope=a&key=b",
            "/api/2.0/database/credentials",
            "/api/2.0/secrets/get?scope=a&key=b",
            "/api/2.0/accounts/1/servicePrincipals/2/credentials/secrets",
            "/api/2.0/servicePrincipals/2/credentials/secrets",
            "/.well-known/databricks-config",
        ] {
            assert_eq!(checked(path), Err(Unfit::Refused), "{path}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for path in [
            "",
            "api",
            "*",
            "//oidc/v1/token",
            "/api//2.0/token",
            "/api/../oidc/v1/token",
            "/api/./x",
            "/api/%2e%2e/oidc",
            "/api/%2E./oidc",
            "/api%2foidc",
            "/api%5coidc",
            "/api\\oidc",
            "/api/%252e%252e/oidc",
            "/api/;/oidc",
            "/oidc%00",
            "/oidc%0d%0aHost:x",
            "/api/%",
            "/api/%zz",
            "/api/a b",
            "/api/\u{e4}",
            "/api#x",
        ] {
            assert_eq!(checked(path), Err(Unfit::Ambiguous), "{path}");
        }
    }

    #[test]
    fn a_workspace_that_the_query_names_is_found_however_it_is_spelled() {
        assert_eq!(names_workspace("/api?x=1&o=2&%6f=3&workspace_id=4"), ["2", "3", "4"]);
        assert_eq!(names_workspace("/api?x=1;o=2&y=3;w=4"), ["2", "4"]);
        assert!(names_workspace("/api/o?oo=1&x=o").is_empty());
    }

    #[test]
    fn a_deployment_allows_and_refuses_more() {
        let allowed = ["/api/2.0/tokens/introspect".to_owned()];
        let refused = ["/api/*/jobs/delete".to_owned(), "/Api/2.0/Clusters/".to_owned()];
        let checked = |path| check(path, &allowed, &refused);
        assert_eq!(checked("/api/2.0/tokens/introspect"), Ok(()));
        assert_eq!(checked("/api/2.0/tokens/other"), Err(Unfit::Refused));
        assert_eq!(checked("/api/2.1/jobs/delete"), Err(Unfit::Refused));
        assert_eq!(checked("/api/2.0/clusters/list"), Err(Unfit::Refused));
        assert_eq!(checked("/api/2.1/jobs/deleted"), Ok(()));
    }
}
