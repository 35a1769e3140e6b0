//! After a backup of the database was put back.

use std::time::Duration;

use super::support::{ALICE, Deployment};

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_marked_once_its_window_is_open_and_never_before() {
    let deployment = Deployment::with_fabric().await;
    deployment.log_in_as(ALICE, &[]).await.ends_with(0);
    let check = ["restore-check", "--output", "json"];
    let fresh = deployment.run(&check).ends_with(0).json();
    assert_eq!(fresh, serde_json::json!({ "looked_at": 1, "marked": 0, "unreadable": 0 }));

    let life = Duration::from_secs(2);
    deployment.workspace.change_app(&deployment.app.client_id, |app| app.lifetimes.access_token = life);
    deployment.log_in_as(ALICE, &[]).await.ends_with(0);
    tokio::time::sleep(life).await;
    deployment.run(&["--role", "person", "restore-check"]).ends_with(1).says(&["cluster admin"]);
    let marked = deployment.run(&["restore-check"]).ends_with(0);
    assert!(marked.stdout.starts_with("1 of 1 grants marked"), "{marked:?}");
    assert_eq!(deployment.run(&check).ends_with(0).json()["marked"], 0, "it is marked already");
    let status = deployment.run(&["status", "dev", "--output", "json"]).ends_with(0).json();
    assert_eq!(status["fabrics"][0]["reason"], "outcome-unknown");
    assert_eq!(deployment.workspace.books().grant("refresh_token").requests, 0);
}
