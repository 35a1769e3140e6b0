//! Hostile URLs, and those that may leave.

use super::*;

fn policy(allow: &[&str], suffixes: &[&str], loopback: bool) -> EgressPolicy {
    let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    EgressPolicy::new(rules(allow), rules(suffixes), loopback)
}

/// Judges a URL; one that `http::Uri` does not even read never gets to the policy.
fn check(policy: &EgressPolicy, url: &str) -> Option<Result<(), Refusal>> {
    url.parse().ok().map(|uri| policy.check(&Method::GET, &uri))
}

#[test]
fn https_to_each_known_zone_may_leave() {
    let policy = policy(&[], &[], false);
    for url in [
        "https://dbc-a1b2345c-d6e7.cloud.databricks.com/oidc/v1/token",
        "https://accounts.cloud.databricks.com/",
        "https://x.cloud.databricks.us/",
        "https://accounts-dod.cloud.databricks.mil/",
        "https://adb-1234567890123456.7.azuredatabricks.net/",
        "https://x.databricks.azure.us/",
        "https://x.databricks.azure.cn/",
        "https://1234567890123456.7.gcp.databricks.com/",
        "https://acme.databricks.com/oidc",
        "https://DBC-A1.Cloud.Databricks.COM/",
        "https://dbc-a1.cloud.databricks.com:443/",
    ] {
        assert_eq!(check(&policy, url), Some(Ok(())), "{url}");
    }
}

#[test]
fn look_alikes_of_the_zones_stay_in() {
    let policy = policy(&[], &[], true);
    for (url, refusal) in [
        ("https://evil-databricks.com/", Refusal::UnknownZone),
        ("https://databricks.com.evil.com/", Refusal::UnknownZone),
        ("https://x.cloud.databricks.com.evil.com/", Refusal::UnknownZone),
        ("https://evilcloud.databricks.com.br/", Refusal::UnknownZone),
        ("https://x.evilazuredatabricks.net/", Refusal::UnknownZone),
        ("https://databricks.com/", Refusal::UnknownZone),
        ("https://azuredatabricks.net/", Refusal::UnknownZone),
        ("https://x.dev.databricks.com/", Refusal::UnknownZone),
        ("https://localhost/", Refusal::UnknownZone),
        ("https://xn--clud-5qa.databricks.com.xn--evil-x/", Refusal::UnknownZone),
        ("https://a@x.cloud.databricks.com/", Refusal::UserInformation),
        ("https://x.cloud.databricks.com@evil.com/", Refusal::UserInformation),
        ("https://x.cloud.databricks.com:443@evil.com/", Refusal::UserInformation),
        ("http://localhost@evil.com/", Refusal::UserInformation),
        ("https://x.cloud.databricks.com./", Refusal::HostName),
        ("https://.cloud.databricks.com/", Refusal::HostName),
        ("https://x..cloud.databricks.com/", Refusal::HostName),
        ("https://x_y.cloud.databricks.com/", Refusal::HostName),
        ("https://127.0.0.1/", Refusal::HostName),
        ("https://127.1/", Refusal::HostName),
        ("https://0x7f.1/", Refusal::HostName),
        ("https://2130706433/", Refusal::HostName),
        ("https://[::1]/", Refusal::HostName),
        ("https://[::ffff:127.0.0.1]/", Refusal::HostName),
        ("https://x.cloud.databricks.com:8443/", Refusal::Port),
        ("https://x.cloud.databricks.com:80/", Refusal::Port),
        ("https://x.cloud.databricks.com:0443/", Refusal::Port),
        ("https://x.cloud.databricks.com:/", Refusal::Port),
        ("ftp://x.cloud.databricks.com/", Refusal::Scheme),
        ("/relative", Refusal::NotAbsolute),
    ] {
        assert_eq!(check(&policy, url), Some(Err(refusal)), "{url}");
    }
}

#[test]
fn what_is_no_url_never_gets_an_answer_other_than_no() {
    let policy = policy(&[], &[], true);
    for url in [
        "https://x.cloud.databricks.com:443:443/",
        "https://x.cloud.databricks.com:99999/",
        "https://x.cloud.databricks.com:443@/",
        "https://evil%2ecloud.databricks.com/",
        "https://evil.com%2f.cloud.databricks.com/",
        "https://evil.com\\.cloud.databricks.com/",
        "https://\u{ff58}.cloud.databricks.com/",
        "https://evil\u{3002}cloud.databricks.com/",
        "https://evil.com\t.cloud.databricks.com/",
        "https:///x.cloud.databricks.com/",
        "https://",
    ] {
        assert!(!matches!(check(&policy, url), Some(Ok(()))), "{url}");
    }
}

#[test]
fn plain_http_goes_to_loopback_only_and_only_when_allowed() {
    let (on, off) = (policy(&[], &[], true), policy(&[], &[], false));
    for url in
        ["http://localhost:8020/", "http://LOCALHOST/", "http://127.0.0.1:9/", "http://127.8.9.1/", "http://[::1]:9/"]
    {
        assert_eq!(check(&on, url), Some(Ok(())), "{url}");
        assert_eq!(check(&off, url), Some(Err(Refusal::LoopbackHttpOff)), "{url}");
    }
    for url in [
        "http://x.cloud.databricks.com/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost./",
        "http://localhost.evil.com/",
        "http://127.0.0.1.evil.com/",
        "http://169.254.169.254/",
    ] {
        assert_eq!(check(&on, url), Some(Err(Refusal::PlainHttp)), "{url}");
    }
}

#[test]
fn a_configured_suffix_widens_the_zones() {
    let policy = policy(&[], &[".databricks.example.com"], false);
    assert_eq!(check(&policy, "https://a.databricks.example.com/"), Some(Ok(())));
    assert_eq!(check(&policy, "https://example.com/"), Some(Err(Refusal::UnknownZone)));
    assert_eq!(check(&policy, "https://a.cloud.databricks.com/"), Some(Ok(())));
}

#[test]
fn allow_narrows_the_zones_and_never_widens_them() {
    let policy = policy(&["dbc-1.cloud.databricks.com", ".azuredatabricks.net", "evil.com"], &[], false);
    assert_eq!(check(&policy, "https://dbc-1.cloud.databricks.com/"), Some(Ok(())));
    assert_eq!(check(&policy, "https://adb-1.2.azuredatabricks.net/"), Some(Ok(())));
    assert_eq!(check(&policy, "https://dbc-2.cloud.databricks.com/"), Some(Err(Refusal::NotAllowed)));
    assert_eq!(check(&policy, "https://evil.com/"), Some(Err(Refusal::UnknownZone)));
}

#[test]
fn a_policy_encloses_only_rules_within_its_zones() {
    let policy = policy(&[], &[".databricks.example.com"], false);
    for (rule, enclosed) in [
        (".cloud.databricks.com", true),
        ("dbc-1.cloud.databricks.com", true),
        (".eu.databricks.example.com", true),
        ("acme.databricks.com", true),
        (".acme.databricks.com", false),
        (".databricks.com", false),
        (".example.com", false),
    ] {
        assert_eq!(policy.encloses(&rule.parse().unwrap()), enclosed, "{rule}");
    }
}

#[test]
fn a_tunnel_is_refused() {
    let uri = "https://x.cloud.databricks.com/".parse().unwrap();
    assert_eq!(policy(&[], &[], false).check(&Method::CONNECT, &uri), Err(Refusal::Tunnel));
}
