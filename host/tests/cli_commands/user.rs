//! `user`: who may use the service, and the API tokens that are shown once.

use serde_json::json;
use simulated_workspace::Needle;

use super::support::{Deployment, Run};

const PREFIX: &str = "fabric_auth_";

/// Adds a user, whose API token is what is printed.
fn add(deployment: &Deployment, arguments: &[&str]) -> Run {
    deployment.run_secretly(&[&["user", "add"], arguments].concat(), "")
}

/// The API token that a command has printed.
#[track_caller]
fn printed(run: &Run) -> String {
    let token = run.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("{run:?}"));
    assert!(token.starts_with(PREFIX) && token.len() == PREFIX.len() + 43, "{run:?}");
    token.to_owned()
}

/// Every file of the deployment.
fn files(deployment: &Deployment) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(deployment.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file());
    files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_is_printed_once_and_stored_as_a_digest() {
    let deployment = Deployment::new().await;
    let run = add(&deployment, &["alice", "--team", "analytics"]).ends_with(0);
    let token = printed(&run);
    let run = run.says(&["This is the only time that the API token is shown."]);
    assert!(!run.stderr.contains(&token), "{run:?}");
    let needle = Needle::new(&token);
    let random = Needle::new(token.strip_prefix(PREFIX).unwrap());
    for arguments in [&["user", "list"][..], &["user", "list", "--output", "json"], &["journal", "tail"]] {
        let run = deployment.run(arguments);
        assert_eq!(needle.find(format!("{run:?}").as_bytes()), None, "{arguments:?}");
    }
    let files = files(&deployment);
    assert!(files.iter().any(|(_, bytes)| Needle::new("/api-token/").find(bytes).is_some()), "nothing is searched");
    for (name, bytes) in &files {
        assert_eq!((needle.find(bytes), random.find(bytes)), (None, None), "{name}");
    }
    assert_ne!(printed(&deployment.run_secretly(&["user", "token", "alice"], "").ends_with(0)), token);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_with_what_they_are_and_how_many_tokens_they_have() {
    let deployment = Deployment::new().await;
    let nobody = deployment.run(&["user", "list", "--output", "json"]).ends_with(0).json();
    assert_eq!(nobody, json!({ "users": [] }));
    add(&deployment, &["clara", "--cluster-admin"]).ends_with(0);
    add(&deployment, &["alice", "--team", "analytics", "--team-admin", "data", "--email", "alice@example.com"])
        .ends_with(0);
    add(&deployment, &["scheduler", "--workload", "--team", "data", "--expires-in", "90d"]).ends_with(0);
    let listed = deployment.run(&["user", "list", "--output", "json"]).ends_with(0).json();
    let users = listed["users"].as_array().unwrap();
    let named: Vec<_> = users.iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["alice", "clara", "scheduler"]);
    let teams = json!([{ "team": "analytics", "role": "member" }, { "team": "data", "role": "admin" }]);
    assert_eq!((&users[0]["teams"], &users[0]["email"]), (&teams, &json!("alice@example.com")));
    assert_eq!((&users[0]["kind"], &users[0]["cluster_admin"]), (&json!("person"), &json!(false)));
    assert_eq!((&users[1]["cluster_admin"], &users[1]["teams"]), (&json!(true), &json!([])));
    assert_eq!(users[2]["kind"], "workload");
    for user in users {
        assert_eq!(user["api_tokens"].as_array().unwrap().len(), 1, "{user}");
        assert_eq!(user["api_tokens"][0]["id"].as_str().unwrap().len(), 12, "{user}");
        assert_eq!(user["api_tokens"][0].get("expires_in").is_some(), user["name"] == "scheduler", "{user}");
    }
    let text = deployment.run(&["user", "list"]).ends_with(0).stdout;
    assert!(text.contains("cluster admin") && text.contains("analytics, data (admin)"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_changed_as_a_whole_and_keeps_the_api_tokens() {
    let deployment = Deployment::new().await;
    add(&deployment, &["alice", "--cluster-admin", "--team-admin", "data"]).ends_with(0);
    add(&deployment, &["alice"]).ends_with(1).says(&["alice"]);
    deployment.run(&["user", "set", "alice", "--team", "finance"]).ends_with(0);
    let listed = deployment.run(&["user", "list", "--output", "json"]).json();
    let alice = &listed["users"][0];
    assert_eq!(alice["cluster_admin"], false);
    assert_eq!(alice["teams"], json!([{ "team": "finance", "role": "member" }]));
    assert_eq!(alice["api_tokens"].as_array().unwrap().len(), 1);
    deployment.run(&["user", "set", "nobody"]).ends_with(1).says(&["`fabric-auth user list`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn api_tokens_are_revoked_and_users_removed_by_name() {
    let deployment = Deployment::new().await;
    add(&deployment, &["alice"]).ends_with(0);
    deployment.run_secretly(&["user", "token", "alice"], "").ends_with(0);
    let revoked = deployment.run(&["user", "revoke", "alice", "--output", "json"]).ends_with(0).json();
    assert_eq!(revoked, json!({ "name": "alice", "revoked": 2 }));
    let listed = deployment.run(&["user", "list", "--output", "json"]).json();
    assert_eq!(listed["users"][0]["api_tokens"], json!([]));
    deployment.run(&["user", "remove", "alice"]).ends_with(0);
    for command in ["revoke", "remove", "token"] {
        deployment.run(&["user", command, "alice"]).ends_with(1).says(&["no user named"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_user_can_be_is_refused() {
    let deployment = Deployment::new().await;
    add(&deployment, &["scheduler", "--workload", "--cluster-admin"]).ends_with(2);
    add(&deployment, &[""]).ends_with(2);
    add(&deployment, &["a\nb"]).ends_with(2);
    add(&deployment, &[&"a".repeat(257)]).ends_with(2);
    add(&deployment, &["alice", "--team", " "]).ends_with(2).says(&["--team"]);
    add(&deployment, &["alice", "--email", "\n"]).ends_with(2).says(&["--email"]);
    add(&deployment, &["alice", "--expires-in", "soon"]).ends_with(2);
    let listed = deployment.run(&["user", "list", "--output", "json"]).json();
    assert_eq!(listed, json!({ "users": [] }));
    for command in [&["user", "list"][..], &["user", "add", "alice"], &["user", "revoke", "alice"]] {
        let as_person = [command, &["--role", "person"]].concat();
        deployment.run(&as_person).ends_with(1).says(&["operator"]);
    }
}
