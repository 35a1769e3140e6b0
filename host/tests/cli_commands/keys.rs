//! The life of a master key, by the commands of `keys`.

use simulated_workspace::Needle;

use super::support::{ALICE, Deployment};

/// The id of the only key of this status.
#[track_caller]
fn key_id(deployment: &Deployment, status: &str) -> String {
    let list = deployment.run(&["keys", "list", "--output", "json"]).ends_with(0).json();
    let mut keys = list["keys"].as_array().unwrap().iter().filter(|key| key["status"] == status);
    let key = keys.next().unwrap_or_else(|| panic!("no key is {status}: {list}"));
    assert!(keys.next().is_none(), "{list}");
    key["key_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_seals_everything_under_a_new_key_so_that_the_old_one_can_go() {
    let deployment = Deployment::with_fabric().await;
    deployment.log_in_as(ALICE, &[]).await.ends_with(0);
    let first = key_id(&deployment, "primary");
    let rotated = deployment.run(&["keys", "rotate", "--output", "json"]).ends_with(0);
    assert!(rotated.json()["resealed"].as_u64().unwrap() >= 2, "{rotated:?}");
    assert_eq!(rotated.json()["key_id"], key_id(&deployment, "primary").as_str());
    assert_eq!(key_id(&deployment, "retired"), first);
    let again = deployment.run(&["keys", "reseal", "--output", "json"]).ends_with(0).json();
    assert_eq!((&again["resealed"], &again["skipped"]), (&0.into(), &0.into()));

    deployment.run(&["keys", "remove", &first]).ends_with(0);
    let list = deployment.run(&["keys", "list"]).ends_with(0);
    assert!(!list.stdout.contains(&first) && list.stdout.contains("primary"), "{list:?}");
    deployment.run_secretly(&["token", "dev"], "").ends_with(0);
    let ring = std::fs::read_to_string(deployment.path("keyring.json")).unwrap();
    let ring: serde_json::Value = serde_json::from_str(&ring).unwrap();
    let bytes = ring["keys"][0]["k"].as_str().unwrap();
    assert!(bytes.len() > 40);
    for run in [&list, &rotated] {
        assert_eq!(Needle::new(bytes).find(format!("{}{}", run.stdout, run.stderr).as_bytes()), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_from_standby_to_primary_to_retired_and_out() {
    let deployment = Deployment::with_fabric().await;
    let first = key_id(&deployment, "primary");
    deployment.run(&["keys", "add"]).ends_with(0).says(&["keys promote"]);
    let second = key_id(&deployment, "standby");
    assert_eq!(key_id(&deployment, "primary"), first);
    deployment.run(&["keys", "remove", &first]).ends_with(1).says(&["primary"]);
    deployment.run(&["keys", "promote", &first]).ends_with(1).says(&[&first]);
    deployment.run(&["keys", "promote", &second]).ends_with(0).says(&["keys reseal"]);
    assert_eq!((key_id(&deployment, "primary"), key_id(&deployment, "retired")), (second, first.clone()));

    let early = deployment.run(&["keys", "remove", &first, "--output", "json"]).ends_with(1);
    assert_eq!(early.error()["case"], "conflict");
    assert!(early.error()["message"].as_str().unwrap().contains("keys reseal"), "{early:?}");
    assert_eq!(key_id(&deployment, "retired"), first);
    deployment.run(&["keys", "reseal"]).ends_with(0);
    deployment.run(&["keys", "remove", &first]).ends_with(0);
    deployment.run(&["keys", "remove", &first]).ends_with(1).says(&[&first]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stays_while_another_tenant_needs_it() {
    let deployment = Deployment::with_fabric().await;
    let first = key_id(&deployment, "primary");
    deployment.configure("tenant = \"default\"", "tenant = \"other\"");
    deployment.set_app();
    deployment.run(&["keys", "rotate"]).ends_with(0);
    deployment.run(&["keys", "remove", &first]).ends_with(1).says(&["still sealed"]);
    deployment.configure("tenant = \"other\"", "tenant = \"default\"");
    deployment.run(&["keys", "reseal"]).ends_with(0);
    deployment.run(&["keys", "remove", &first]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_key_that_is_not_wanted_goes_at_once() {
    let deployment = Deployment::with_fabric().await;
    deployment.run(&["keys", "add"]).ends_with(0);
    let standby = key_id(&deployment, "standby");
    deployment.run(&["keys", "remove", &standby]).ends_with(0);
    assert!(!deployment.run(&["keys", "list"]).ends_with(0).stdout.contains(&standby));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_ring_is_for_the_operator_alone() {
    let deployment = Deployment::with_fabric().await;
    let ring = std::fs::read(deployment.path("keyring.json")).unwrap();
    for arguments in [&["list"][..], &["add"], &["promote", "a"], &["rotate"], &["reseal"], &["remove", "a"]] {
        let all = [&["--role", "person", "--output", "json", "keys"][..], arguments].concat();
        assert_eq!(deployment.run(&all).ends_with(1).error()["case"], "forbidden", "{arguments:?}");
    }
    assert_eq!(std::fs::read(deployment.path("keyring.json")).unwrap(), ring);
}
