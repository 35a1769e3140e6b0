//! What the command line tells in advance, and of whom a job runs as.

use super::support::{ALICE, Deployment};

const DAY: u64 = 86_400;

/// A deployment whose fabric `jobs` has a service principal, with what else is said of it.
async fn with_principal(more: &[&str]) -> Deployment {
    let deployment = Deployment::new().await;
    deployment.set_app();
    let secret = deployment.service_principal.secret().unwrap().expose().to_owned();
    let file = deployment.secret_file("sp-secret", &secret);
    let id = deployment.service_principal.application_id.clone();
    let arguments = ["--sp-client-id", &id, "--sp-client-secret-file", file];
    deployment.add_fabric("jobs", &[&arguments[..], more].concat()).ends_with(0);
    deployment
}

fn days_left(deployment: &Deployment) -> Option<u64> {
    let shown = deployment.run(&["fabric", "show", "jobs", "--output", "json"]).ends_with(0).json();
    shown.get("service_principal_secret_expires_in").map(|left| left.as_u64().unwrap().div_ceil(DAY))
}

/// PB-166.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_secret_is_recorded_kept_with_the_secret_and_told_in_advance() {
    let deployment = with_principal(&["--sp-secret-expires-in", "20d"]).await;
    assert_eq!(days_left(&deployment), Some(20));
    let shown = deployment.run(&["fabric", "show", "jobs"]).ends_with(0).stdout;
    assert!(shown.contains("stored; it ends in 19 d 23 h"), "{shown}");
    let replace = |more: &[&str]| deployment.add_fabric("jobs", &[&["--replace"], more].concat());
    replace(&["--compute", "abc"]).ends_with(0);
    assert_eq!(days_left(&deployment), Some(20), "kept with its secret");

    let found = deployment.run(&["check", "jobs", "--output", "json"]).ends_with(4).json();
    let advisory = &found["advisories"][0];
    assert_eq!(advisory["kind"], "service-principal-secret-ending");
    assert!(
        advisory["ends_in"].as_u64().unwrap() > 19 * DAY && advisory["message"].as_str().unwrap().contains("19 days")
    );
    assert_eq!(deployment.run(&["check", "--within", "14d"]).ends_with(0).stdout, "Nothing stands in the way.\n");
    deployment.run(&["check", "--within", "20d"]).ends_with(4);
    let status = deployment.run(&["status", "--output", "json"]).ends_with(0).json();
    let attention: Vec<&str> =
        status["fabrics"][0]["attention"].as_array().unwrap().iter().map(|a| a["kind"].as_str().unwrap()).collect();
    assert_eq!(attention, ["sign-in-required", "service-principal-secret-ending"]);
    assert!(deployment.run(&["status"]).stdout.contains("jobs, in 19 d 23 h: The secret of the service principal"));

    replace(&["--sp-secret-expires-in", ""]).ends_with(0);
    assert_eq!(days_left(&deployment), None);
    replace(&["--sp-secret-expires-in", "700d"]).ends_with(0);
    replace(&["--sp-client-secret-file", "sp-secret"]).ends_with(0).says(&["--sp-secret-expires-in"]);
    assert_eq!(days_left(&deployment), None, "a new secret, of whose end nothing was said");
    for wrong in ["tomorrow", "2001-01-01", "2027-02-30", "0d", "732d"] {
        let refused = replace(&["--sp-secret-expires-in", wrong, "--output", "json"]).ends_with(2);
        assert_eq!(refused.error()["option"], "--sp-secret-expires-in", "{wrong}: {refused:?}");
    }
    deployment.run_secretly(&["token", "jobs", "--activity", "scheduled-run"], "").ends_with(0);
    deployment.assert_no_secret_leaked();
}

/// PB-066, PB-113.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_as_that_is_replaced_is_told_and_fails_no_pipeline() {
    let deployment = with_principal(&[]).await;
    let check = |run_as: &str| deployment.run(&["check", "jobs", "--run-as", run_as, "--output", "json"]);
    let told = check(ALICE).ends_with(0).json();
    assert_eq!(told["advisories"][0]["kind"], "run-as-replaced");
    let message = told["advisories"][0]["message"].as_str().unwrap();
    assert!(message.contains(ALICE) && message.contains(&deployment.service_principal.application_id), "{message}");
    let itself = check(&deployment.service_principal.application_id).ends_with(0).json();
    assert_eq!(itself["advisories"].as_array().unwrap().len(), 0);
    assert_eq!(check("").ends_with(2).error()["option"], "--run-as");
}

/// PB-133: only the fabrics that are named are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_kept_by_the_fabrics_it_uses_and_by_no_other() {
    let deployment = with_principal(&[]).await;
    deployment.add_fabric("unused", &[]).ends_with(0);
    deployment.run(&["check", "jobs"]).ends_with(0);
    deployment.run(&["check", "jobs", "unused"]).ends_with(4);
    deployment.run(&["check"]).ends_with(4);
}

/// PB-147.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_in_json_that_it_is_one_and_names_command_and_cause() {
    let deployment = Deployment::new().await;
    let run = deployment.run(&["fabric", "show", "prod", "--output", "json"]).ends_with(1);
    let line: serde_json::Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(line["success"], false);
    let message = line["message"].as_str().unwrap();
    assert!(message.starts_with("fabric show failed: There is no fabric named \"prod\""), "{message}");
    assert_eq!((&line["error"]["case"], run.error()["actor"].as_str()), (&"not-found".into(), Some("caller")));
    let usage = deployment.run(&["fabric", "show", "--output", "json"]).ends_with(2);
    let line: serde_json::Value = serde_json::from_str(usage.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((&line["success"], &line["error"]["case"]), (&false.into(), &"invalid-input".into()));
    assert!(line["message"].as_str().unwrap().starts_with("fabric-auth failed: "), "{line}");
}
