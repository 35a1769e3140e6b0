//! Choosing a fabric in the editors: who is asked to sign in, and what a job on it would run as.

use fabric_auth_tests::{DEV, TEAM, alice, bob, fabric_settings, team_admin, with_principal};

use crate::connecting::{ALICE, continue_as};
use crate::stage::Stage;
use crate::visitor::Visitor;

crate::trials!("editors":
    Administered the_pipeline_editor_asks_when_a_fabric_is_chosen,
    Administered the_job_editor_asks_when_a_fabric_is_chosen,
    Administered the_settings_of_a_job_ask_before_they_list_anybody,
    Administered who_cancels_comes_back_to_an_editor_with_no_fabric,
    Administered a_fabric_of_the_same_workspace_does_not_ask_again,
    Administered the_warning_of_a_job_comes_and_goes_with_the_service_principal,
    Administered a_run_as_that_the_service_principal_replaces_is_told,
);

/// Chooses the fabric `dev` in an editor, and is asked.
async fn is_asked(stage: &Stage, path: &str, name: &str) -> Visitor {
    let visitor = stage.person(&alice()).await;
    visitor.open("/editors").await;
    visitor.click(name).await;
    visitor.is_at(path).await;
    visitor.sees("No fabric is attached.").await;
    visitor.choose("Fabric", DEV).await;
    visitor.click("Choose").await;
    visitor.sees("Log in with your Databricks account").await;
    visitor
}

async fn is_attached(stage: &Stage, visitor: &Visitor, path: &str) {
    continue_as(stage, visitor, ALICE).await;
    visitor.sees(&format!("Attached to {DEV} as {ALICE}.")).await;
    assert!(visitor.address().await.contains(path));
    assert_eq!(visitor.complaints().await, [""; 0]);
}

/// PB-106.
async fn the_pipeline_editor_asks_when_a_fabric_is_chosen(stage: &Stage) {
    let visitor = is_asked(stage, "/editors/pipeline", "Pipeline editor").await;
    is_attached(stage, &visitor, "/editors/pipeline?fabric=dev").await;
    visitor.pictures("editor-pipeline").await;
    visitor.open("/editors").await;
    visitor.pictures("editors").await;
}

/// PB-107.
async fn the_job_editor_asks_when_a_fabric_is_chosen(stage: &Stage) {
    let visitor = is_asked(stage, "/editors/job", "Job editor").await;
    is_attached(stage, &visitor, "/editors/job?fabric=dev").await;
    visitor.sees(&stage.service.world.principal.application_id).await;
    visitor.pictures("editor-job").await;
}

/// PB-108.
async fn the_settings_of_a_job_ask_before_they_list_anybody(stage: &Stage) {
    let visitor = is_asked(stage, "/editors/job-settings", "Job settings").await;
    is_attached(stage, &visitor, "/editors/job-settings?fabric=dev").await;
}

/// PB-109.
async fn who_cancels_comes_back_to_an_editor_with_no_fabric(stage: &Stage) {
    for (path, name) in [
        ("/editors/pipeline", "Pipeline editor"),
        ("/editors/job", "Job editor"),
        ("/editors/job-settings", "Job settings"),
    ] {
        let visitor = stage.visitor().await;
        let api_token = match stage.service.users().issue_api_token("alice", None).await {
            Ok(api_token) => api_token,
            Err(_) => stage.service.api_token(&alice()).await,
        };
        visitor.sign_in(&api_token).await;
        visitor.open("/editors").await;
        visitor.click(name).await;
        visitor.choose("Fabric", DEV).await;
        visitor.click("Choose").await;
        visitor.click("Cancel").await;
        visitor.is_at(path).await;
        visitor.sees("No fabric is attached.").await;
        assert_eq!(visitor.value("Fabric").await, "");
    }
    let state = stage.service.world.host.sign_in_status(&alice(), DEV).await.expect("a state");
    assert!(state.required.is_some());
}

async fn a_fabric_of_the_same_workspace_does_not_ask_again(stage: &Stage) {
    let world = &stage.service.world;
    world
        .host
        .put_fabric(&team_admin(), fabric_settings("twin", stage.workspace()), None, None)
        .await
        .expect("a fabric");
    let visitor = is_asked(stage, "/editors/pipeline", "Pipeline editor").await;
    is_attached(stage, &visitor, "/editors/pipeline?fabric=dev").await;
    visitor.choose("Fabric", "twin").await;
    visitor.click("Choose").await;
    visitor.sees(&format!("Attached to twin as {ALICE}.")).await;
}

/// PB-067, PB-069, PB-070, PB-071.
async fn the_warning_of_a_job_comes_and_goes_with_the_service_principal(stage: &Stage) {
    let world = &stage.service.world;
    world.sign_in(&alice()).await;
    let without = fabric_settings(DEV, stage.workspace());
    assert_eq!(without.team, TEAM);
    world.host.put_fabric(&team_admin(), without.clone(), None, None).await.expect("a fabric");
    let visitor = stage.person(&alice()).await;
    visitor.open("/editors/job?fabric=dev").await;
    visitor.sees("Service Principal Client ID").await;
    visitor.sees("cannot run").await;
    visitor.sees("Attached to dev").await;
    visitor.pictures("editor-job-warning").await;
    let with = with_principal(without, &world.principal);
    world.host.put_fabric(&team_admin(), with, Some(&world.principal_secret()), None).await.expect("a fabric");
    visitor.click("Choose").await;
    visitor.sees(&world.principal.application_id).await;
    let text = visitor.text().await;
    assert!(!text.contains("cannot run") && !text.contains("Service Principal Client ID"), "{text}");
    assert_eq!(visitor.complaints().await, [""; 0]);
}

/// PB-113.
async fn a_run_as_that_the_service_principal_replaces_is_told(stage: &Stage) {
    stage.service.world.sign_in(&bob()).await;
    let visitor = stage.person(&bob()).await;
    visitor.open("/editors/job?fabric=dev").await;
    visitor.fill("Run As", "somebody@example.com").await;
    visitor.click("Choose").await;
    visitor.sees("Attached to dev").await;
    visitor.sees("somebody@example.com").await;
    visitor.pictures("editor-job-run-as").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}
