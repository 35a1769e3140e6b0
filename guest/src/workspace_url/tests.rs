//! What people type, and what attackers would.

use proptest::prelude::*;

use super::*;

const STRICT: Acceptance<'_> = Acceptance { extra_suffixes: &[], loopback_http: false };
const LOOPBACK: Acceptance<'_> = Acceptance { extra_suffixes: &[], loopback_http: true };
const ROOT: &str = "https://dbc-a1b2.cloud.databricks.com";
const ACCOUNT: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn parse(text: &str) -> Result<WorkspaceUrl, WorkspaceUrlError> {
    WorkspaceUrl::parse_any(text, &STRICT)
}

#[test]
fn every_way_to_write_a_workspace_gives_one_root() {
    for text in [
        "https://dbc-a1b2.cloud.databricks.com",
        "https://dbc-a1b2.cloud.databricks.com/",
        "dbc-a1b2.cloud.databricks.com",
        "  HTTPS://DBC-A1B2.Cloud.Databricks.COM:443/\n",
        "dbc-a1b2.cloud.databricks.com:443",
        "https://dbc-a1b2.cloud.databricks.com/sql/warehouses?x=1#frag",
        "https://dbc-a1b2.cloud.databricks.com#o=12",
        "https://dbc-a1b2.cloud.databricks.com?next=https://example.com/@x",
        "dbc-a1b2.cloud.databricks.com/browse/https://example.com",
        "https://dbc-a1b2.cloud.databricks.com/Grüße und mehr",
    ] {
        let url = parse(text).unwrap();
        assert_eq!((url.root(), url.host()), (ROOT, "dbc-a1b2.cloud.databricks.com"), "{text}");
        assert!(!url.is_loopback());
        assert_eq!((url.workspace_id(), url.account_id(), url.compute()), (None, None, None), "{text}");
    }
}

#[test]
fn workspaces_of_every_cloud_are_accepted() {
    for host in [
        "x.cloud.databricks.us",
        "x.cloud.databricks.mil",
        "adb-12.3.azuredatabricks.net",
        "westus.azuredatabricks.net",
        "adb-12.3.databricks.azure.us",
        "adb-12.3.databricks.azure.cn",
        "12.3.gcp.databricks.com",
        "acme.databricks.com",
    ] {
        assert_eq!(parse(host).unwrap().host(), host);
    }
}

#[test]
fn a_workspace_id_is_taken_from_each_place_it_may_stand_in() {
    for text in ["?o=77", "/?w=77#x", "/x?workspace_id=77", "/?o=0077", "/?o=77&w=77", "/?%6f=77"] {
        assert_eq!(parse(&format!("{ROOT}{text}")).unwrap().workspace_id(), Some("77"), "{text}");
    }
    let azure = "https://adb-1234567890123456.7.azuredatabricks.net";
    assert_eq!(parse(azure).unwrap().workspace_id(), Some("1234567890123456"));
    assert_eq!(parse(&format!("{azure}/?o=1234567890123456")).unwrap().workspace_id(), Some("1234567890123456"));
}

#[test]
fn a_workspace_id_of_zero_or_nothing_is_none() {
    for text in ["/?o=0", "/?o=", "/?o", "/?w=000"] {
        assert_eq!(parse(&format!("{ROOT}{text}")).unwrap().workspace_id(), None, "{text}");
    }
}

#[test]
fn two_different_workspaces_or_accounts_are_a_contradiction() {
    let other = ACCOUNT.replace('0', "f");
    for text in [
        format!("{ROOT}/?o=1&w=2"),
        format!("{ROOT}/?o=1&o=2"),
        String::from("adb-1.2.azuredatabricks.net/?o=2"),
        format!("{ROOT}/?a={ACCOUNT}&account_id={other}"),
    ] {
        assert_eq!(parse(&text), Err(WorkspaceUrlError::Contradiction), "{text}");
    }
}

#[test]
fn ids_of_another_shape_are_refused() {
    for id in ["abc", "-1", "1.0", "+1", "%C2%B2", &"1".repeat(21)] {
        assert_eq!(parse(&format!("{ROOT}/?o={id}")), Err(WorkspaceUrlError::WorkspaceId), "{id}");
    }
    for id in ["abc", "0123456789abcdef0123456789abcdef", &ACCOUNT.replace('a', "g")] {
        assert_eq!(parse(&format!("{ROOT}/?a={id}")), Err(WorkspaceUrlError::AccountId), "{id}");
    }
}

#[test]
fn an_account_id_is_kept_in_lower_case() {
    let url = parse(&format!("{ROOT}/?account_id={}", ACCOUNT.to_uppercase())).unwrap();
    assert_eq!(url.account_id(), Some(ACCOUNT));
}

#[test]
fn each_mistake_and_each_trick_is_refused_with_its_reason() {
    use WorkspaceUrlError as E;
    let long_label = format!("{}.cloud.databricks.com", "a".repeat(64));
    let long_host = format!("{}cloud.databricks.com", "a.".repeat(120));
    for (text, error) in [
        ("", E::NoHost),
        (" \t", E::NoHost),
        ("https://", E::NoHost),
        ("https:///x.cloud.databricks.com", E::NoHost),
        ("//x.cloud.databricks.com", E::NoHost),
        ("ftp://x.cloud.databricks.com", E::Scheme),
        ("://x.cloud.databricks.com", E::Scheme),
        ("http://x.cloud.databricks.com", E::PlainHttp),
        ("https://user:canary@x.cloud.databricks.com", E::UserInformation),
        ("https://x.cloud.databricks.com@example.com", E::UserInformation),
        ("https://@x.cloud.databricks.com", E::UserInformation),
        ("https://x%2ecloud.databricks.com", E::PercentEscape),
        ("https://x.cloud.d\u{430}tabricks.com", E::NonAscii),
        ("https://x\u{3002}cloud.databricks.com", E::NonAscii),
        ("https://x.cloud.databricks.com\u{a0}", E::NonAscii),
        ("https://x .cloud.databricks.com", E::Space),
        ("https://x.cloud\t.databricks.com", E::ControlCharacter),
        ("https://x.cloud.databricks.com/\r\nHost: example.com", E::ControlCharacter),
        ("https://example.com\\.cloud.databricks.com", E::Backslash),
        ("https://x.cloud.databricks.com/\\x", E::Backslash),
        ("https://10.0.0.1", E::IpAddress),
        ("https://0x7f.1", E::IpAddress),
        ("https://2130706433", E::IpAddress),
        ("https://[2001:db8::1]", E::IpAddress),
        ("https://2001:db8::1", E::IpAddress),
        ("https://169.254.169.254/latest", E::IpAddress),
        ("https://x.cloud.databricks.com:8443", E::Port),
        ("https://x.cloud.databricks.com:", E::Port),
        ("https://x.cloud.databricks.com:0443", E::Port),
        ("https://x.cloud.databricks.com:99999", E::Port),
        ("https:x.cloud.databricks.com", E::Port),
        ("https://x..cloud.databricks.com", E::HostName),
        ("https://x.cloud.databricks.com.", E::HostName),
        ("https://.cloud.databricks.com", E::HostName),
        ("https://-x.cloud.databricks.com", E::HostName),
        ("https://x_y.cloud.databricks.com", E::HostName),
        (&long_label, E::HostName),
        (&long_host, E::HostName),
        ("https://localhost", E::Loopback),
        ("http://localhost:8080", E::Loopback),
        ("example.com", E::OutsideZones(String::from("example.com"))),
        ("x.cloud.databricks.com.evil.com", E::OutsideZones(String::from("x.cloud.databricks.com.evil.com"))),
        ("xn--x.example.com", E::OutsideZones(String::from("xn--x.example.com"))),
    ] {
        assert_eq!(parse(text), Err(error), "{text:?}");
    }
    assert_eq!(parse(&"a".repeat(MAX_BYTES + 1)), Err(E::TooLong));
}

#[test]
fn an_account_console_is_refused_with_a_hint() {
    let error = parse("https://accounts.cloud.databricks.com").unwrap_err();
    assert_eq!(error, WorkspaceUrlError::AccountConsole(String::from("accounts.cloud.databricks.com")));
    assert!(error.to_string().contains("serves no workspace"));
}

#[test]
fn plain_http_is_for_loopback_only_and_only_where_allowed() {
    for (text, root) in [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
    ] {
        let url = WorkspaceUrl::parse_any(text, &LOOPBACK).unwrap();
        assert_eq!((url.root(), url.is_loopback()), (root, true));
        assert_eq!(parse(text), Err(WorkspaceUrlError::Loopback));
    }
    for text in
        ["http://127.0.0.2", "http://[::2]", "http://0.0.0.0", "http://localhost.example.com", "https://127.0.0.1"]
    {
        assert!(WorkspaceUrl::parse_any(text, &LOOPBACK).is_err(), "{text}");
    }
}

#[test]
fn an_operators_suffix_is_accepted() {
    let suffixes = [String::from(".databricks.example.com")];
    let acceptance = Acceptance { extra_suffixes: &suffixes, loopback_http: false };
    let url = WorkspaceUrl::parse_any("w.databricks.example.com", &acceptance).unwrap();
    assert_eq!(url.root(), "https://w.databricks.example.com");
}

#[test]
fn no_message_repeats_a_secret_or_more_than_a_little_of_the_input() {
    let error = parse("https://user:canary@x.cloud.databricks.com").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
    let long = format!("{}.example.com", "abcdefgh-".repeat(6).trim_end_matches('-'));
    let host = format!("{long}.{long}");
    let message = parse(&host).unwrap_err().to_string();
    assert!(!message.contains(host.get(..65).unwrap()), "{message}");
}

/// Ways to write something that may or may not be a workspace URL.
fn urls() -> impl Strategy<Value = String> {
    let scheme = "(https://|HTTP://|http://|jdbc:databricks://|)";
    let host = "(x|adb-12|-|accounts|a@b|%41|[a-z0-9.@%:]{0,8}|)\\.?(cloud\\.databricks\\.com|azuredatabricks\\.net|gcp\\.databricks\\.com|databricks\\.com|example\\.com|localhost|127\\.0\\.0\\.1)";
    let rest = "(:443|:80|:1|)(/|/p/a|)(\\?o=[0-9]{0,3}|\\?a=x|)(#@f|)";
    (scheme, host, rest).prop_map(|(scheme, host, rest)| format!("{scheme}{host}{rest}"))
}

proptest! {
    #[test]
    fn arbitrary_text_is_read_without_panic(text in any::<String>()) {
        let _ = WorkspaceUrl::parse_any(&text, &LOOPBACK);
    }

    #[test]
    fn normalising_is_idempotent(text in urls()) {
        if let Ok(url) = WorkspaceUrl::parse_any(&text, &LOOPBACK) {
            let again = WorkspaceUrl::parse_any(url.root(), &LOOPBACK).unwrap();
            prop_assert_eq!((again.root(), again.host()), (url.root(), url.host()));
        }
    }

    #[test]
    fn an_accepted_host_is_in_a_zone_or_loopback(text in urls()) {
        if let Ok(url) = WorkspaceUrl::parse_any(&text, &LOOPBACK) {
            let zones = [".databricks.com", ".azuredatabricks.net"];
            prop_assert!(url.is_loopback() || zones.iter().any(|zone| url.host().ends_with(zone)));
            let encrypted = format!("https://{}", url.host());
            prop_assert!(url.is_loopback() || url.root() == encrypted);
        }
    }

    #[test]
    fn nothing_with_user_information_is_accepted(user in "[a-z:.]{0,8}", text in urls()) {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", &text));
        let outcome = WorkspaceUrl::parse_any(&format!("{scheme}://{user}@{rest}"), &LOOPBACK);
        prop_assert!(outcome.is_err());
    }
}
