//! The story, step by step. Each step is a short function that does something through the component and checks it.

use std::time::Duration;

use fabric_auth::FabricAuth;
use fabric_auth::contract::administration::{AppConnectionSettings, RefreshTokenPolicy};
use fabric_auth::contract::databricks_oauth::{AdvisoryKind, FabricSelection, TestStep};
use fabric_auth::contract::{Activity, Caller, Error, IdentityKind, SignInReason};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::report::{Mismatch, Report, expect};
use super::sealed_at_rest;
use super::stage::{Stage, alice};

/// The fabric with a service principal, and the one without.
const PRODUCTION: &str = "production";
const SANDBOX: &str = "sandbox";

type Outcome = Result<String, Mismatch>;

/// Tells it. After a step that does not hold the others are still tried: what they show may explain it.
pub(super) async fn tell(stage: &Stage, report: &mut Report) {
    report.step("app-connection", app_connection(stage)).await;
    report.step("fabric", fabrics(stage)).await;
    report.step("test-connection", test_connection(stage)).await;
    report.step("sign-in", sign_in(stage)).await;
    report.step("access-token-u2m", access_token_u2m(stage)).await;
    report.step("call-workspace-u2m", call_workspace_u2m(stage)).await;
    report.step("refresh", refresh(stage)).await;
    report.step("single-use-rotation", single_use_rotation(stage)).await;
    report.step("access-token-m2m", access_token_m2m(stage)).await;
    report.step("call-workspace-m2m", call_workspace_m2m(stage)).await;
    report.step("scheduled-run-identity", scheduled_run_identity(stage)).await;
    report.step("missing-service-principal-advisory", missing_service_principal_advisory(stage)).await;
    report.step("sealed-at-rest", sealed_at_rest::search(stage)).await;
    report.step("sign-out", sign_out(stage)).await;
}

async fn app_connection(stage: &Stage) -> Outcome {
    let before = stage.host.begin_sign_in(&alice(), SANDBOX, None).await.err();
    expect(before.is_some(), "no sign-in before anything is registered", "a sign-in that began")?;
    let settings = AppConnectionSettings {
        name: "databricks".to_owned(),
        client_id: stage.app.client_id.clone(),
        confidential: true,
        default: true,
        scopes: Vec::new(),
        refresh_token_policy: RefreshTokenPolicy::Unknown,
        refresh_token_lifetime: None,
    };
    let secret = stage.app.client_secret().map(|secret| SecretString::from(secret.expose()));
    stage.host.set_app_connection(&stage.operator(), settings.clone(), secret.as_ref()).await?;
    let refused = stage.host.set_app_connection(&alice(), settings, secret.as_ref()).await.err();
    expect(matches!(refused, Some(Error::Forbidden(_))), "a refusal for who is no cluster admin", told(refused))?;
    let described = stage.host.describe_app_connections(&stage.operator()).await?;
    let has_secret = described.iter().any(|app| app.has_client_secret);
    expect(has_secret, "a description that says a secret is stored", "none")?;
    Ok("registered by a cluster admin; the secret went in and does not come out".to_owned())
}

async fn fabrics(stage: &Stage) -> Outcome {
    let operator = stage.operator();
    let secret = stage.service_principal.secret().map(|secret| SecretString::from(secret.expose()));
    let production = stage.host.put_fabric(&operator, stage.fabric(PRODUCTION, true), secret.as_ref(), Some(0)).await?;
    stage.host.put_fabric(&operator, stage.fabric(SANDBOX, false), None, Some(0)).await?;
    expect(production.has_service_principal_secret, "a service principal secret that is stored", "none")?;
    let half = stage.host.put_fabric(&operator, stage.fabric("half", true), None, None).await.err();
    let field = half.as_ref().and_then(Error::field).unwrap_or_default();
    expect(
        field == "service-principal-secret",
        "half a pair of credentials to be refused by its field",
        told(half.clone()),
    )?;
    Ok(format!("{PRODUCTION} with a service principal, {SANDBOX} without; half a pair is refused"))
}

async fn test_connection(stage: &Stage) -> Outcome {
    let (passed, problem) = test(&stage.host, &stage.operator(), PRODUCTION, IdentityKind::ServicePrincipal).await?;
    expect(problem.is_none() && passed == 4, "four steps to pass as the service principal", told(problem))?;
    let (passed, problem) = test(&stage.host, &alice(), PRODUCTION, IdentityKind::Person).await?;
    let asks =
        matches!(&problem, Some(Error::SignInRequired(required)) if required.reason == SignInReason::NeverSignedIn);
    expect(asks && passed == 1, "the person's test to ask for a sign-in", told(problem))?;
    expect(stage.workspace.books().compute_starts == 0, "no compute started", "some")?;
    Ok("service principal: discovery, token, identity, compute; person: sign-in required".to_owned())
}

async fn sign_in(stage: &Stage) -> Outcome {
    let (url, binding, _) = stage.host.begin_sign_in(&alice(), SANDBOX, None).await?;
    stage.remember(&binding);
    stage.remember(&state_in(url.expose_secret()));
    let callback = stage.workspace.sign_in_as(url.expose_secret(), "alice@example.com").await?;
    let (_, query) = callback.split_once('?').unwrap_or_default();
    let query = SecretString::from(query);
    let other_browser = SecretString::from("another browser's binding secret, not this one");
    let stolen = stage.host.complete_sign_in(&alice(), &query, &other_browser).await.err();
    expect(stolen.is_some(), "another browser to be refused", "a sign-in that was completed")?;
    let completed = stage.host.complete_sign_in(&alice(), &query, &binding).await?;
    let replayed = stage.host.complete_sign_in(&alice(), &query, &binding).await.err();
    expect(matches!(replayed, Some(Error::NotFound(_))), "a second callback to be refused", told(replayed))?;
    expect(completed.renewable, "a refresh token", "none")?;
    Ok(format!("{} by authorization code with PKCE; replay and another browser are refused", completed.databricks_user))
}

async fn access_token_u2m(stage: &Stage) -> Outcome {
    let host = &stage.host;
    let (token, first) = host.access_token(&alice(), SANDBOX, Activity::PipelineDevelopment).await?;
    let (same, second) = host.access_token(&alice(), PRODUCTION, Activity::JobConfiguration).await?;
    let shared = token.expose_secret() == same.expose_secret() && first.reference == second.reference;
    expect(shared, "two fabrics on one workspace to share a sign-in", "two tokens")?;
    expect(first.databricks_user == "alice@example.com", "alice's identity", first.databricks_user.clone())?;
    let minutes = Duration::from_nanos(first.expires_in).as_secs() / 60;
    Ok(format!("for {}, {minutes} minutes; one sign-in serves both fabrics", first.databricks_user))
}

async fn call_workspace_u2m(stage: &Stage) -> Outcome {
    let (token, _) = stage.host.access_token(&alice(), SANDBOX, Activity::PipelineDevelopment).await?;
    let (user, rows) = look_around(stage, &token).await?;
    expect(user == "alice@example.com", "to be alice", user.clone())?;
    Ok(format!("Databricks sees {user}, who sees {rows} orders"))
}

async fn refresh(stage: &Stage) -> Outcome {
    let (_, before) = stage.host.access_token(&alice(), SANDBOX, Activity::PipelineDevelopment).await?;
    stage.pass(Duration::from_secs(61 * 60));
    let callers = (0..20).map(|_| async {
        let caller = alice();
        stage.host.access_token(&caller, SANDBOX, Activity::PipelineDevelopment).await
    });
    let mut generations = Vec::new();
    for served in futures::future::join_all(callers).await {
        generations.push(served?.1.reference.generation);
    }
    let next = before.reference.generation + 1;
    expect(
        generations.iter().all(|generation| *generation == next),
        "one new token for all",
        format!("{generations:?}"),
    )?;
    let refreshes = stage.workspace.books().grant("refresh_token").requests;
    expect(refreshes == 1, "one refresh request", refreshes.to_string())?;
    Ok("an hour later twenty callers at once: one refresh request, one new token, nobody is asked".to_owned())
}

async fn single_use_rotation(stage: &Stage) -> Outcome {
    for _ in 0..3 {
        stage.pass(Duration::from_secs(61 * 60));
        stage.host.access_token(&alice(), SANDBOX, Activity::PipelineDevelopment).await?;
    }
    let books = stage.workspace.books();
    let (requests, reuses) = (books.grant("refresh_token").requests, books.reuses());
    let live = stage.workspace.live_refresh_tokens_of("alice@example.com");
    expect(
        requests == 4 && reuses == 0 && live == 1,
        "4 refreshes, none reused, one live token",
        format!("{requests}, {reuses} reused, {live} live"),
    )?;
    Ok("four single-use refresh tokens in a row, none sent twice, one live".to_owned())
}

async fn access_token_m2m(stage: &Stage) -> Outcome {
    let scheduler = stage.scheduler();
    let (_, token) = stage.host.access_token(&scheduler, PRODUCTION, Activity::ScheduledRun).await?;
    stage.host.access_token(&scheduler, PRODUCTION, Activity::ScheduledRun).await?;
    let is_principal = token.databricks_user == stage.service_principal.application_id;
    expect(is_principal, "the service principal", token.databricks_user.clone())?;
    let failures = stage.workspace.books().grant("client_credentials").failures.values().sum::<u64>();
    expect(failures == 0, "no refused request", failures.to_string())?;
    Ok("by client credentials, kept until its window".to_owned())
}

async fn call_workspace_m2m(stage: &Stage) -> Outcome {
    let (token, _) = stage.host.access_token(&stage.scheduler(), PRODUCTION, Activity::ScheduledRun).await?;
    let (user, rows) = look_around(stage, &token).await?;
    expect(user == stage.service_principal.application_id, "to be the service principal", user)?;
    let (token, _) = stage.host.access_token(&alice(), PRODUCTION, Activity::OnDemandRun).await?;
    let (_, rows_of_alice) = look_around(stage, &token).await?;
    expect(rows < rows_of_alice, "fewer orders than alice sees", format!("{rows} of {rows_of_alice}"))?;
    Ok(format!("the service principal sees {rows} orders where alice sees {rows_of_alice}"))
}

async fn scheduled_run_identity(stage: &Stage) -> Outcome {
    let (_, scheduled) = stage.host.access_token(&stage.scheduler(), PRODUCTION, Activity::ScheduledRun).await?;
    expect(scheduled.identity == IdentityKind::ServicePrincipal, "the service principal", "a person")?;
    let (_, on_demand) = stage.host.access_token(&alice(), PRODUCTION, Activity::OnDemandRun).await?;
    expect(on_demand.identity == IdentityKind::Person, "a person", "the service principal")?;
    let refused = stage.host.access_token(&alice(), PRODUCTION, Activity::ScheduledRun).await.err();
    expect(
        matches!(refused, Some(Error::Forbidden(_))),
        "alice not to be given the service principal's token",
        told(refused),
    )?;
    let missing = stage.host.access_token(&stage.scheduler(), SANDBOX, Activity::ScheduledRun).await.err();
    let is_missing = matches!(missing, Some(Error::ServicePrincipalMissing(_)));
    expect(is_missing, "no person in place of a missing service principal", told(missing))?;
    Ok("scheduled: the service principal, also with alice signed in; on demand: alice".to_owned())
}

async fn missing_service_principal_advisory(stage: &Stage) -> Outcome {
    let advised = stage.host.advisories(&alice(), SANDBOX).await?;
    let warned = advised.iter().any(|advisory| advisory.kind == AdvisoryKind::MissingServicePrincipal);
    expect(warned, "a warning for the fabric without a service principal", "none")?;
    let silent = stage.host.advisories(&alice(), PRODUCTION).await?.is_empty();
    expect(silent, "no warning for the fabric with one", "some")?;
    Ok(format!("a warning on {SANDBOX}, none on {PRODUCTION}"))
}

async fn sign_out(stage: &Stage) -> Outcome {
    let completed = stage.host.sign_out(&alice(), SANDBOX).await?;
    expect(completed.grant_ended, "a grant that ended", "none")?;
    let refused = stage.host.access_token(&alice(), PRODUCTION, Activity::PipelineDevelopment).await.err();
    let asks = matches!(&refused, Some(Error::SignInRequired(required)) if required.reason == SignInReason::SignedOut);
    expect(asks, "to be asked to sign in", told(refused))?;
    stage.host.access_token(&stage.scheduler(), PRODUCTION, Activity::ScheduledRun).await?;
    Ok("alice is forgotten on both fabrics; scheduled work goes on".to_owned())
}

/// The `state` of an authorization URL.
fn state_in(url: &str) -> SecretString {
    let (_, after) = url.split_once("&state=").unwrap_or_default();
    SecretString::from(after.split('&').next().unwrap_or_default())
}

/// Runs Test Connection. Gives how many steps passed, and the problem of the one that did not.
async fn test(
    host: &FabricAuth,
    caller: &Caller,
    fabric: &str,
    identity: IdentityKind,
) -> Result<(u32, Option<Error>), Mismatch> {
    let mut passed = 0;
    let mut step: Option<TestStep> = None;
    loop {
        let selection = FabricSelection::Stored(fabric.to_owned());
        let result = host.test_connection(caller, selection, None, identity, step).await?;
        if result.problem.is_some() {
            return Ok((passed, result.problem));
        }
        passed += 1;
        match result.next {
            Some(next) => step = Some(next),
            None => return Ok((passed, None)),
        }
    }
}

/// Asks the workspace who a token belongs to, and how many orders they see.
async fn look_around(stage: &Stage, token: &SecretString) -> Result<(String, u64), Mismatch> {
    let (status, me) = stage.call(token, "/api/2.0/preview/scim/v2/Me", None).await?;
    expect(status == 200, "status 200", status.to_string())?;
    let statement = json!({
        "warehouse_id": stage.warehouse_id(),
        "statement": format!("SELECT * FROM {}", simulated_workspace::ORDERS),
        "wait_timeout": "10s",
    });
    let (status, reply) = stage.call(token, "/api/2.0/sql/statements", Some(statement)).await?;
    expect(status == 200, "status 200", format!("{status}: {reply}"))?;
    let rows = reply.pointer("/manifest/total_row_count").and_then(serde_json::Value::as_u64);
    let user = me.get("userName").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    match rows {
        Some(rows) => Ok((user, rows)),
        None => Err(Mismatch::new("a number of rows", reply.to_string())),
    }
}

/// What came instead of what was expected.
fn told(error: Option<Error>) -> String {
    error.map_or_else(|| "no error".to_owned(), |error| format!("{}: {}", error.case(), error.message()))
}
