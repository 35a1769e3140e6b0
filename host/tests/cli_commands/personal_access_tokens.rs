//! A fabric on which each person enters a personal access token.

use simulated_workspace::Identity;

use super::support::{ALICE, Deployment, TEAM};

const PERSON: [&str; 6] = ["--role", "person", "--user", "anna", "--team", TEAM];

#[tokio::test(flavor = "multi_thread")]
async fn a_person_enters_a_token_uses_it_and_takes_it_back() {
    let deployment = Deployment::new().await;
    deployment.add_fabric("dev", &["--authentication", "personal-access-token"]).ends_with(0);
    let shown = deployment.run(&["fabric", "show", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!(shown["authentication"], "personal-access-token");
    let person = |arguments: &[&'static str]| [&PERSON[..], arguments].concat();

    let needed = deployment.run(&person(&["--output", "json", "token", "dev"])).ends_with(3);
    assert_eq!((&needed.error()["reason"], &needed.error()["actor"]), (&"never-signed-in".into(), &"person".into()));
    let status = deployment.run(&person(&["status", "dev"])).ends_with(0);
    assert!(status.stdout.contains("personal access token required"), "{status:?}");
    assert!(status.stdout.contains("fabric-auth personal-access-token set dev"), "{status:?}");
    let login = deployment.run(&person(&["--output", "json", "login", "dev", "--no-browser"])).ends_with(2);
    assert_eq!(login.error()["option"], "FABRIC");

    let token = deployment.workspace.issue_personal_access_token(Identity::User(ALICE.into()));
    let set = person(&["--output", "json", "personal-access-token", "set", "dev", "--token-file", "-"]);
    let done = deployment.run_with(&set, &format!("{}\n", token.expose())).ends_with(0).json();
    assert_eq!(done, serde_json::json!({ "fabric": "dev", "databricks_user": ALICE }));
    let json = deployment.run_secretly(&person(&["--output", "json", "token", "dev"]), "").ends_with(0).json();
    assert_eq!((&json["access_token"], &json["databricks_user"]), (&token.expose().into(), &ALICE.into()));
    assert!((1..=300).contains(&json["expires_in"].as_u64().unwrap()), "{}", json["expires_in"]);
    let status = deployment.run(&person(&["status", "dev", "--output", "json"])).ends_with(0).json();
    let fabric = &status["fabrics"][0];
    assert_eq!((&fabric["signed_in"], &fabric["databricks_user"]), (&true.into(), &ALICE.into()));
    let kinds: Vec<_> = fabric["attention"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["missing-service-principal"]);
    deployment.run(&person(&["test", "dev"])).ends_with(0);
    deployment.run(&["token", "dev"]).ends_with(3);

    let removed = deployment.run(&person(&["personal-access-token", "remove", "dev"])).ends_with(0);
    assert!(removed.stdout.is_empty() && removed.stderr.contains("until you revoke it"), "{removed:?}");
    let again = deployment.run(&person(&["--output", "json", "personal-access-token", "remove", "dev"])).ends_with(1);
    assert_eq!(again.error()["case"], "not-found");
    deployment.run(&person(&["token", "dev"])).ends_with(3);

    let file = deployment.secret_file("token", token.expose());
    let from_file = ["personal-access-token", "set", "dev", "--token-file", file];
    let text = deployment.run(&[&PERSON[..], &from_file].concat()).ends_with(0);
    assert!(text.stdout.contains(ALICE), "{text:?}");
    let ended = deployment.run(&["grants", "end", "--of-user", "anna", "--output", "json"]).ends_with(0).json();
    assert_eq!(ended["ended"], 1);
    deployment.run(&person(&["token", "dev"])).ends_with(3);
    deployment.assert_no_secret_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_is_refused_with_the_option_it_came_by() {
    let deployment = Deployment::new().await;
    deployment.add_fabric("dev", &["--authentication", "personal-access-token"]).ends_with(0);
    let set = ["--output", "json", "personal-access-token", "set", "dev", "--token-file", "-"];
    for text in ["dapi0123456789abcdef", "dose0123456789abcdef", "two words"] {
        let run = deployment.run_with(&set, text).ends_with(2);
        assert_eq!((&run.error()["field"], &run.error()["option"]), (&"token".into(), &"--token-file".into()));
        assert!(!run.stderr.contains(text), "{run:?}");
    }
    deployment.run_with(&set, "").ends_with(2).says(&["Standard input is empty"]);
    deployment.add_fabric("dev", &["--replace", "--authentication", "oauth"]).ends_with(0);
    let run = deployment.run_with(&set, "dapi0123456789abcdef").ends_with(2);
    assert_eq!(run.error()["option"], "FABRIC", "{run:?}");
}
