//! Who is signed in, and ending that for people who have left.

use super::support::{ALICE, Deployment};

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_are_listed_and_ended_one_by_one_by_user_by_fabric_and_all() {
    let deployment = Deployment::with_fabric().await;
    let list = || deployment.run(&["grants", "list", "--output", "json"]).ends_with(0).json()["grants"].clone();
    assert_eq!(list(), serde_json::json!([]));
    assert!(deployment.run(&["grants", "list"]).ends_with(0).stdout.contains("Nobody is signed in."));
    let sign_in = async |user: &str| deployment.log_in_as(ALICE, &["--user", user]).await.ends_with(0);
    sign_in("anna").await;
    sign_in("bert").await;
    let listed = list();
    let users: Vec<_> = listed.as_array().unwrap().iter().map(|grant| grant["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["anna", "bert"]);
    let annas = &listed[0];
    assert_eq!((&annas["databricks_user"], &annas["generation"]), (&ALICE.into(), &1.into()));
    assert_eq!(annas["workspace"], deployment.workspace.url());
    assert!(annas.get("required").is_none() && annas["age"].is_u64(), "{annas}");
    let text = deployment.run(&["grants", "list"]).ends_with(0);
    assert!(text.stdout.contains("anna") && text.stdout.contains("signed in"), "{text:?}");

    let end = |options: &[&str]| {
        let run = deployment.run(&[&["grants", "end", "--output", "json"][..], options].concat()).ends_with(0);
        run.json()["ended"].as_u64().unwrap()
    };
    let grant = annas["grant"].as_str().unwrap().to_owned();
    assert_eq!(end(&["--grant", &grant]), 1);
    let again = deployment.run(&["grants", "end", "--grant", &grant, "--output", "json"]).ends_with(1);
    assert_eq!(again.error()["case"], "not-found");
    assert!(again.error()["message"].as_str().unwrap().contains("grants list"), "{again:?}");
    deployment.run(&["token", "dev", "--user", "anna"]).ends_with(3);
    deployment.run_secretly(&["token", "dev", "--user", "bert"], "").ends_with(0);

    sign_in("anna").await;
    assert_eq!(end(&["--of-user", "anna"]), 1);
    sign_in("anna").await;
    assert_eq!(end(&["--of-fabric", "dev"]), 2);
    sign_in("anna").await;
    let ended = deployment.run(&["grants", "end", "--all", "--yes"]).ends_with(0);
    assert!(ended.stdout.starts_with("1 grant or personal access token ended."), "{ended:?}");
    assert!(deployment.run(&["grants", "end", "--all", "--yes"]).ends_with(0).stdout.contains("nothing to end"));
    assert_eq!(list(), serde_json::json!([]));
    deployment.assert_no_secret_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_grants_of_others_is_not_for_everybody_and_wrong_names_are_told() {
    let deployment = Deployment::with_fabric().await;
    for arguments in [&["grants", "list"][..], &["grants", "end", "--of-user", "anna"]] {
        let run = deployment.run(&[&["--role", "person", "--output", "json"], arguments].concat()).ends_with(1);
        assert_eq!(run.error()["case"], "forbidden", "{arguments:?}");
    }
    for option in ["--of-user", "--of-fabric"] {
        let run = deployment.run(&["grants", "end", option, "", "--output", "json"]).ends_with(2);
        assert_eq!(run.error()["option"], "--of-user or --of-fabric", "{run:?}");
    }
}
