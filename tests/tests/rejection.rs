//! What to do about an answer of Databricks to a request that carried a token.

use std::time::Duration;

use fabric_auth::contract::databricks_oauth::{Rejection, RejectionVerdict};
use fabric_auth::contract::{Activity, Error, TokenReference};
use fabric_auth_tests::{DEV, HOUR, World, alice, workload};

use crate::support::signed_in;

fn rejection(status: u16, body: &str) -> Rejection {
    Rejection { status, body: body.as_bytes().to_vec(), location: None }
}

async fn report(world: &World, token: &TokenReference, rejection: Rejection) -> Result<RejectionVerdict, Error> {
    world.host.report_rejection(&alice(), DEV, Activity::PipelineDevelopment, token, rejection).await
}

/// The words in which Databricks has refused a token, over the years and clouds.
const TOKEN_REFUSALS: [(u16, &str); 8] = [
    (403, r#"{"error_code":403,"message":"JWT has expired"}"#),
    (403, r#"{"error_code":403,"message":"Invalid access token."}"#),
    (403, r#"{"error_code":"403","message":"Invalid access token. [ReqId: 0e2f]"}"#),
    (403, r#"{"error_code":403,"message":"Token is expiring within 30 seconds. (token expired)"}"#),
    (401, "Token is expired"),
    (401, ""),
    (400, "<html><body><pre>io.jsonwebtoken.ExpiredJwtException: JWT expired</pre></body></html>"),
    (403, "Forbidden: Invalid Token"),
];

/// PB-085, PB-163.
#[tokio::test]
async fn a_refused_token_is_replaced_in_whatever_words_it_was_refused() {
    for (status, body) in TOKEN_REFUSALS {
        let world = signed_in().await;
        let (first, description) = world.token(&alice()).await.unwrap();
        let verdict = report(&world, &description.reference, rejection(status, body)).await;
        assert_eq!(verdict, Ok(RejectionVerdict::TokenRejected), "{status} {body}");
        let (second, replaced) = world.token(&alice()).await.unwrap();
        assert_ne!(first, second, "{status} {body}");
        assert_eq!((replaced.reference.generation, world.refreshes()), (2, 1));
        let again = report(&world, &description.reference, rejection(status, body)).await;
        assert_eq!(again, Ok(RejectionVerdict::AlreadyReplaced));
        assert_eq!(world.token(&alice()).await.unwrap().0, second);
        assert_eq!(world.refreshes(), 1, "it acts once");
        world.end().await;
    }
}

/// PB-033, PB-126.
#[tokio::test]
async fn an_answer_that_does_not_speak_of_the_token_renews_nothing() {
    let ip_list = "Source IP address: 10.0.0.1 is blocked by Databricks IP ACL for workspace: 12 [ReqId: 1]";
    for (status, body, case) in [
        (
            403,
            r#"{"error_code":"PERMISSION_DENIED","message":"no Attach permission on token expired"}"#,
            "permission-denied",
        ),
        (403, "<html><pre>User not authorized</pre></html>", "permission-denied"),
        (403, &format!(r#"{{"error_code":403,"message":"{ip_list}"}}"#), "blocked-by-ip-list"),
        (403, r#"{"error_code":403,"message":"Invalid access to Org: 12"}"#, "wrong-workspace"),
        (
            403,
            r#"{"error_code":403,"message":"Provided OAuth token does not have required scopes: sql"}"#,
            "scope-not-granted",
        ),
        (429, "{}", "throttled"),
    ] {
        let world = signed_in().await;
        let (first, description) = world.token(&alice()).await.unwrap();
        let error = report(&world, &description.reference, rejection(status, body)).await.unwrap_err();
        assert_eq!(error.case(), case, "{status} {body}");
        world.advance(Duration::from_secs(6));
        assert_eq!((world.token(&alice()).await.unwrap().0, world.refreshes()), (first, 0), "{status} {body}");
        world.end().await;
    }
}

#[tokio::test]
async fn what_has_nothing_to_do_with_tokens_is_said_so() {
    let world = signed_in().await;
    let (_, description) = world.token(&alice()).await.unwrap();
    for (status, body) in
        [(404, "{}"), (400, r#"{"error_code":"BAD_REQUEST","message":"x"}"#), (500, "oops"), (503, "")]
    {
        let verdict = report(&world, &description.reference, rejection(status, body)).await;
        assert_eq!(verdict, Ok(RejectionVerdict::TokenNotConcerned), "{status} {body}");
    }
    let redirected =
        Rejection { location: Some("/login.html?error=private-link-validation-error".into()), ..rejection(302, "") };
    let error = report(&world, &description.reference, redirected).await.unwrap_err();
    assert_eq!(error.case(), "private-link-only");
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn a_report_about_an_older_token_changes_nothing() {
    let world = signed_in().await;
    let (_, old) = world.token(&alice()).await.unwrap();
    world.advance(HOUR);
    let (current, _) = world.token(&alice()).await.unwrap();
    let (status, body) = TOKEN_REFUSALS[0];
    let unknown = TokenReference { lineage: "unknown".into(), generation: 2 };
    for reference in [old.reference, unknown] {
        let verdict = report(&world, &reference, rejection(status, body)).await;
        assert_eq!(verdict, Ok(RejectionVerdict::AlreadyReplaced));
    }
    assert_eq!((world.token(&alice()).await.unwrap().0, world.refreshes()), (current, 1));
}

/// Stored, so that no host serves that token again.
#[tokio::test]
async fn a_rejected_token_is_not_served_by_another_host_either() {
    let world = signed_in().await;
    let other = world.another_host().await;
    let (first, description) = world.token(&alice()).await.unwrap();
    let (status, body) = TOKEN_REFUSALS[0];
    report(&world, &description.reference, rejection(status, body)).await.unwrap();
    let (served, _) = other.access_token(&alice(), DEV, Activity::PipelineDevelopment).await.unwrap();
    assert_ne!(secrecy::ExposeSecret::expose_secret(&served), first);
    assert_eq!((world.refreshes(), world.books().reuses()), (1, 0));
}

/// PB-165.
#[tokio::test]
async fn a_service_principals_rejected_token_is_replaced_by_a_new_request() {
    let world = World::new().await;
    let (first, description) = world.token_for(&workload(), Activity::ScheduledRun).await.unwrap();
    let (status, body) = TOKEN_REFUSALS[1];
    let (caller, refused) = (workload(), rejection(status, body));
    let report =
        world.host.report_rejection(&caller, DEV, Activity::ScheduledRun, &description.reference, refused).await;
    assert_eq!(report, Ok(RejectionVerdict::TokenRejected));
    assert_ne!(world.token_for(&workload(), Activity::ScheduledRun).await.unwrap().0, first);
    assert_eq!(world.client_credentials(), 2);
}

#[tokio::test]
async fn who_may_not_ask_for_a_token_may_not_reject_it() {
    let world = signed_in().await;
    let (_, description) = world.token(&alice()).await.unwrap();
    let (status, body) = TOKEN_REFUSALS[0];
    let stranger = fabric_auth_tests::stranger();
    let activity = Activity::PipelineDevelopment;
    let answer =
        world.host.report_rejection(&stranger, DEV, activity, &description.reference, rejection(status, body)).await;
    assert_eq!(answer.unwrap_err().case(), "not-found");
    // Bob has a grant of his own, or none: Alice's is out of his reach.
    let bob = fabric_auth_tests::bob();
    let answer =
        world.host.report_rejection(&bob, DEV, activity, &description.reference, rejection(status, body)).await;
    assert_eq!(answer, Ok(RejectionVerdict::AlreadyReplaced));
    world.advance(Duration::from_secs(6));
    world.token(&alice()).await.unwrap();
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn a_status_that_is_no_refusal_is_bad_input() {
    let world = signed_in().await;
    let (_, description) = world.token(&alice()).await.unwrap();
    for status in [0, 200, 299, 600] {
        let error = report(&world, &description.reference, rejection(status, "Token is expired")).await.unwrap_err();
        assert_eq!(error.field(), Some("rejection.status"));
    }
}

/// At most 16 KiB of a body are looked at, however large it is.
#[tokio::test]
async fn a_huge_body_is_read_up_to_its_bound() {
    let world = signed_in().await;
    let (_, description) = world.token(&alice()).await.unwrap();
    let mut body = "x".repeat(17 * 1024);
    body.push_str("Token is expired");
    let verdict = report(&world, &description.reference, rejection(403, &body)).await;
    assert_eq!(verdict, Ok(RejectionVerdict::TokenNotConcerned));
}
