//! `init`: a folder from nothing, and one that has lost some of its files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::support::{Deployment, binary, finish};

const FILES: [&str; 3] = ["fabric-auth.toml", "keyring.json", "fabric-auth.db"];

#[test]
fn init_makes_a_folder_that_works_and_does_nothing_the_second_time() {
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
    assert_eq!(files["written"].as_array().unwrap().len(), 3);
    finish(binary(&folder, &["keys", "list"]), "").ends_with(0);
    let before = FILES.map(|name| fs::read(folder.join(name)).unwrap());
    let again = finish(binary(&folder, &["init"]), "").ends_with(0).says(&["nothing was written"]);
    assert_eq!(again.stdout.matches("was there, kept").count(), 3, "{again:?}");
    assert_eq!(FILES.map(|name| fs::read(folder.join(name)).unwrap()), before);
}

#[test]
fn init_writes_what_is_missing_and_nothing_else() {
    for missing in FILES {
        let folder = tempfile::tempdir().unwrap();
        finish(binary(folder.path(), &["init"]), "").ends_with(0);
        let path = folder.path().join(missing);
        fs::remove_file(&path).unwrap();
        let kept: Vec<_> = FILES.iter().filter(|name| **name != missing).collect();
        let before: Vec<_> = kept.iter().map(|name| fs::read(folder.path().join(name)).unwrap()).collect();
        let run = finish(binary(folder.path(), &["init", "--output", "json"]), "").ends_with(0);
        assert_eq!(run.json()["written"].as_array().unwrap().len(), 1, "{run:?}");
        assert!(path.exists(), "{missing}");
        let after: Vec<_> = kept.iter().map(|name| fs::read(folder.path().join(name)).unwrap()).collect();
        assert_eq!(after, before, "{missing}");
        finish(binary(folder.path(), &["status"]), "").ends_with(0);
    }
}

#[test]
fn the_advice_to_a_missing_file_is_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = ["--config", "other.toml"];
    let run = |arguments: &[&str]| finish(binary(folder.path(), &[&config, arguments].concat()), "");
    run(&["status"]).ends_with(1).says(&["`fabric-auth init --config other.toml`"]);
    run(&["init"]).ends_with(0);
    run(&["status"]).ends_with(0);
    for missing in ["keyring.json", "fabric-auth.db"] {
        fs::remove_file(folder.path().join(missing)).unwrap();
        run(&["status"]).ends_with(1).says(&[missing, "`fabric-auth init --config other.toml`"]);
        run(&["init"]).ends_with(0);
        run(&["status"]).ends_with(0);
    }
    assert!(!folder.path().join("fabric-auth.toml").exists());
}

#[test]
fn init_writes_nothing_where_one_of_its_files_is_something_else() {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ring_is_not_made_beside_sealed_records_unless_they_are_given_up() {
    let deployment = Deployment::with_fabric().await;
    let ring = deployment.path("keyring.json");
    deployment.run(&["init", "--new-key-ring"]).ends_with(2).says(&["--new-key-ring: ", "it is kept"]);
    let lost = fs::read(&ring).unwrap();
    fs::remove_file(&ring).unwrap();
    let refused = deployment.run(&["init"]).ends_with(1);
    assert!(!ring.exists());
    refused.says(&["A new ring cannot open them", "restore the ring", "--new-key-ring"]);
    deployment.run(&["init", "--new-key-ring"]).ends_with(0);
    assert_ne!(fs::read(&ring).unwrap(), lost);
    deployment.set_app();
    deployment.log_in_as(super::support::ALICE, &[]).await.ends_with(0);
}
