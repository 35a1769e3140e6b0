//! The files of a deployment, and what is told when one of them cannot be used.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use super::support::{Deployment, binary, finish};

/// Where a SQLite file keeps `user_version`, four bytes, most significant first.
const USER_VERSION: u64 = 60;

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn without_a_configuration_every_command_names_init() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["app", "show"],
        vec!["app", "set", "--client-id", "a", "--public"],
        vec!["fabric", "list"],
        vec!["login", "dev"],
        vec!["logout", "dev"],
        vec!["token", "dev"],
        vec!["status"],
        vec!["test", "dev"],
        vec!["keys", "list"],
        vec!["check"],
        vec!["keys", "add"],
        vec!["keys", "promote", "a"],
        vec!["keys", "rotate"],
        vec!["keys", "reseal"],
        vec!["keys", "remove", "a"],
        vec!["restore-check"],
        vec!["check", "--within", "30d"],
        vec!["--config", "elsewhere.toml", "status"],
    ] {
        finish(binary(folder.path(), &arguments), "").ends_with(1).says(&["`fabric-auth init", "--config"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_wrong_is_told_with_line_and_nearest_key() {
    let deployment = Deployment::new().await;
    deployment.configure("base_url", "base_uri");
    deployment.run(&["status"]).ends_with(1).says(&["fabric-auth.toml:", "deployment.base_uri", "deployment.base_url"]);
    deployment.configure("base_uri", "base_url = [");
    let error = deployment.run(&["status", "--output", "json"]).ends_with(1).error();
    assert_eq!((error["case"].as_str(), error["actor"].as_str()), (Some("misconfigured"), Some("operator")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ring_that_is_open_to_others_or_gone_stops_everything() {
    let deployment = Deployment::new().await;
    let ring = deployment.path("keyring.json");
    set_mode(&ring, 0o644);
    for arguments in [vec!["status"], vec!["keys", "list"], vec!["keys", "rotate"], vec!["token", "dev"]] {
        deployment.run(&arguments).ends_with(1).says(&["chmod 600"]);
    }
    fs::remove_file(&ring).unwrap();
    deployment.run(&["status"]).ends_with(1).says(&["There is no key ring", "`fabric-auth init`"]);
    assert!(!ring.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_is_left_as_it_is() {
    let deployment = Deployment::new().await;
    let path = deployment.path("fabric-auth.db");
    set_mode(&path, 0o400);
    deployment.run(&["status"]).ends_with(1).says(&["may not be read and written"]);
    set_mode(&path, 0o600);
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    file.write_all_at(&99_u32.to_be_bytes(), USER_VERSION).unwrap();
    deployment.run(&["status"]).ends_with(1).says(&["format 99, newer", "update fabric-auth"]);
    fs::write(&path, "This is not a database, and is long enough to be told from one.".repeat(20)).unwrap();
    deployment.run(&["status"]).ends_with(1).says(&["left untouched"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_from_a_file_runs_only_with_its_digest() {
    let deployment = Deployment::new().await;
    let file = env!("COMPONENT_FILE_OF_FABRIC_AUTH");
    let inspected = deployment.run(&["inspect", file, "--output", "json"]).ends_with(0).json();
    assert_eq!(inspected["fits"], true);
    let exports = inspected["exports"].as_array().unwrap();
    assert!(exports.contains(&"prophecy:fabric-auth/databricks-oauth@0.1.0".into()), "{exports:?}");
    assert_eq!(inspected["size"], fs::metadata(file).unwrap().len());

    let unpinned = deployment.run(&["--component", file, "status"]).ends_with(1);
    assert!(unpinned.stderr.starts_with("error: option --component: component.file needs component.sha256"));
    let mut by_environment = binary(deployment.folder.path(), &["status"]);
    by_environment.env("FABRIC_AUTH_COMPONENT_FILE", file);
    finish(by_environment, "").ends_with(1).says(&["environment variable FABRIC_AUTH_COMPONENT_FILE: component.file"]);
    let digest = inspected["sha256"].as_str().unwrap();
    let other = "0".repeat(64);
    deployment.configure("# sha256 = \"…64 hexadecimal digits…\"", &format!("sha256 = \"{other}\""));
    deployment.run(&["--component", file, "status"]).ends_with(1).says(&[digest, &other]);
    deployment.configure(&other, digest);
    deployment.run(&["--component", file, "status"]).ends_with(0);
}

#[test]
fn what_is_not_a_component_is_told_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (content, says) in [
        (&b"hello"[..], "file is not a component, nor any WebAssembly."),
        (b"", "file is not a component, nor any WebAssembly."),
        (b"\0asm\x01\0\0\0", "file is a WebAssembly module, not a component."),
        (b"\0asm\x0d\0\x01\0\xff\xff", "file is a component that is damaged, or of a kind not known here."),
    ] {
        fs::write(folder.path().join("file"), content).unwrap();
        let run = finish(binary(folder.path(), &["inspect", "file"]), "").ends_with(1);
        assert_eq!(run.stderr, format!("error: {says}\nWho can fix it: the operator of this deployment.\n"));
    }
    finish(binary(folder.path(), &["inspect", "missing"]), "").ends_with(1).says(&["cannot be read"]);
}
