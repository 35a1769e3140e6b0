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
fn init_makes_a_folder_that_works_and_refuses_to_do_it_twice() {
    let parent = tempfile::tempdir().unwrap();
    let run = finish(binary(parent.path(), &["init", "new/deployment", "--output", "json"]), "").ends_with(0);
    let folder = parent.path().join("new/deployment");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let files = run.json();
    for (name, path) in
        [("key_ring", "keyring.json"), ("database", "fabric-auth.db"), ("configuration", "fabric-auth.toml")]
    {
        assert!(files[name].as_str().unwrap().ends_with(path), "{files}");
        assert_eq!(fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o077, 0, "{path}");
    }
    finish(binary(&folder, &["keys", "list"]), "").ends_with(0);
    let ring = fs::read(folder.join("keyring.json")).unwrap();
    finish(binary(&folder, &["init"]), "").ends_with(1).says(&["exists, so nothing was written"]);
    assert_eq!(fs::read(folder.join("keyring.json")).unwrap(), ring);
}

#[test]
fn init_writes_nothing_when_one_of_its_files_is_there() {
    for present in ["keyring.json", "fabric-auth.db", "fabric-auth.db-wal", "fabric-auth.toml"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(present), "precious").unwrap();
        finish(binary(folder.path(), &["init"]), "").ends_with(1).says(&[present]);
        assert_eq!(fs::read_to_string(folder.path().join(present)).unwrap(), "precious");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{present}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "precious").unwrap();
    finish(binary(folder.path(), &["init", "file/below"]), "").ends_with(1).says(&["cannot be written"]);
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
        vec!["keys", "rotate"],
        vec!["keys", "reseal"],
        vec!["--config", "elsewhere.toml", "status"],
    ] {
        finish(binary(folder.path(), &arguments), "").ends_with(1).says(&["`fabric-auth init`", "--config"]);
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
    deployment.run(&["status"]).ends_with(1).says(&["there is no key ring"]);
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
    let file = env!("FABRIC_AUTH_COMPONENT");
    let inspected = deployment.run(&["inspect", file, "--output", "json"]).ends_with(0).json();
    assert_eq!(inspected["fits"], true);
    let exports = inspected["exports"].as_array().unwrap();
    assert!(exports.contains(&"prophecy:fabric-auth/databricks-oauth@0.1.0".into()), "{exports:?}");
    assert_eq!(inspected["size"], fs::metadata(file).unwrap().len());

    deployment.run(&["--component", file, "status"]).ends_with(1).says(&["component.sha256"]);
    let digest = inspected["sha256"].as_str().unwrap();
    let other = "0".repeat(64);
    deployment.configure("# sha256 = \"…64 hexadecimal digits…\"", &format!("sha256 = \"{other}\""));
    deployment.run(&["--component", file, "status"]).ends_with(1).says(&[digest, &other]);
    deployment.configure(&other, digest);
    deployment.run(&["--component", file, "status"]).ends_with(0);

    deployment.secret_file("not-a-component", "hello");
    deployment.run(&["inspect", "not-a-component"]).ends_with(1).says(&["not a component"]);
    deployment.run(&["inspect", "missing"]).ends_with(1).says(&["cannot be read"]);
}
