//! A deployment whose records are in PostgreSQL.

use std::fs;

use fabric_auth_tests::PostgresServer;

use super::support::{ALICE, Deployment, binary, finish};

#[tokio::test(flavor = "multi_thread")]
async fn every_command_works_on_postgresql_as_on_a_file() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.database().await;
    let deployment = Deployment::new().await;
    deployment.configure("sqlite:fabric-auth.db", &database.url);
    deployment.set_app();
    deployment.add_fabric("dev", &[]).ends_with(0);
    deployment.log_in_as(ALICE, &[]).await.ends_with(0);
    let token = deployment.run_secretly(&["token", "dev"], "").ends_with(0).stdout;
    assert!(deployment.workspace.secrets().iter().any(|secret| secret.expose() == token.trim_end()));
    for arguments in [
        &["app", "show"][..],
        &["fabric", "list"],
        &["fabric", "show", "dev"],
        &["test", "dev"],
        &["status"],
        &["keys", "rotate"],
        &["keys", "reseal"],
        &["journal", "tail"],
        &["journal", "export"],
        &["journal", "heads"],
        &["journal", "verify"],
        &["logout", "dev"],
        &["fabric", "remove", "dev"],
        &["app", "remove", "default"],
    ] {
        deployment.run(arguments).ends_with(0);
    }
    deployment.assert_no_secret_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn init_makes_the_tables_and_writes_the_url_into_the_configuration() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let init = binary(folder.path(), &["init", "--storage-url", &database.url, "--output", "json"]);
    let files = finish(init, "").ends_with(0).json();
    assert!(files["database"].as_str().unwrap().starts_with("PostgreSQL database fabric_auth_test_"), "{files}");
    let configuration = fs::read_to_string(folder.path().join("fabric-auth.toml")).unwrap();
    assert!(configuration.contains(&format!("url = \"{}\"", database.url)), "{configuration}");
    assert!(!folder.path().join("fabric-auth.db").exists());
    database.execute("INSERT INTO fabric_auth_journal (recorded_at, event) VALUES (0, '{}')").await;
    finish(binary(folder.path(), &["status"]), "").ends_with(0);
}

#[test]
fn init_takes_no_password_as_an_argument() {
    for url in ["postgres://me:canary@127.0.0.1:1/tokens", "postgres://me@127.0.0.1:1/tokens?password=canary"] {
        let folder = tempfile::tempdir().unwrap();
        let run = finish(binary(folder.path(), &["init", "--storage-url", url]), "").ends_with(2);
        assert!(run.stderr.contains("PGPASSWORD") && !run.stderr.contains("canary"), "{run:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_server_that_is_not_there_is_told_by_name_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let init = binary(folder.path(), &["init", "--storage-url", "postgres://me@127.0.0.1:1/tokens"]);
    finish(init, "")
        .ends_with(1)
        .says(&["PostgreSQL database tokens at 127.0.0.1:1", "start it, or correct storage.url"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
