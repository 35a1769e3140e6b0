//! "Connect to Databricks": the prompt, the tab that it opens, and everything that can go wrong there.

use fabric_auth_tests::{DEV, alice, bob};
use simulated_workspace::{Endpoint, Fault};

use crate::stage::Stage;
use crate::visitor::Visitor;

pub(crate) const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// The prompt for the fabric `dev`, from a page that wants to go on to the list of fabrics.
const PROMPT: &str = "/connect?fabric=dev&next=%2Ffabrics&cancel=%2Feditors";

crate::trials!("connecting":
    Administered the_prompt_is_the_one_pictured,
    Administered signing_in_opens_a_tab_that_closes_by_itself_and_the_page_that_asked_goes_on,
    Administered two_people_sign_in_in_two_browsers,
    Administered cancel_ends_the_prompt_and_nobody_is_signed_in,
    Administered a_blocked_tab_is_told_and_there_is_a_way_in_the_same_one,
    Administered a_sign_in_that_never_comes_back_is_explained_by_its_two_usual_causes,
    Administered a_sign_in_that_databricks_refuses_is_explained_and_tried_again,
    Administered a_sign_in_as_somebody_else_is_refused_with_both_names,
    Administered no_page_after_the_sign_in_has_the_code_in_its_address_or_history,
    Administered the_way_to_databricks_and_back_is_gone_with_the_keyboard_alone,
);

/// Chooses *Continue*, and signs in at Databricks in the tab that opens. Gives the tab that asked, and stays in the new one.
pub(crate) async fn continue_as(stage: &Stage, visitor: &Visitor, user_name: &str) {
    visitor.click("Continue").await;
    let here = visitor.look_at_the_new_tab().await;
    visitor.is_below(stage.workspace()).await;
    choose(visitor, user_name).await;
    visitor.has_tabs(1).await;
    visitor.look_at(&here).await;
}

/// Chooses who signs in, on the workspace's page.
pub(crate) async fn choose(visitor: &Visitor, user_name: &str) {
    visitor.sees("Sign in to the simulated workspace").await;
    let script = format!("document.querySelector('button[value=\"{user_name}\"]').click()");
    visitor.script(&script).await;
}

async fn is_signed_in(stage: &Stage, caller: &fabric_auth::contract::Caller) -> bool {
    stage.service.world.host.sign_in_status(caller, DEV).await.expect("a state").required.is_none()
}

/// PB-048.
async fn the_prompt_is_the_one_pictured(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open(PROMPT).await;
    assert_eq!(visitor.title().await, "Connect to Databricks · fabric-auth");
    let script = "return [...document.querySelectorAll('h1, .actions > *')].map(part => part.innerText.trim())";
    assert_eq!(visitor.script(script).await, serde_json::json!(["Connect to Databricks", "Cancel", "Continue"]));
    visitor.sees("Log in with your Databricks account").await;
    visitor.pictures("prompt").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

/// PB-103, PB-105.
async fn signing_in_opens_a_tab_that_closes_by_itself_and_the_page_that_asked_goes_on(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open(PROMPT).await;
    visitor.click("Continue").await;
    let here = visitor.tab().await;
    visitor.sees("Waiting for you to sign in").await;
    visitor.pictures("prompt-waiting").await;
    visitor.look_at_the_new_tab().await;
    visitor.is_below(stage.workspace()).await;
    assert_eq!(
        visitor.script("return window.opener === null").await,
        true,
        "the workspace must not lead the console on"
    );
    assert_eq!(visitor.script("return document.referrer").await, "");
    choose(&visitor, ALICE).await;
    visitor.has_tabs(1).await;
    visitor.look_at(&here).await;
    visitor.is_at("/fabrics").await;
    visitor.sees("signed in").await;
    assert!(is_signed_in(stage, &alice()).await);
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn two_people_sign_in_in_two_browsers(stage: &Stage) {
    let (one, other) = (stage.person(&alice()).await, stage.person(&bob()).await);
    one.open(PROMPT).await;
    other.open(PROMPT).await;
    one.click("Continue").await;
    other.click("Continue").await;
    let (of_one, of_other) = (one.look_at_the_new_tab().await, other.look_at_the_new_tab().await);
    choose(&other, BOB).await;
    other.has_tabs(1).await;
    other.look_at(&of_other).await;
    other.is_at("/fabrics").await;
    assert!(!is_signed_in(stage, &alice()).await && is_signed_in(stage, &bob()).await);
    choose(&one, ALICE).await;
    one.has_tabs(1).await;
    one.look_at(&of_one).await;
    one.is_at("/fabrics").await;
    for (visitor, name) in [(&one, ALICE), (&other, BOB)] {
        visitor.open("/fabric?name=dev").await;
        visitor.sees(name).await;
    }
}

/// PB-109.
async fn cancel_ends_the_prompt_and_nobody_is_signed_in(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    for way_out in ["Cancel", "Close"] {
        visitor.open(PROMPT).await;
        visitor.click(way_out).await;
        visitor.is_at("/editors").await;
    }
    visitor.has_tabs(1).await;
    assert!(!is_signed_in(stage, &alice()).await);
    let begun = stage.service.world.books().sign_ins.len();
    assert_eq!(begun, 0, "nobody was asked at Databricks");
}

/// PB-104.
async fn a_blocked_tab_is_told_and_there_is_a_way_in_the_same_one(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open(PROMPT).await;
    // A form that is sent long after the person has touched anything: then the browser's own blocker steps in.
    visitor.script("setTimeout(() => document.querySelector('form[target]').requestSubmit(), 7000)").await;
    visitor.sees("Your browser has blocked the new tab.").await;
    visitor.has_tabs(1).await;
    visitor.pictures("prompt-blocked").await;
    visitor.click("Or sign in to Databricks in this tab").await;
    visitor.is_below(stage.workspace()).await;
    choose(&visitor, ALICE).await;
    visitor.is_at("/fabrics").await;
    assert!(is_signed_in(stage, &alice()).await);
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn a_sign_in_that_never_comes_back_is_explained_by_its_two_usual_causes(stage: &Stage) {
    let client_id = stage.service.world.app.client_id.clone();
    stage.service.world.workspace.change_app(&client_id, |app| app.redirect_urls.clear());
    let visitor = stage.person(&alice()).await;
    visitor.open(PROMPT).await;
    visitor.click("Continue").await;
    let here = visitor.look_at_the_new_tab().await;
    visitor.sees("not registered for OAuth application").await;
    visitor.look_at(&here).await;
    visitor.script("const now = Date.now; Date.now = () => now() + 61000").await;
    visitor.sees("Nothing has come back from Databricks yet.").await;
    visitor.sees("The redirect URL is not registered.").await;
    visitor.sees(&format!("{}/api/databricks/oauthredirect", stage.service.base_url)).await;
    visitor.sees("The app connection is of another Databricks account").await;
    visitor.pictures("prompt-late").await;
}

async fn a_sign_in_that_databricks_refuses_is_explained_and_tried_again(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    let client_id = stage.service.world.app.client_id.clone();
    stage.service.world.workspace.change_app(&client_id, |app| app.refused_by_policy = true);
    visitor.open(PROMPT).await;
    visitor.click("Continue").await;
    let here = visitor.look_at_the_new_tab().await;
    visitor.sees("You are not signed in to Databricks").await;
    visitor.sees("Who can act on it").await;
    visitor.pictures("sign-in-failed").await;
    stage.service.world.workspace.change_app(&client_id, |app| app.refused_by_policy = false);
    stage.service.world.workspace.inject(Endpoint::Token, Fault::HtmlPage(502));
    visitor.click("Try again").await;
    visitor.sees("Connect to Databricks").await;
    let script = "document.querySelector('form[target]').target = '_self'; \
                  document.querySelector('form[target]').submit()";
    visitor.script(script).await;
    choose(&visitor, ALICE).await;
    visitor.sees("You are not signed in to Databricks").await;
    visitor.look_at(&here).await;
    visitor.sees("Waiting for you to sign in").await;
    assert!(!is_signed_in(stage, &alice()).await);
}

async fn a_sign_in_as_somebody_else_is_refused_with_both_names(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open(PROMPT).await;
    visitor.click("Continue").await;
    visitor.look_at_the_new_tab().await;
    choose(&visitor, BOB).await;
    visitor.sees("You are not signed in to Databricks").await;
    visitor.sees(ALICE).await;
    visitor.sees(BOB).await;
    visitor.pictures("sign-in-as-somebody-else").await;
    assert!(!is_signed_in(stage, &alice()).await);
}

async fn no_page_after_the_sign_in_has_the_code_in_its_address_or_history(stage: &Stage) {
    let visitor = stage.person(&alice()).await;
    visitor.open(PROMPT).await;
    // The tab would close before anybody could look at it.
    visitor
        .script(
            "document.querySelector('form[target]').target = '_self'; document.querySelector('form[target]').submit()",
        )
        .await;
    choose(&visitor, ALICE).await;
    visitor.sees("You are signed in to Databricks").await;
    let address = visitor.address().await;
    assert!(address.contains("/connect/outcome?sign_in="), "{address}");
    assert!(!address.contains("code=") && !address.contains("state="), "{address}");
    visitor.pictures("signed-in").await;
    let loaded = visitor.script("return performance.getEntriesByType('resource').map(entry => entry.name)").await;
    for url in loaded.as_array().expect("a list") {
        assert!(url.as_str().is_some_and(|url| url.starts_with(&stage.service.base_url)), "{url}");
    }
    visitor.script("history.back()").await;
    visitor.is_below(stage.workspace()).await;
    assert!(!visitor.address().await.contains("code="));
}

async fn the_way_to_databricks_and_back_is_gone_with_the_keyboard_alone(stage: &Stage) {
    let visitor = stage.visitor().await;
    let api_token = stage.service.api_token(&alice()).await;
    visitor.open("/fabric?name=dev").await;
    assert_eq!(visitor.focus().await, "API token", "the field has the focus");
    visitor.press(secrecy::ExposeSecret::expose_secret(&api_token)).await;
    visitor.press(ENTER).await;
    visitor.is_at("/fabric?name=dev").await;
    visitor.tab_to("To the content").await;
    visitor.tab_to("Connect to Databricks").await;
    visitor.press(ENTER).await;
    visitor.sees("Log in with your Databricks account").await;
    visitor.tab_to("Continue").await;
    let outline = visitor.script("return getComputedStyle(document.activeElement).outlineStyle").await;
    assert_ne!(outline, "none", "what has the focus is seen");
    visitor.press(ENTER).await;
    let here = visitor.look_at_the_new_tab().await;
    visitor.sees("Sign in to the simulated workspace").await;
    visitor.press(TAB).await;
    visitor.press(ENTER).await;
    visitor.has_tabs(1).await;
    visitor.look_at(&here).await;
    visitor.is_at("/fabric?name=dev").await;
    visitor.sees(ALICE).await;
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
