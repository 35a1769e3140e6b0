//! What a configuration says, and what it is told when it is wrong.

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::journal::Retention;

/// A folder with a configuration file.
fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), text).unwrap();
    folder
}

fn load_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load_in(folder(text).path(), environment)
}

fn load_in(folder: &Path, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&folder.join(FILE_NAME)), environment)
}

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[])
}

/// The text of the error that a file leads to.
fn complaint(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_gives_what_init_made_room_for() {
    let folder = folder("");
    let config = load_in(folder.path(), &[]).unwrap();
    assert!(matches!(config.storage, Storage::Sqlite(path) if path == folder.path().join("fabric-auth.db")));
    assert_eq!(config.key_ring, folder.path().join("keyring.json"));
    assert_eq!(config.component, Component { replacement: None, cache: folder.path().join("cache") });
    assert_eq!(config.deployment.mode, Mode::SelfHosted);
    assert_eq!(config.deployment.base_url, "http://localhost:8020");
    assert_eq!(config.deployment.tenant, "default");
    assert_eq!(
        config.deployment.redirect_urls,
        ["http://localhost:8020/api/databricks/oauthredirect", "http://localhost:8020/metadata/oauthCallback"]
    );
    assert_eq!(config.journal, Journal { retention: Retention::default(), host: None });
    assert!(!config.egress.allow_loopback_http && !config.egress.allow_private_addresses);
}

#[test]
fn the_template_sets_the_defaults_and_has_every_key() {
    let folder = folder(&template());
    let written = format!("{:?}", load_in(folder.path(), &[]).unwrap());
    fs::write(folder.path().join(FILE_NAME), "").unwrap();
    assert_eq!(written, format!("{:?}", load_in(folder.path(), &[]).unwrap()));
    for key in keys::ALL {
        let lines = template()
            .lines()
            .filter(|line| line.trim_start_matches("# ").starts_with(&format!("{} = ", key.name)))
            .count();
        let namesakes = keys::ALL.iter().filter(|other| other.name == key.name).count();
        assert_eq!(lines, namesakes, "{}", key.full_name());
    }
}

#[test]
fn every_default_and_example_is_toml() {
    for key in keys::ALL {
        let written = key.default.unwrap_or(key.example);
        assert!(!matches!(file::value(written), settings::Value::Other), "{}", key.full_name());
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let text =
        "[deployment]\nmode = \"saas\"\n[egress]\nallow_loopback_http = false\nallow = [\".azuredatabricks.net\"]";
    let environment = [
        ("FABRIC_AUTH_DEPLOYMENT_MODE", "dedicated-saas"),
        ("FABRIC_AUTH_EGRESS_ALLOW_LOOPBACK_HTTP", "true"),
        ("FABRIC_AUTH_EGRESS_ALLOW", ".cloud.databricks.com, a.gcp.databricks.com"),
        ("FABRIC_AUTH_EGRESS_TOTAL_TIMEOUT_SECONDS", "7"),
        ("FABRIC_AUTH_JOURNAL_KEEP_DAYS", "30"),
        ("FABRIC_AUTH_JOURNAL_HOST", "web-1"),
        ("FABRIC_AUTH_CONFIG", "for the command line"),
        ("PATH", "/bin"),
    ];
    let config = load_with(text, &environment).unwrap();
    assert_eq!(config.deployment.mode, Mode::DedicatedSaas);
    assert!(config.egress.allow_loopback_http);
    let allow: Vec<_> = config.egress.allow.iter().map(crate::egress::HostRule::as_str).collect();
    assert_eq!(allow, [".cloud.databricks.com", "a.gcp.databricks.com"]);
    assert_eq!(config.egress.total_timeout.as_secs(), 7);
    assert_eq!((config.journal.retention.keep_days, config.journal.host.as_deref()), (30, Some("web-1")));
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    let environment: Vec<_> = keys::ALL.iter().map(|key| (key.variable(), "[".to_owned())).collect();
    for (variable, value) in environment {
        // A wrong value is told with the variable's name, or is right for a path: in no case is the variable unknown.
        let answer = load_with("", &[(&variable, &value)]);
        assert!(!matches!(answer, Err(ConfigError::UnknownKey { .. })), "{variable}");
    }
}

#[test]
fn an_empty_variable_takes_back_what_the_file_sets() {
    let text = "[egress]\nca_file = \"roots.pem\"\nallow = [\".azuredatabricks.net\"]";
    let config = load_with(text, &[("FABRIC_AUTH_EGRESS_CA_FILE", ""), ("FABRIC_AUTH_EGRESS_ALLOW", "")]).unwrap();
    assert_eq!((config.egress.ca_file, config.egress.allow.len()), (None, 0));
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
    let told = complaint("[egress]\n\nallow-loopback-http = true\n");
    assert!(told.contains("fabric-auth.toml:3: there is no key egress.allow-loopback-http"), "{told}");
    assert!(told.ends_with("the nearest one is egress.allow_loopback_http"), "{told}");
    let told = complaint("[deploymnt]\nbase_url = \"https://a.example\"\n");
    assert!(told.contains("fabric-auth.toml:1"), "{told}");
    assert!(told.ends_with("the nearest one is deployment.base_url"), "{told}");
    let told = complaint("mode = \"saas\"");
    assert!(told.contains("there is no key mode"), "{told}");
}

#[test]
fn an_unknown_variable_is_told_with_the_nearest_one() {
    let told = load_with("", &[("FABRIC_AUTH_STORAGE_URI", "x")]).unwrap_err().to_string();
    assert_eq!(
        told,
        "environment variable FABRIC_AUTH_STORAGE_URI: there is no key FABRIC_AUTH_STORAGE_URI; the nearest one is \
         FABRIC_AUTH_STORAGE_URL"
    );
}

#[test]
fn a_wrong_value_is_told_with_its_key_and_line() {
    for (table, entry) in [
        ("deployment", "mode = \"cloud\""),
        ("deployment", "mode = 3"),
        ("deployment", "mode = \"\""),
        ("deployment", "prophecy_version = \"4\""),
        ("deployment", "prophecy_version = \"4.x\""),
        ("deployment", "prophecy_version = \"4..1\""),
        ("deployment", "prophecy_version = \"+4.1\""),
        ("deployment", "prophecy_version = 4.2"),
        ("deployment", "base_url = \"http://prophecy.example.com\""),
        ("deployment", "redirect_urls = [\"https://a.example\", \"a.example\"]"),
        ("deployment", "redirect_urls = \"https://a.example\""),
        ("deployment", "redirect_urls = [1]"),
        ("deployment", "default_client_id = \"abc\""),
        ("deployment", "tenant = \"a\\nb\""),
        ("storage", "url = \"mysql://a\""),
        ("storage", "url = \"sqlite::memory:\""),
        ("storage", "url = \"sqlite://a/b\""),
        ("storage", "url = \"postgres:tokens\""),
        ("storage", "url = \"postgres://a/tokens?sslmoed=disable\""),
        ("storage", "max_connections = 0"),
        ("storage", "max_connections = 101"),
        ("journal", "keep_days = 0"),
        ("journal", "keep_days = 36501"),
        ("journal", "keep_days = \"7\""),
        ("journal", "keep_events = 999"),
        ("journal", "host = \" web-1\""),
        ("journal", "host = \"a\\nb\""),
        ("keys", "file = \"\""),
        ("component", "file = \"a.wasm\""),
        ("component", "sha256 = \"00\""),
        ("egress", "allow = [\"evil.com\"]"),
        ("egress", "allow = [\"https://a.cloud.databricks.com\"]"),
        ("egress", "workspace_suffixes = [\"databricks.example.com\"]"),
        ("egress", "workspace_suffixes = [\".com\"]"),
        ("egress", "allow_loopback_http = \"yes\""),
        ("egress", "connect_timeout_seconds = 0"),
        ("egress", "total_timeout_seconds = 601"),
        ("egress", "total_timeout_seconds = -1"),
    ] {
        let told = complaint(&format!("[{table}]\n{entry}\n"));
        let key = entry.split(' ').next().unwrap();
        assert!(told.contains(&format!("fabric-auth.toml:2: {table}.{key} ")), "{entry}: {told}");
    }
}

#[test]
fn a_wrong_value_is_not_repeated() {
    let told = complaint("[storage]\nurl = \"postgres://someone:canary@host/\"");
    assert!(told.contains("storage.url names no database"), "{told}");
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn a_password_in_the_url_of_the_storage_is_printed_nowhere() {
    let text = "[storage]\nurl = \"postgres://someone:canary@db.example.com/tokens\"\nmax_connections = 3";
    let config = load(text).unwrap();
    assert!(!format!("{config:?}").contains("canary"));
    let Storage::Postgres(settings) = config.storage else { panic!("{:?}", config.storage) };
    assert_eq!(settings.to_string(), "PostgreSQL database tokens at db.example.com:5432");
    assert_eq!(settings.max_connections(), 3);
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    assert!(complaint("[egress]\nallow = [\n").contains("this is not valid TOML"));
    assert!(complaint("\n\nurl == 3\n").contains("fabric-auth.toml:3: "));
}

#[test]
fn a_file_that_is_not_there_is_told_by_name() {
    let error = Config::load(Some(Path::new("/does/not/exist.toml")), std::iter::empty()).unwrap_err();
    assert!(error.to_string().contains("/does/not/exist.toml"));
}

#[test]
fn a_pinned_component_is_found_beside_the_file() {
    let digest = "0123456789abcdefABCDEF".to_owned() + &"0".repeat(42);
    let folder = folder(&format!("[component]\nfile = \"a.wasm\"\nsha256 = \"{digest}\""));
    let replacement = load_in(folder.path(), &[]).unwrap().component.replacement.unwrap();
    assert_eq!(replacement.file, folder.path().join("a.wasm"));
    assert_eq!(replacement.sha256[..11], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef]);
}

#[test]
fn a_digest_of_the_wrong_length_is_refused() {
    for digits in [62, 63, 65, 66] {
        let text = format!("[component]\nfile = \"a.wasm\"\nsha256 = \"{}\"", "0".repeat(digits));
        assert!(complaint(&text).contains("component.sha256 must be"), "{digits}");
    }
}

#[test]
fn slashes_at_the_end_of_the_base_url_are_dropped() {
    let config = load("[deployment]\nbase_url = \"https://prophecy.example.com/\"").unwrap();
    assert_eq!(config.deployment.redirect_urls[0], "https://prophecy.example.com/api/databricks/oauthredirect");
}

/// A SaaS deployment whose secret lies in a file with this content and mode.
#[cfg(unix)]
fn saas(content: &str, mode: u32) -> (TempDir, Result<Config, ConfigError>) {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(
        "[deployment]\nmode = \"saas\"\ndefault_client_id = \"abc\"\ndefault_client_secret_file = \"client-secret\"",
    );
    let file = folder.path().join("client-secret");
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let config = load_in(folder.path(), &[]);
    (folder, config)
}

#[test]
#[cfg(unix)]
fn the_client_secret_is_read_from_its_file_and_printed_nowhere() {
    let (_folder, config) = saas("canary\n", 0o600);
    let config = config.unwrap();
    let secret = config.deployment.default_client_secret().unwrap().unwrap();
    assert_eq!(secret.expose_secret(), "canary");
    assert!(!format!("{config:?}{secret:?}").contains("canary"));
}

#[test]
#[cfg(unix)]
fn a_secret_that_others_may_read_is_refused() {
    for mode in [0o640, 0o604, 0o644, 0o620] {
        let told = saas("canary\n", mode).1.unwrap_err().to_string();
        assert!(told.contains("deployment.default_client_secret_file") && told.contains("chmod 600"), "{told}");
    }
}

#[test]
#[cfg(unix)]
fn a_file_without_a_single_secret_is_refused() {
    for content in ["", " \n", "two\nlines", &"x".repeat(5000)] {
        let told = saas(content, 0o600).1.unwrap_err().to_string();
        assert!(told.contains("must hold the secret alone"), "{told}");
    }
}

#[test]
fn a_secret_without_its_client_id_is_refused() {
    let told = complaint("[deployment]\nmode = \"saas\"\ndefault_client_secret_file = \"x\"");
    assert!(told.contains("needs deployment.default_client_id"), "{told}");
}
