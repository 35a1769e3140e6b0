//! The DNS zones in which Databricks runs workspaces.
//!
//! A client secret or refresh token is sent only to hosts in these zones (and in those an operator adds), so that a
//! mistyped or planted workspace URL cannot carry it off.

/// Zones in which every name belongs to Databricks or to one of its workspaces.
///
/// The zones of Databricks' own development are left out: no customer has a workspace there.
const ZONES: [&str; 7] = [
    // AWS, AWS GovCloud, and the GovCloud of the Department of Defense.
    "cloud.databricks.com",
    "cloud.databricks.us",
    "cloud.databricks.mil",
    // Azure, Azure Government, and Azure in China.
    "azuredatabricks.net",
    "databricks.azure.us",
    "databricks.azure.cn",
    // Google Cloud.
    "gcp.databricks.com",
];

/// The zone of custom URLs, which are exactly one label below it. What is deeper is another zone.
const CUSTOM_URL_ZONE: &str = "databricks.com";

/// Names in the zone of custom URLs that Databricks uses itself, for its sign-in page, site and documentation.
const NOT_CUSTOM_URLS: [&str; 3] = ["login", "www", "docs"];

/// How the hosts of account consoles begin, on every cloud.
const ACCOUNT_CONSOLE_PREFIXES: [&str; 2] = ["accounts.", "accounts-dod."];

/// Whether a workspace may be at this host: a name below a known zone or below one of `extra_suffixes`.
///
/// `host` must be in lower case. A suffix counts with or without its leading dot, and only if it has a dot inside:
/// `.com` opens nothing.
pub fn contains(host: &str, extra_suffixes: &[String]) -> bool {
    ZONES.iter().any(|zone| label_below(host, zone).is_some())
        || label_below(host, CUSTOM_URL_ZONE)
            .is_some_and(|label| !label.contains('.') && !NOT_CUSTOM_URLS.contains(&label))
        || extra_suffixes.iter().any(|suffix| {
            let zone = suffix.trim_start_matches('.').to_ascii_lowercase();
            zone.contains('.') && label_below(host, &zone).is_some()
        })
}

/// Whether this is the host of an account console, which serves no workspace. `host` must be in lower case.
pub fn is_account_console(host: &str) -> bool {
    ACCOUNT_CONSOLE_PREFIXES.iter().any(|prefix| host.starts_with(prefix)) && contains(host, &[])
}

/// What stands before the zone, without the dot between; none where nothing does, or the host is outside the zone.
fn label_below<'a>(host: &'a str, zone: &str) -> Option<&'a str> {
    host.strip_suffix(zone)?.strip_suffix('.').filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_cloud_are_known() {
        for host in [
            "dbc-a1b2345c-d6e7.cloud.databricks.com",
            "agency.cloud.databricks.us",
            "unit.cloud.databricks.mil",
            "adb-1234567890123456.7.azuredatabricks.net",
            "westeurope.azuredatabricks.net",
            "adb-1.2.databricks.azure.us",
            "adb-1.2.databricks.azure.cn",
            "1234567890123456.7.gcp.databricks.com",
            "acme.databricks.com",
        ] {
            assert!(contains(host, &[]), "{host}");
        }
    }

    #[test]
    fn hosts_that_only_look_like_it_are_not() {
        for host in [
            "cloud.databricks.com.example.com",
            "evilazuredatabricks.net",
            "xcloud.databricks.com.evil",
            "azuredatabricks.net",
            ".azuredatabricks.net",
            "databricks.com",
            "a.b.databricks.com",
            "login.databricks.com",
            "example.com",
        ] {
            assert!(!contains(host, &[]), "{host}");
        }
    }

    #[test]
    fn an_operators_suffix_opens_its_names_and_no_more() {
        let suffixes = [String::from(".DB.example.com"), String::from(".com"), String::new()];
        assert!(contains("w.db.example.com", &suffixes));
        assert!(!contains("db.example.com", &suffixes));
        assert!(!contains("wdb.example.com", &suffixes));
        assert!(!contains("example.com", &suffixes));
    }

    #[test]
    fn account_consoles_are_recognised_on_every_cloud() {
        for host in [
            "accounts.cloud.databricks.com",
            "accounts.azuredatabricks.net",
            "accounts.gcp.databricks.com",
            "accounts-dod.cloud.databricks.mil",
            "accounts.databricks.azure.cn",
        ] {
            assert!(is_account_console(host), "{host}");
        }
        assert!(!is_account_console("accounting.cloud.databricks.com"));
    }
}
