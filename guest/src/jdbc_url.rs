//! JDBC URLs of Databricks, as the connection details of a SQL warehouse or cluster show them:
//! `jdbc:databricks://<host>:443/<schema>;<key>=<value>;…;httpPath=<path>`.

use crate::workspace_url::{Authority, Identifiers, Scheme, WorkspaceUrlError, parse_workspace_id, query};

/// How every JDBC URL begins, in lower case.
const PREFIX: &str = "jdbc:";

/// How those of the current driver go on, in lower case.
const DRIVER: &str = "databricks://";

/// Longest id of a warehouse or cluster, in bytes.
const MAX_COMPUTE_BYTES: usize = 128;

/// Parts of the keys under which drivers take passwords, tokens and secrets, in lower case.
const SECRET_KEYS: [&str; 7] =
    ["pwd", "password", "passphrase", "secret", "accesstoken", "refreshtoken", "credentials"];

/// What a JDBC URL says about a workspace. Whether one may be at that host is not decided here.
#[derive(Debug)]
pub(crate) struct JdbcUrl {
    /// Https, unless the URL says `ssl=0`.
    pub(crate) scheme: Scheme,
    /// Host and port.
    pub(crate) authority: Authority,
    /// Workspace and account, where `httpPath` names them.
    pub(crate) identifiers: Identifiers,
    /// The warehouse or cluster of `httpPath`.
    pub(crate) compute: Option<String>,
}

impl JdbcUrl {
    /// Reads a JDBC URL; none for a text that is not even meant as one.
    ///
    /// # Errors
    /// [`WorkspaceUrlError`]: for a secret in the URL before anything else, so that it is noticed.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, WorkspaceUrlError>> {
        strip_prefix_ignoring_case(text, PREFIX).map(Self::parse_after_prefix)
    }

    fn parse_after_prefix(text: &str) -> Result<Self, WorkspaceUrlError> {
        let (location, settings) = text.split_once(';').unwrap_or((text, ""));
        let settings = Settings::parse(settings)?;
        let location = strip_prefix_ignoring_case(location, DRIVER).ok_or(WorkspaceUrlError::JdbcDriver)?;
        let authority = location.split(['/', '?', '#']).next().unwrap_or_default();
        let (compute, identifiers) = match settings.http_path {
            Some(path) => read_http_path(path)?,
            None => (None, Identifiers::default()),
        };
        let scheme = if settings.in_clear { Scheme::Http } else { Scheme::Https };
        Ok(Self { scheme, authority: Authority::parse(authority)?, identifiers, compute })
    }
}

/// The settings that matter.
#[derive(Default)]
struct Settings<'a> {
    http_path: Option<&'a str>,
    in_clear: bool,
}

impl<'a> Settings<'a> {
    /// Reads `key=value;…`. Keys may be in any case.
    fn parse(text: &'a str) -> Result<Self, WorkspaceUrlError> {
        let mut settings = Self::default();
        for setting in text.split(';') {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            let (name, value) = (key.trim().to_ascii_lowercase(), value.trim());
            if !value.is_empty() && SECRET_KEYS.iter().any(|part| name.contains(part)) {
                return Err(WorkspaceUrlError::JdbcSecret(String::from(key.trim())));
            }
            match name.as_str() {
                "httppath" if settings.http_path.is_some() => return Err(WorkspaceUrlError::JdbcHttpPath),
                "httppath" => settings.http_path = Some(value),
                "ssl" => settings.in_clear = value == "0",
                _ => {}
            }
        }
        Ok(settings)
    }
}

/// Compute and identifiers of a `httpPath`.
fn read_http_path(http_path: &str) -> Result<(Option<String>, Identifiers), WorkspaceUrlError> {
    let identifiers = Identifiers::of_query(query(http_path))?;
    let path = http_path.split(['?', '#']).next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (compute, workspace_id) = match segments.as_slice() {
        ["sql", "1.0", "warehouses" | "endpoints", warehouse] => (warehouse, None),
        ["sql", "protocolv1", "o", workspace_id, cluster] => (cluster, parse_workspace_id(workspace_id)?),
        _ => return Err(WorkspaceUrlError::JdbcHttpPath),
    };
    if !is_compute_id(compute) {
        return Err(WorkspaceUrlError::JdbcHttpPath);
    }
    Ok((Some(String::from(*compute)), identifiers.and_workspace_id(workspace_id)?))
}

fn is_compute_id(text: &str) -> bool {
    (1..=MAX_COMPUTE_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// What follows `prefix`, which must be in lower case.
fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::workspace_url::{Acceptance, WorkspaceUrl, WorkspaceUrlError};

    fn parse(text: &str) -> Result<WorkspaceUrl, WorkspaceUrlError> {
        WorkspaceUrl::parse_any(text, &Acceptance { extra_suffixes: &[], loopback_http: true })
    }

    const HOST: &str = "jdbc:databricks://dbc-a1b2.cloud.databricks.com";

    /// PB-124.
    #[test]
    fn the_connection_details_of_a_warehouse_give_workspace_and_warehouse() {
        let url = parse(&format!(
            "{HOST}:443/default;transportMode=http;ssl=1;AuthMech=3;httpPath=/sql/1.0/warehouses/0a1b2c3d4e5f6789;"
        ))
        .unwrap();
        assert_eq!(url.root(), "https://dbc-a1b2.cloud.databricks.com");
        assert_eq!(url.compute(), Some("0a1b2c3d4e5f6789"));
        assert_eq!(url.workspace_id(), None);
    }

    #[test]
    fn the_older_path_of_a_warehouse_and_keys_in_any_case_are_read() {
        let url = parse("JDBC:Databricks://DBC-A1B2.cloud.databricks.com;HTTPPATH=sql/1.0/endpoints/abc").unwrap();
        assert_eq!((url.root(), url.compute()), ("https://dbc-a1b2.cloud.databricks.com", Some("abc")));
    }

    #[test]
    fn the_path_of_a_cluster_gives_workspace_id_and_cluster() {
        let url = parse(&format!("{HOST}/;httpPath=sql/protocolv1/o/1234/0123-456789-abcdefgh")).unwrap();
        assert_eq!((url.workspace_id(), url.compute()), (Some("1234"), Some("0123-456789-abcdefgh")));
        let url = parse(&format!("{HOST}/;httpPath=sql/protocolv1/o/0/0123-456789-abcdefgh")).unwrap();
        assert_eq!(url.workspace_id(), None);
    }

    #[test]
    fn a_workspace_id_inside_the_path_is_kept() {
        let url = parse(&format!("{HOST};httpPath=/sql/1.0/warehouses/abc?o=77")).unwrap();
        assert_eq!((url.workspace_id(), url.compute()), (Some("77"), Some("abc")));
    }

    #[test]
    fn a_url_without_a_path_names_no_compute() {
        assert_eq!(parse(HOST).unwrap().compute(), None);
    }

    #[test]
    fn the_older_driver_is_refused_with_a_hint() {
        let error = parse("jdbc:spark://dbc-a1b2.cloud.databricks.com:443/default").unwrap_err();
        assert_eq!(error, WorkspaceUrlError::JdbcDriver);
        assert!(error.to_string().contains("2.6.25"));
        assert_eq!(parse("jdbc:postgresql://x"), Err(WorkspaceUrlError::JdbcDriver));
    }

    #[test]
    fn a_secret_is_refused_and_not_repeated() {
        for key in ["PWD", "Auth_AccessToken", "OAuth2Secret", "ProxyPwd", "TokenCachePassPhrase", "pwd "] {
            let error = parse(&format!("{HOST};UID=token;{key}=canary-7;httpPath=/x")).unwrap_err();
            assert_eq!(error, WorkspaceUrlError::JdbcSecret(String::from(key.trim())));
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        assert!(parse(&format!("{HOST};PWD=;UID=token")).is_ok());
    }

    #[test]
    fn a_secret_in_the_url_of_another_driver_is_noticed_first() {
        assert!(matches!(parse("jdbc:spark://x;PWD=canary"), Err(WorkspaceUrlError::JdbcSecret(_))));
    }

    #[test]
    fn paths_that_name_no_compute_are_refused() {
        for path in
            ["", "/", "/sql/1.0/warehouses/", "/sql/1.0/warehouses/a/b", "/sql/1.0/warehouses/a%2f", "/api/2.0/x"]
        {
            assert_eq!(parse(&format!("{HOST};httpPath={path}")), Err(WorkspaceUrlError::JdbcHttpPath), "{path}");
        }
        let twice = format!("{HOST};httpPath=/sql/1.0/warehouses/a;httppath=/sql/1.0/warehouses/b");
        assert_eq!(parse(&twice), Err(WorkspaceUrlError::JdbcHttpPath));
    }

    #[test]
    fn the_host_obeys_the_rules_of_any_workspace_url() {
        assert_eq!(parse("jdbc:databricks://u:p@x.cloud.databricks.com"), Err(WorkspaceUrlError::UserInformation));
        assert_eq!(parse("jdbc:databricks://x.cloud.databricks.com:8443"), Err(WorkspaceUrlError::Port));
        assert!(matches!(parse("jdbc:databricks://example.com"), Err(WorkspaceUrlError::OutsideZones(_))));
        assert_eq!(parse(&format!("{HOST};ssl=0")), Err(WorkspaceUrlError::PlainHttp));
    }

    #[test]
    fn a_simulated_workspace_is_reached_without_ssl() {
        let url = parse("jdbc:databricks://127.0.0.1:8080/default;ssl=0;httpPath=/sql/1.0/warehouses/a").unwrap();
        assert_eq!(url.root(), "http://127.0.0.1:8080");
    }

    proptest! {
        #[test]
        fn arbitrary_jdbc_urls_are_read_without_panic(text in any::<String>(), settings in "([a-zA-Z/?=;.0-9ü]|httpPath=|/sql/1.0/){0,60}") {
            let _ = parse(&format!("jdbc:{text}"));
            let _ = parse(&format!("{HOST}{settings}"));
        }
    }
}
