//! What cluster admins do: registering Prophecy with Databricks, ending sign-ins, the journal, the keys.

use fabric_auth::contract::Caller;
use fabric_auth_tests::{DEV, alice, bob, cluster_admin, team_admin};
use secrecy::ExposeSecret as _;

use crate::connecting::{ALICE, choose};
use crate::stage::Stage;

crate::trials!("administration":
    Bare prophecy_is_registered_under_admin_settings_security,
    Administered a_value_that_is_not_right_is_told_beside_its_field_and_nothing_is_lost,
    Administered that_the_registration_works_is_shown_by_a_sign_in,
    Administered who_is_signed_in_is_listed_and_ended,
    Administered the_journal_is_searched_and_verified,
    Administered the_keys_are_rotated_and_everything_is_sealed_anew,
    Administered a_member_of_a_team_sees_nothing_of_the_administration,
    Administered what_is_not_there_is_told_with_a_page,
);

/// Alice, who administers the cluster and the team.
fn administrator() -> Caller {
    Caller { cluster_admin: true, teams: team_admin().teams, ..alice() }
}

/// PB-022, PB-023.
async fn prophecy_is_registered_under_admin_settings_security(stage: &Stage) {
    let visitor = stage.person(&cluster_admin()).await;
    visitor.click("Register Prophecy with Databricks").await;
    visitor.is_at("/admin/security").await;
    assert_eq!(visitor.title().await, "Security · fabric-auth");
    let headings = visitor.script("return [...document.querySelectorAll('h1, h2')].map(it => it.innerText)").await;
    assert_eq!(headings[0], "Security");
    assert_eq!(headings[1], "Databricks OAuth Application (U2M)");
    visitor.sees(&format!("{}/api/databricks/oauthredirect", stage.service.base_url)).await;
    visitor.pictures("security-empty").await;
    let world = &stage.service.world;
    let secret = world.app_secret().expect("a secret");
    visitor.fill("Client ID", &world.app.client_id).await;
    visitor.fill("Client Secret", secret.expose_secret()).await;
    visitor.click("Save").await;
    visitor.sees("Saved, and in force at once for all users, teams and fabrics.").await;
    assert_eq!(visitor.value("Client ID").await, world.app.client_id);
    assert_eq!(visitor.value("Client Secret").await, "");
    let source = visitor.script("return document.documentElement.outerHTML").await.to_string();
    assert!(!source.contains(secret.expose_secret()));
    visitor.pictures("security-registered").await;
    let known = world.host.describe_app_connections(&cluster_admin()).await.expect("app connections");
    assert!(known.iter().any(|app| app.settings.client_id == world.app.client_id && app.has_client_secret));
    visitor.click("Remove this app connection…").await;
    visitor.click("Remove this app connection").await;
    visitor.sees("Removed.").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_value_that_is_not_right_is_told_beside_its_field_and_nothing_is_lost(stage: &Stage) {
    let visitor = stage.person(&cluster_admin()).await;
    visitor.open("/admin/security").await;
    visitor.fill("Client ID", "another-client").await;
    visitor.fill("Client Secret", "with a blank").await;
    visitor.click("Save").await;
    visitor.sees("Nothing is saved yet").await;
    visitor.sees("A secret is 1 to 1,024 printable ASCII characters").await;
    assert_eq!(visitor.value("Client ID").await, "another-client", "what was typed is still there");
    assert_eq!(visitor.value("Client Secret").await, "");
    visitor.pictures("security-refused").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn that_the_registration_works_is_shown_by_a_sign_in(stage: &Stage) {
    let visitor = stage.person(&administrator()).await;
    visitor.open("/admin/security").await;
    visitor.click("Sign in through dev").await;
    visitor.is_below(stage.workspace()).await;
    choose(&visitor, ALICE).await;
    visitor.sees("You are signed in through the fabric dev: client ID, redirect URL, secret and scopes work.").await;
    visitor.pictures("security-checked").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn who_is_signed_in_is_listed_and_ended(stage: &Stage) {
    let world = &stage.service.world;
    world.sign_in(&alice()).await;
    world.sign_in(&bob()).await;
    let visitor = stage.person(&cluster_admin()).await;
    visitor.click("People").await;
    visitor.sees("alice@example.com").await;
    visitor.sees("bob@example.com").await;
    visitor.pictures("people").await;
    visitor.click("End everything of bob…").await;
    visitor.click("End everything of bob").await;
    visitor.sees("1 ended.").await;
    let required = async |caller: &Caller| world.host.sign_in_status(caller, DEV).await.expect("a state").required;
    assert!(required(&bob()).await.is_some() && required(&alice()).await.is_none());
    visitor.click("End everybody's…").await;
    visitor.picture("people-end-everybody").await;
    visitor.click("End everybody's").await;
    visitor.sees("ended.").await;
    visitor.until("alice is signed out", async || required(&alice()).await.is_some()).await;
    visitor.pictures("people-ended").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn the_journal_is_searched_and_verified(stage: &Stage) {
    let world = &stage.service.world;
    world.sign_in(&alice()).await;
    world.sign_in(&bob()).await;
    let visitor = stage.person(&cluster_admin()).await;
    visitor.click("Journal").await;
    visitor.sees("alice@example.com").await;
    visitor.pictures("journal").await;
    visitor.fill("Who", "bob").await;
    visitor.click("Look").await;
    visitor.sees("bob@example.com").await;
    visitor.sees_no_more("alice@example.com").await;
    visitor.pictures("journal-filtered").await;
    visitor.fill("Who", "nobody").await;
    visitor.click("Look").await;
    visitor.sees("No such event.").await;
    visitor.click("Verify the journal").await;
    visitor.sees("The journal is as the hosts have written it.").await;
    visitor.pictures("journal-verified").await;
    let script = "const answer = await fetch('/journal/export?actor=bob'); return await answer.text()";
    let exported = visitor.script(&format!("return (async () => {{ {script} }})()")).await;
    let lines: Vec<&str> = exported.as_str().expect("text").lines().collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains("\"bob\"")), "{lines:?}");
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn the_keys_are_rotated_and_everything_is_sealed_anew(stage: &Stage) {
    let world = &stage.service.world;
    world.sign_in(&alice()).await;
    let visitor = stage.person(&cluster_admin()).await;
    visitor.click("Keys").await;
    visitor.sees("primary: seals and opens").await;
    visitor.pictures("keys").await;
    visitor.click("Rotate…").await;
    visitor.picture("keys-rotate-confirm").await;
    visitor.click("Rotate").await;
    visitor.sees("is the primary key now").await;
    visitor.sees("records sealed under the primary key").await;
    visitor.pictures("keys-resealed").await;
    visitor.click("Back to the keys").await;
    visitor.sees("retired: opens").await;
    visitor.click("Add a standby key").await;
    visitor.sees("There is a new standby key.").await;
    visitor.click("Promote…").await;
    visitor.click("Promote").await;
    visitor.sees("There is a new primary key.").await;
    visitor.click("Seal everything under the primary key").await;
    visitor.sees("records sealed under the primary key").await;
    visitor.open("/admin/keys").await;
    visitor.pictures("keys-rotated").await;
    assert!(world.token(&alice()).await.is_ok(), "what was sealed before opens");
    let ring = std::fs::read_to_string(world.folder().join("keyring.json")).expect("a key ring");
    let ring: serde_json::Value = serde_json::from_str(&ring).expect("a key ring");
    let source = visitor.script("return document.documentElement.outerHTML").await.to_string();
    let keys = ring["keys"].as_array().expect("keys");
    assert!(keys.len() == 3 && keys.iter().all(|key| !source.contains(key["k"].as_str().expect("a key"))));
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_member_of_a_team_sees_nothing_of_the_administration(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    let links = "return [...document.querySelectorAll('header nav a')].map(link => link.innerText)";
    let expected = serde_json::json!(["fabric-auth", "Overview", "Fabrics", "Editors"]);
    assert_eq!(visitor.script(links).await, expected);
    for path in ["/people", "/journal", "/admin/security", "/admin/keys"] {
        visitor.open(path).await;
        visitor.sees("That did not work").await;
        visitor.sees("cluster admin").await;
    }
    visitor.pictures("refused").await;
    visitor.open("/fabric/edit?name=dev").await;
    visitor.open("/fabric?name=dev").await;
    let text = visitor.text().await;
    assert!(!text.contains("Change") && !text.contains("Remove this fabric") && !text.contains("End all"), "{text}");
}

async fn what_is_not_there_is_told_with_a_page(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    for path in ["/nowhere", "/fabric?name=none", "/connect?fabric=none"] {
        visitor.open(path).await;
        visitor.sees("To the overview").await;
        visitor.click("To the overview").await;
        visitor.is_at("/").await;
    }
    visitor.open("/nowhere").await;
    visitor.pictures("not-found").await;
}
