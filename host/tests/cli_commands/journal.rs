//! The audit journal by the commands of `journal`.

use std::fs;

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use super::support::{ALICE, Deployment, binary, finish};

/// Does something in the database, as somebody who can write it and has no key.
async fn tamper(deployment: &Deployment, statement: &'static str) {
    let url = format!("sqlite:{}", deployment.path("fabric-auth.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The actions of the events that were printed as JSON.
fn actions(printed: &str) -> Vec<String> {
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    printed.lines().map(|line| event(line)["event"]["action"].as_str().unwrap().to_owned()).collect()
}

/// PB-151.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_can_be_read_and_exported() {
    let deployment = Deployment::with_fabric().await;
    deployment.log_in_as(ALICE, &[]).await.ends_with(0);
    let all = ["app-connection-set", "fabric-created", "sign-in-begun", "sign-in-completed"];
    let exported = deployment.run(&["journal", "export"]).ends_with(0);
    assert_eq!(actions(&exported.stdout), all);
    let first: Value = serde_json::from_str(exported.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&first["event"]["actor"], &first["event"]["outcome"]), (&"olivia".into(), &"succeeded".into()));
    assert_eq!((&first["chain"]["position"], &first["sequence"]), (&1.into(), &1.into()));
    assert!(first["recorded_at"].as_str().unwrap().ends_with('Z'), "{first}");
    assert_eq!(actions(&deployment.run(&["journal", "export", "--since", "1h"]).ends_with(0).stdout), all);
    assert_eq!(deployment.run(&["journal", "export", "--since", "2100-01-01"]).ends_with(0).stdout, "");

    let tail = |more: &[&'static str]| {
        let run = deployment.run(&[&["journal", "tail", "--output", "json"], more].concat()).ends_with(0);
        actions(&run.stdout)
    };
    assert_eq!(tail(&["--count", "2"]), all[2..]);
    assert_eq!(tail(&["--count", "0"]), [""; 0]);
    assert_eq!(tail(&["--fabric", "dev", "--count", "1"]), all[3..]);
    assert_eq!(tail(&["--action", "fabric-created"]), all[1..2]);
    assert_eq!(tail(&["--actor", "nobody"]), [""; 0]);
    let text = deployment.run(&["journal", "tail"]).ends_with(0).stdout;
    assert_eq!(text.lines().count(), 4);
    let last = text.lines().last().unwrap();
    assert!(last.contains("olivia  sign-in-completed  dev") && last.contains(&format!("as {ALICE}")), "{last}");
    deployment.run(&["--role", "person", "journal", "tail"]).ends_with(1).says(&["The journal is for the operator"]);
    deployment.assert_no_secret_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_an_event_commands_the_terminal() {
    let deployment = Deployment::with_fabric().await;
    tamper(
        &deployment,
        "UPDATE journal SET event = json_set(event, '$.actor', char(27) || '[2J' || char(155) || char(10) || 'bob', \
         '$.fabric', char(8238) || 'dev')",
    )
    .await;
    for arguments in [&["journal", "tail"][..], &["journal", "tail", "--output", "json"], &["journal", "export"]] {
        let printed = deployment.run(arguments).ends_with(0).stdout;
        assert_eq!(printed.lines().count(), 2, "{printed:?}");
        let obeyed = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
        assert!(!printed.contains(obeyed) && printed.contains("[2J"), "{printed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_and_told_with_chain_and_position() {
    let deployment = Deployment::with_fabric().await;
    deployment.configure("# host = \"web-1\"", "host = \"web-1\"");
    deployment.add_fabric("other", &[]).ends_with(0);
    deployment.add_fabric("third", &[]).ends_with(0);
    let whole = deployment.run(&["journal", "verify"]).ends_with(0);
    assert!(
        whole.stdout.contains("as the hosts have written it") && whole.stdout.contains("\"web-1\": 2 events"),
        "{whole:?}"
    );
    assert!(whole.stdout.contains("cannot be seen without exported heads"), "the bound is told: {whole:?}");
    let heads = deployment.run(&["journal", "heads"]).ends_with(0);
    fs::write(deployment.path("heads.json"), &heads.stdout).unwrap();
    let verify = ["journal", "verify", "--heads", "heads.json"];
    let told = deployment.run(&verify).ends_with(0).stdout;
    assert!(told.contains("after its exported head cannot be seen"), "{told}");

    tamper(
        &deployment,
        "UPDATE journal SET event = json_set(event, '$.actor', 'mallory') WHERE host = 'web-1' AND position = 1",
    )
    .await;
    let found = deployment.run(&verify).ends_with(1).says(&["not as the hosts have written it"]);
    assert!(found.stdout.contains("WRONG: chain \"web-1\", event 1: not as a host has written it"), "{found:?}");
    tamper(&deployment, "DELETE FROM journal WHERE host = 'web-1' AND position = 2").await;
    let json = deployment.run(&[&verify[..], &["--output", "json"]].concat()).ends_with(1).json();
    assert_eq!(json["whole"], false);
    let problems: Vec<_> =
        json["problems"].as_array().unwrap().iter().map(|one| (&one["finding"], &one["first"])).collect();
    assert_eq!(problems, [(&"changed".into(), &1.into()), (&"cut-off".into(), &2.into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_cannot_be_read_are_wrong_usage() {
    let deployment = Deployment::new().await;
    fs::write(deployment.path("heads.json"), "{}").unwrap();
    for file in ["heads.json", "missing.json"] {
        deployment.run(&["journal", "verify", "--heads", file]).ends_with(2).says(&["--heads", file]);
    }
}

/// The key that signed the journal is taken out, and the journal can be verified all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_outlives_the_key_that_signed_it() {
    let deployment = Deployment::with_fabric().await;
    let keys = deployment.run(&["keys", "list", "--output", "json"]).ends_with(0).json();
    let first = keys["keys"][0]["key_id"].as_str().unwrap().to_owned();
    let heads = deployment.run(&["journal", "heads"]).ends_with(0);
    fs::write(deployment.path("heads.json"), &heads.stdout).unwrap();
    deployment.run(&["keys", "rotate"]).ends_with(0);
    deployment.run(&["keys", "remove", &first]).ends_with(0);
    deployment.run(&["journal", "verify", "--heads", "heads.json"]).ends_with(0);

    let keys = deployment.run(&["keys", "list", "--output", "json"]).ends_with(0).json();
    let second = keys["keys"][0]["key_id"].as_str().unwrap().to_owned();
    deployment.run(&["keys", "rotate"]).ends_with(0);
    tamper(&deployment, "UPDATE journal SET recorded_at = 1 WHERE position = 1").await;
    deployment.run(&["keys", "remove", &second]).ends_with(1).says(&["event 1", "--give-up-journal"]);
    deployment.run(&["keys", "remove", "--give-up-journal", &second]).ends_with(0);
}

#[test]
fn the_journal_of_a_folder_without_a_deployment_is_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["tail", "export", "heads", "verify"] {
        finish(binary(folder.path(), &["journal", command]), "").ends_with(1).says(&["There is no configuration file"]);
    }
}
