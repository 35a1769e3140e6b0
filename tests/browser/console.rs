//! Coming to the console for the first time, signing in to it and out of it.

use fabric_auth_tests::{alice, cluster_admin};

use crate::stage::Stage;

crate::trials!("console":
    Bare the_first_visit_says_who_lets_somebody_in_and_what_to_do_first,
    Administered an_api_token_lets_in_and_signing_out_lets_out,
    Administered what_keeps_somebody_from_using_a_page_would_be_found,
    Administered who_has_to_sign_in_first_comes_to_the_page_that_was_asked_for,
);

async fn the_first_visit_says_who_lets_somebody_in_and_what_to_do_first(stage: &Stage) {
    let visitor = stage.visitor().await;
    visitor.open("/").await;
    visitor.sees("There are no users yet.").await;
    visitor.sees("fabric-auth user add NAME --cluster-admin").await;
    visitor.pictures("first-visit").await;
    visitor.sign_in(&stage.service.api_token(&cluster_admin()).await).await;
    visitor.sees("First steps").await;
    visitor.sees("Register Prophecy with Databricks").await;
    visitor.pictures("overview-first-steps").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn an_api_token_lets_in_and_signing_out_lets_out(stage: &Stage) {
    let visitor = stage.visitor().await;
    visitor.open("/sign-in").await;
    visitor.fill("API token", "fabric_auth_wrong").await;
    visitor.click("Sign in").await;
    visitor.sees("This is not the API token of a person, or it is not in force any more.").await;
    assert_eq!(visitor.value("API token").await, "", "what was typed is not shown again");
    visitor.pictures("sign-in-refused").await;
    visitor.sign_in(&stage.service.api_token(&alice()).await).await;
    visitor.sees("alice").await;
    let cookies = visitor.script("return document.cookie").await;
    assert_eq!(cookies, "", "no script sees the session");
    visitor.click("Sign out").await;
    visitor.is_at("/sign-in").await;
    visitor.open("/fabrics").await;
    visitor.is_at("/sign-in?next=%2Ffabrics").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

async fn who_has_to_sign_in_first_comes_to_the_page_that_was_asked_for(stage: &Stage) {
    let visitor = stage.visitor().await;
    let api_token = stage.service.api_token(&alice()).await;
    visitor.open("/fabric?name=dev").await;
    visitor.fill("API token", secrecy::ExposeSecret::expose_secret(&api_token)).await;
    visitor.click("Sign in").await;
    visitor.is_at("/fabric?name=dev").await;
    assert_eq!(visitor.complaints().await, [""; 0]);
}

/// Else it would show nothing that all pages are without.
async fn what_keeps_somebody_from_using_a_page_would_be_found(stage: &Stage) {
    let visitor = stage.visitor().await;
    visitor.open("/sign-in").await;
    assert_eq!(visitor.faults().await, serde_json::json!([]));
    let script = "const faint = document.createElement('p'); faint.textContent = 'faint'; faint.style.color = '#bbb'; \
                  const field = document.createElement('input'); field.name = 'nameless'; \
                  document.querySelector('main').append(faint, field, document.createElement('h1'), document.createElement('button')); \
                  return window.getComputedStyle(faint).color";
    assert_eq!(visitor.script(script).await, "rgb(187, 187, 187)");
    let faults = visitor.faults().await.to_string();
    for fault in ["contrast 1.", "no label: nameless", "no name: <button>", "2 headings of the first level"] {
        assert!(faults.contains(fault), "{fault} is not in {faults}");
    }
}
