//! Fabrics: the form, its live check, Test Connection, and what one's own sign-in looks like there.

use std::time::Duration;

use fabric_auth::contract::Caller;
use fabric_auth_tests::{DEV, HOUR, alice, team_admin};
use simulated_workspace::{Identity, ServicePrincipalSecret};

use crate::connecting::{ALICE, continue_as};
use crate::stage::Stage;
use crate::visitor::Visitor;

crate::trials!("fabrics":
    Bare oauth_is_offered_before_prophecy_is_registered,
    Administered a_spark_fabric_is_added_and_a_wrong_url_is_told_while_it_is_typed,
    Administered a_sql_fabric_with_a_service_principal_is_added_and_its_secret_is_never_shown_again,
    Administered the_connection_is_tested_step_by_step_and_passes,
    Administered a_test_that_fails_says_at_which_step_and_who_can_act,
    Administered a_fabric_is_tested_before_it_is_saved,
    Administered a_person_signs_in_and_out_on_the_page_of_the_fabric,
    Administered the_prompt_comes_again_when_the_session_at_databricks_has_ended,
    Administered a_fabric_is_removed_after_a_second_thought,
    Administered a_person_s_own_token_is_entered_tried_and_removed,
);

/// Alice, who also administers the team.
pub(crate) fn admin_of_the_team() -> Caller {
    Caller { teams: team_admin().teams, ..alice() }
}

/// Fills the form of a new fabric.
async fn fill_form(visitor: &Visitor, name: &str, compute: &str, workspace: &str) {
    visitor.open("/fabric/new").await;
    visitor.fill("Fabric name", name).await;
    visitor.pick(compute).await;
    visitor.fill("Databricks Workspace URL", workspace).await;
    visitor.pick("OAuth").await;
}

/// PB-012.
async fn oauth_is_offered_before_prophecy_is_registered(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    visitor.open("/fabric/new").await;
    visitor.sees("Authentication Method").await;
    visitor.sees("cannot be used yet").await;
    visitor.pictures("fabric-new-before-registration").await;
    fill_form(&visitor, "early", "Spark", stage.workspace()).await;
    visitor.click("Complete").await;
    visitor.sees("The fabric is saved.").await;
    visitor.sees("cluster admin").await;
    visitor.pictures("fabric-before-registration").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_spark_fabric_is_added_and_a_wrong_url_is_told_while_it_is_typed(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    visitor.open("/fabrics").await;
    visitor.click("Add a fabric").await;
    visitor.pictures("fabric-new").await;
    fill_form(&visitor, "production", "Spark", "https://evil.example/").await;
    visitor.sees("databricks").await;
    let problem = "return document.querySelector('[data-problem=workspace]:not([hidden])')?.textContent ?? ''";
    visitor.until("the wrong URL is told beside its field", async || visitor.script(problem).await != "").await;
    assert_eq!(visitor.script("return document.getElementById('workspace').ariaInvalid").await, "true");
    visitor.pictures("fabric-new-wrong-url").await;
    visitor.fill("Databricks Workspace URL", stage.workspace()).await;
    visitor.pick("OAuth").await;
    visitor.until("the right URL is taken", async || visitor.script(problem).await == "").await;
    visitor.click("Complete").await;
    visitor.is_at("/fabric?name=production&done=saved").await;
    visitor.sees("The fabric is saved.").await;
    visitor.open("/fabrics").await;
    visitor.sees("production").await;
    visitor.pictures("fabrics").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

/// PB-064.
async fn a_sql_fabric_with_a_service_principal_is_added_and_its_secret_is_never_shown_again(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    let principal = stage.service.world.principal.clone();
    let secret = principal.secret().expect("a secret").expose().to_owned();
    fill_form(&visitor, "nightly", "SQL", stage.workspace()).await;
    visitor.fill("Service Principal Client ID", &principal.application_id).await;
    visitor.fill("Service Principal Client Secret", &secret).await;
    let ends = "return new Date(Date.now() + 300 * 86400000).toISOString().slice(0, 10)";
    let ends = visitor.script(ends).await.as_str().expect("a date").to_owned();
    visitor.fill("The secret ends on", &ends).await;
    visitor.pictures("fabric-new-service-principal").await;
    visitor.click("Complete").await;
    visitor.sees("The fabric is saved.").await;
    visitor.sees(&principal.application_id).await;
    visitor.sees("secret stored").await;
    visitor.pictures("fabric-service-principal").await;
    visitor.click("Change").await;
    visitor.is_at("/fabric/edit?name=nightly").await;
    assert_eq!(visitor.value("Service Principal Client Secret").await, "");
    assert_eq!(visitor.value("The secret ends on").await, ends);
    let source = visitor.script("return document.documentElement.outerHTML").await.to_string();
    assert!(!source.contains(&secret));
    visitor.pictures("fabric-edit").await;
    visitor.click("Complete").await;
    visitor.sees("secret stored").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn the_connection_is_tested_step_by_step_and_passes(stage: &Stage) {
    stage.service.world.sign_in(&alice()).await;
    let visitor = stage.person(&admin_of_the_team()).await;
    visitor.open("/fabric?name=dev").await;
    let principal = &stage.service.world.principal.application_id;
    for (button, identity) in [("Test as you", ALICE), ("Test as the service principal", principal.as_str())] {
        visitor.click(button).await;
        visitor.sees(&format!("Databricks knows this identity as {identity}.")).await;
        visitor.sees("The connection works.").await;
        let steps =
            visitor.script("return [...document.querySelectorAll('[data-step]')].map(step => step.dataset.step)").await;
        assert_eq!(steps, serde_json::json!(["discovery", "access-token", "identity", "compute"]), "{button}");
    }
    visitor.pictures("test-passed").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_test_that_fails_says_at_which_step_and_who_can_act(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    visitor.open("/fabric?name=dev").await;
    visitor.click("Test as you").await;
    visitor.sees("What can be tested before you have signed in works.").await;
    let script = "return [...document.querySelectorAll('[data-step]')].map(step => [step.dataset.step, step.innerText.split(' ')[0]])";
    let expected = serde_json::json!([["discovery", "passed"], ["access-token", "sign-in"]]);
    assert_eq!(visitor.script(script).await, expected);
    visitor.sees("Connect to Databricks").await;
    visitor.pictures("test-needs-sign-in").await;
    let principal = stage.service.world.principal.clone();
    stage.service.world.workspace.change_service_principal(&principal.application_id, |principal| {
        principal.secrets = vec![ServicePrincipalSecret::bound_to(&[])];
    });
    visitor.click("Test as the service principal").await;
    visitor.sees("As the service principal").await;
    visitor.sees("Who can act on it").await;
    visitor.sees("The connection does not work yet.").await;
    visitor.pictures("test-failed").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_fabric_is_tested_before_it_is_saved(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    let principal = stage.service.world.principal.clone();
    fill_form(&visitor, "trial", "SQL", "http://127.0.0.1:1").await;
    visitor.click("Test Connection").await;
    visitor.sees("The connection does not work yet.").await;
    visitor.pictures("test-unreachable").await;
    visitor.fill("Databricks Workspace URL", stage.workspace()).await;
    visitor.fill("Service Principal Client ID", &principal.application_id).await;
    visitor.fill("Service Principal Client Secret", principal.secret().expect("a secret").expose()).await;
    visitor.click("Test Connection").await;
    visitor.sees("As the service principal").await;
    visitor.sees("The connection works.").await;
    visitor.has_tabs(1).await;
    visitor.open("/fabrics").await;
    assert!(!visitor.text().await.contains("trial"), "a test saves nothing");
    assert_eq!(visitor.complaints().await, [""; 0]);
}

/// PB-103, PB-105.
async fn a_person_signs_in_and_out_on_the_page_of_the_fabric(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open("/fabric?name=dev").await;
    visitor.sees("You have not signed in to this workspace yet.").await;
    visitor.pictures("fabric-sign-in-required").await;
    visitor.click("Connect to Databricks").await;
    continue_as(stage, &visitor, ALICE).await;
    visitor.is_at("/fabric?name=dev").await;
    visitor.sees(ALICE).await;
    visitor.pictures("fabric-signed-in").await;
    visitor.open("/").await;
    visitor.sees("What ends, and when").await;
    visitor.pictures("overview-signed-in").await;
    visitor.open("/fabric?name=dev").await;
    visitor.click("Sign out of Databricks…").await;
    visitor.sees("You are signed out of the workspace, so of every fabric there.").await;
    visitor.picture("fabric-sign-out-confirm").await;
    visitor.click("Sign out of Databricks").await;
    visitor.is_at("/fabric?name=dev&done=signed-out").await;
    visitor.sees("sign-in required").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn the_prompt_comes_again_when_the_session_at_databricks_has_ended(stage: &Stage) {
    stage.service.world.sign_in(&alice()).await;
    let visitor = stage.person(&alice()).await;
    visitor.open("/editors/pipeline?fabric=dev").await;
    visitor.sees("Attached to").await;
    stage.service.world.workspace.end_sessions_of(&Identity::User(ALICE.to_owned()));
    stage.service.world.advance(HOUR + Duration::from_secs(60));
    visitor.open("/editors/pipeline?fabric=dev").await;
    visitor.sees("Log in with your Databricks account").await;
    continue_as(stage, &visitor, ALICE).await;
    visitor.is_at("/editors/pipeline?fabric=dev").await;
    visitor.sees("Attached to").await;
    let (_, description) = stage.service.world.token(&alice()).await.expect("a token");
    assert_eq!(description.databricks_user, ALICE);
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_fabric_is_removed_after_a_second_thought(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    visitor.open("/fabric?name=dev").await;
    visitor.click("Remove this fabric…").await;
    visitor.sees("Its service principal's credentials go with it").await;
    visitor.picture("fabric-remove-confirm").await;
    visitor.click("Remove this fabric").await;
    visitor.is_at("/fabrics").await;
    visitor.sees("There are no fabrics of your teams.").await;
    let gone = stage.service.world.host.get_fabric(&admin_of_the_team(), DEV).await;
    assert!(gone.is_err());
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_person_s_own_token_is_entered_tried_and_removed(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    visitor.open("/fabric/new").await;
    visitor.fill("Fabric name", "tokens").await;
    visitor.pick("Spark").await;
    visitor.fill("Databricks Workspace URL", stage.workspace()).await;
    visitor.pick("Personal access token").await;
    visitor.click("Complete").await;
    visitor.sees("token required").await;
    visitor.fill("Personal access token", "dapi00000000000000000000000000000000").await;
    visitor.click("Store").await;
    visitor.sees("Personal access token").await;
    visitor.pictures("token-refused").await;
    let token = stage.service.world.workspace.issue_personal_access_token(Identity::User(ALICE.to_owned()));
    visitor.open("/fabric?name=tokens").await;
    visitor.fill("Personal access token", token.expose()).await;
    visitor.click("Store").await;
    visitor.sees("Your personal access token is stored, sealed.").await;
    visitor.sees("token entered").await;
    let source = visitor.script("return document.documentElement.outerHTML").await.to_string();
    assert!(!source.contains(token.expose()));
    visitor.pictures("fabric-own-token").await;
    visitor.click("Remove it…").await;
    visitor.click("Remove it").await;
    visitor.sees("token required").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}
