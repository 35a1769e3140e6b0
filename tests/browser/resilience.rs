//! What goes on while pages are open: slow answers, sessions that end, browsers without script, names that are long.

use std::time::Duration;

use fabric_auth_tests::{DEV, alice, fabric_settings, member, team_admin};
use simulated_workspace::{Endpoint, Fault};

use crate::connecting::{ALICE, choose};
use crate::fabrics::admin_of_the_team;
use crate::stage::Stage;

crate::trials!("resilience":
    Administered each_step_of_a_test_is_shown_as_it_is_done,
    Administered without_script_everything_works_with_a_click_more,
    Administered the_page_that_was_left_by_signing_out_does_not_come_back,
    Administered a_session_that_has_ended_is_told_on_the_page_that_is_open,
    Administered who_comes_back_from_databricks_without_a_session_is_told_what_to_do,
    Administered long_names_break_no_page,
    Administered a_second_sign_in_is_completed_though_the_tab_of_the_first_is_still_there,
);

async fn each_step_of_a_test_is_shown_as_it_is_done(stage: &Stage) {
    stage.service.world.sign_in(&alice()).await;
    let visitor = stage.person(&alice()).await;
    stage.service.world.workspace.inject(Endpoint::Me, Fault::DelayBefore(Duration::from_secs(4)));
    visitor.open("/fabric?name=dev").await;
    visitor.click("Test as you").await;
    visitor.sees("You are signed in.").await;
    let text = visitor.text().await;
    assert!(!text.contains("Who the workspace takes us for"), "it is not done yet: {text}");
    visitor.picture("test-under-way").await;
    visitor.sees("The connection works.").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn without_script_everything_works_with_a_click_more(stage: &Stage) {
    let visitor = stage.visitor_without_script().await;
    visitor.sign_in(&stage.service.api_token(&admin_of_the_team()).await).await;
    visitor.open("/connect?fabric=dev&next=%2Ffabrics").await;
    visitor.sees("I have signed in: go on").await;
    visitor.picture("prompt-without-script").await;
    visitor.click("Continue").await;
    let here = visitor.look_at_the_new_tab().await;
    choose(&visitor, ALICE).await;
    visitor.sees("You are signed in to Databricks").await;
    visitor.look_at(&here).await;
    visitor.click("I have signed in: go on").await;
    visitor.is_at("/fabrics").await;
    visitor.open("/fabric?name=dev").await;
    visitor.click("Test as you").await;
    visitor.sees("The connection works.").await;
    visitor.is_at("/fabric/test").await;
    visitor.picture("test-without-script").await;
    visitor.open("/fabric/new").await;
    visitor.fill("Fabric name", "plain").await;
    visitor.fill("Databricks Workspace URL", "https://evil.example").await;
    visitor.click("Complete").await;
    visitor.sees("Nothing is saved yet").await;
    visitor.sees("evil.example is not the host of a Databricks workspace").await;
    assert_eq!(visitor.value("Fabric name").await, "plain");
    visitor.open("/fabric?name=dev").await;
    visitor.click("Sign out of Databricks…").await;
    visitor.click("Sign out of Databricks").await;
    visitor.sees("sign-in required").await;
}

async fn the_page_that_was_left_by_signing_out_does_not_come_back(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open("/fabric?name=dev").await;
    visitor.sees("alice").await;
    visitor.click("Sign out").await;
    visitor.is_at("/sign-in").await;
    visitor.back().await;
    visitor.sees("API token").await;
    assert!(!visitor.text().await.contains("Test Connection"));
}

async fn a_session_that_has_ended_is_told_on_the_page_that_is_open(stage: &Stage) {
    let visitor = stage.person(&admin_of_the_team()).await;
    visitor.open("/fabric?name=dev").await;
    stage.service.users().revoke_api_tokens("alice").await.expect("no API tokens");
    stage.service.world.advance(Duration::from_secs(5));
    visitor.click("Test as you").await;
    visitor
        .until("the end of the session is told", async || {
            let text = visitor.text().await;
            text.contains("session in this console has ended") || text.contains("API token")
        })
        .await;
    visitor.picture("session-ended").await;
    visitor.open("/fabric?name=dev").await;
    visitor.is_at("/sign-in?next=%2Ffabric%3Fname%3Ddev").await;
}

async fn who_comes_back_from_databricks_without_a_session_is_told_what_to_do(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open("/connect?fabric=dev").await;
    visitor.click("Continue").await;
    visitor.look_at_the_new_tab().await;
    visitor.sees("Sign in to the simulated workspace").await;
    stage.service.users().revoke_api_tokens("alice").await.expect("no API tokens");
    stage.service.world.advance(Duration::from_secs(5));
    choose(&visitor, ALICE).await;
    visitor.sees("This sign-in cannot be completed").await;
    visitor.sees("Sign in to the console, then connect to Databricks again.").await;
    assert!(!visitor.address().await.contains("code="));
    visitor.pictures("sign-in-lost").await;
}

async fn long_names_break_no_page(stage: &Stage) {
    let world = &stage.service.world;
    let name = "a-fabric-whose-name-is-as-long-as-somebody-can-make-it".repeat(2);
    let name: String = name.chars().take(64).collect();
    let mut settings = fabric_settings(&name, stage.workspace());
    settings.scopes = (0..12).map(|number| format!("a-scope-with-a-long-name-{number}")).collect();
    world.host.put_fabric(&team_admin(), settings, None, None).await.expect("a fabric");
    let person = fabric_auth::contract::Caller {
        email: None,
        teams: team_admin().teams,
        cluster_admin: true,
        ..member(&"somebody-with-a-very-long-name".repeat(3))
    };
    let visitor = stage.person(&person).await;
    let encoded = name.replace(' ', "%20");
    for (path, picture) in [
        ("/".to_owned(), "overview"),
        ("/fabrics".to_owned(), "fabrics"),
        (format!("/fabric?name={encoded}"), "fabric"),
        (format!("/fabric/edit?name={encoded}"), "fabric-edit"),
        (format!("/connect?fabric={encoded}"), "prompt"),
        ("/editors/job".to_owned(), "editor"),
        ("/journal".to_owned(), "journal"),
    ] {
        visitor.open(&path).await;
        visitor.pictures(&format!("long-{picture}")).await;
    }
}

async fn a_second_sign_in_is_completed_though_the_tab_of_the_first_is_still_there(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open("/connect?fabric=dev&next=%2Ffabrics").await;
    visitor.click("Continue").await;
    let here = visitor.look_at_the_new_tab().await;
    let first = visitor.tab().await;
    visitor.sees("Sign in to the simulated workspace").await;
    visitor.look_at(&here).await;
    visitor.click("Continue").await;
    let second = visitor.other_tab(&[&here, &first]).await;
    visitor.look_at(&second).await;
    choose(&visitor, ALICE).await;
    visitor.has_tabs(2).await;
    visitor.look_at(&here).await;
    visitor.is_at("/fabrics").await;
    visitor.look_at(&first).await;
    choose(&visitor, ALICE).await;
    visitor.has_tabs(1).await;
    let state = stage.service.world.host.sign_in_status(&alice(), DEV).await.expect("a state");
    assert!(state.required.is_none());
}
