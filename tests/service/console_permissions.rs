//! What each role may do by the forms of the console. The component decides nearly all of it; that nothing is decided
//! otherwise on the way shows here.

use std::collections::BTreeSet;

use fabric_auth::contract::Caller;
use fabric_auth_tests::{ServiceWorld, cluster_admin, member, stranger, team_admin};
use http::StatusCode;

use crate::browser::Browser;
use crate::routes::FORMS;

/// Everything that is done with a fabric by those who use it.
const USING: [&str; 2] = ["/connect", "/fabric/sign-out"];

/// What admins of its team may do beside that.
const CHANGING: [&str; 4] = ["/fabric/save", "/fabric/check", "/fabric/test", "/fabric/remove"];

/// What is for cluster admins alone.
const ADMINISTERING: [&str; 8] = [
    "/people/end",
    "/journal/verify",
    "/admin/security/save",
    "/admin/security/remove",
    "/admin/keys/rotate",
    "/admin/keys/add",
    "/admin/keys/promote",
    "/admin/keys/reseal",
];

/// What everybody may do who has a session. The routes of personal access tokens are not for a fabric with OAuth.
const ANYBODY: [&str; 1] = ["/sign-out"];
const NOBODY: [&str; 2] = ["/fabric/token", "/fabric/token/remove"];

/// The forms that do something for somebody.
async fn done_by(caller: &Caller) -> BTreeSet<&'static str> {
    let service = ServiceWorld::new().await;
    let browser = Browser::signed_in(&service, caller).await;
    let token = browser.form_token().await;
    let mut done = BTreeSet::new();
    for form in FORMS {
        let answer = browser.submit(form.path, &[&[("form_token", token.as_str())], form.fields].concat()).await;
        assert!(!answer.status.is_server_error(), "{}: {answer:?}", form.path);
        // A check that finds something says so in what it gives; a key that is not there is told to who may promote keys.
        let is_refused =
            matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST);
        let finds_something = answer.json()["message"].as_str().is_some_and(|message| !message.is_empty());
        if !is_refused && !finds_something && !answer.text().contains("Who can act on it") {
            done.insert(form.path);
        }
    }
    service.end().await;
    done
}

fn all(groups: &[&[&'static str]]) -> BTreeSet<&'static str> {
    groups.iter().copied().flatten().copied().collect()
}

#[tokio::test]
async fn a_member_of_the_team_uses_its_fabrics_and_changes_none() {
    assert_eq!(done_by(&member("mona")).await, all(&[&ANYBODY, &USING]));
}

#[tokio::test]
async fn an_admin_of_the_team_changes_its_fabrics_too() {
    assert_eq!(done_by(&team_admin()).await, all(&[&ANYBODY, &USING, &CHANGING]));
}

#[tokio::test]
async fn a_cluster_admin_administers_and_uses_no_fabric_of_a_team_of_others() {
    assert_eq!(done_by(&cluster_admin()).await, all(&[&ANYBODY, &CHANGING, &ADMINISTERING]));
}

#[tokio::test]
async fn an_admin_of_another_team_does_nothing_here() {
    assert_eq!(done_by(&stranger()).await, all(&[&ANYBODY]));
}

#[test]
fn every_form_is_for_somebody() {
    let known: BTreeSet<_> = FORMS.iter().map(|form| form.path).collect();
    assert_eq!(known, all(&[&ANYBODY, &NOBODY, &USING, &CHANGING, &ADMINISTERING]));
}
