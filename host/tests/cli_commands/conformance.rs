//! `conformance`: exchanges that are kept as data, played against the component.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{Run, binary, finish};

/// The component that was built, as a file.
const COMPONENT: &str = env!("COMPONENT_FILE_OF_FABRIC_AUTH");

fn run(folder: &Path, arguments: &[&str]) -> Run {
    finish(binary(folder, arguments), "")
}

fn digest(folder: &Path) -> String {
    let inspected = run(folder, &["inspect", "--output", "json"]).ends_with(0).json();
    inspected["sha256"].as_str().unwrap().to_owned()
}

/// A folder with one case that holds, and one change to it.
fn cases(from: &str, to: &str) -> tempfile::TempDir {
    let exchanges = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/exchanges");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("callback")).unwrap();
    for file in ["standard.json", "shapes.json"] {
        fs::copy(exchanges.join(file), folder.path().join(file)).unwrap();
    }
    let case = fs::read_to_string(exchanges.join("callback/cancelled.json")).unwrap();
    assert!(case.contains(from), "{from}");
    fs::write(folder.path().join("callback/cancelled.json"), case.replacen(from, to, 1)).unwrap();
    folder
}

#[test]
fn the_report_tells_case_by_case_what_held() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["conformance", "--filter", "renewal/dead-"];
    let json = run(folder.path(), &[&arguments[..], &["--output", "json"]].concat()).ends_with(0).json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["component"], digest(folder.path()));
    let cases = json["cases"].as_array().unwrap();
    assert!(cases.len() >= 5 && json["held"] == cases.len(), "{json}");
    assert!(cases.iter().all(|case| case["ok"] == true && case["name"].as_str().unwrap().starts_with("renewal/dead-")));

    let text = run(folder.path(), &arguments).ends_with(0);
    assert_eq!(text.stdout.lines().filter(|line| line.starts_with("ok    renewal/dead-")).count(), cases.len());
    assert!(text.stdout.contains(&format!("{0} of {0} cases held.", cases.len())), "{}", text.stdout);
    assert_eq!(text.stderr, "");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_case_that_does_not_hold_is_a_failure_with_what_was_expected_and_what_came() {
    let wrong = cases("consent-denied", "policy-denied");
    let arguments = ["conformance", "--cases", wrong.path().to_str().unwrap()];
    let json = run(wrong.path(), &[&arguments[..], &["--output", "json"]].concat()).ends_with(1).json();
    assert_eq!((&json["ok"], &json["held"]), (&false.into(), &0.into()));
    let mismatch = &json["cases"][0]["mismatch"];
    assert_eq!((&mismatch["step"], &mismatch["part"]), (&1.into(), &"outcome".into()), "{json}");
    let (expected, found) = (mismatch["expected"].as_str().unwrap(), mismatch["found"].as_str().unwrap());
    assert!(expected.contains("policy-denied") && found.contains("consent-denied"), "{mismatch}");

    let text = run(wrong.path(), &arguments).ends_with(1).stdout;
    assert!(text.contains("FAIL  callback/cancelled:") && text.contains("0 of 1 cases held."), "{text}");

    let right = cases("consent-denied", "consent-denied");
    run(right.path(), &["conformance", "--cases", right.path().to_str().unwrap()]).ends_with(0);
}

#[test]
fn what_cannot_be_played_is_told_by_the_option_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), &["conformance", "--filter", "no such case", "--output", "json"]).ends_with(2);
    assert_eq!(refused.error()["option"], "--filter");
    let slip = cases("\"query\"", "\"querry\"");
    let path = slip.path().to_str().unwrap();
    let refused = run(folder.path(), &["conformance", "--cases", path, "--output", "json"]).ends_with(2);
    assert_eq!(refused.error()["option"], "--cases");
    let message = refused.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("callback/cancelled") && message.contains("querry"), "{message}");
    run(folder.path(), &["conformance", "--cases", "nowhere"]).ends_with(2).says(&["--cases", "nowhere"]);
}

#[test]
fn another_component_is_played_only_with_its_digest_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["conformance", "--filter", "callback/cancelled", "--component", COMPONENT, "--output", "json"];
    run(folder.path(), &arguments).ends_with(1).says(&["There is no configuration file"]);
    run(folder.path(), &["init"]).ends_with(0);
    run(folder.path(), &arguments).ends_with(1).says(&["component.sha256"]);

    let pinned = |digest: &str| {
        let mut command = binary(folder.path(), &arguments);
        command.env("FABRIC_AUTH_COMPONENT_SHA256", digest);
        finish(command, "")
    };
    pinned(&"0".repeat(64)).ends_with(1).says(&["not the pinned"]);
    let digest = digest(folder.path());
    let json: Value = pinned(&digest).ends_with(0).json();
    assert_eq!(json["component"], digest);

    // An empty component: it may run, and offers nothing.
    fs::write(folder.path().join("other.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    let other = run(folder.path(), &["inspect", "other.wasm", "--output", "json"]).ends_with(0).json();
    let arguments = ["conformance", "--filter", "callback/cancelled", "--component", "other.wasm", "--output", "json"];
    let mut command = binary(folder.path(), &arguments);
    command.env("FABRIC_AUTH_COMPONENT_SHA256", other["sha256"].as_str().unwrap());
    let json = finish(command, "").ends_with(1).json();
    assert_eq!((&json["ok"], &json["component"]), (&false.into(), &other["sha256"]));
}
