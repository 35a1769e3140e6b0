//! The exchanges that are kept as data (`fixtures/exchanges`), played against the built component, and what makes them
//! worth it: every recorded shape has a case, and a case that is not met fails.

use std::collections::BTreeSet;

use fabric_auth::Artifact;
use fabric_auth::conformance::{Case, Mismatch, Stage, Suite};

fn stage() -> (Suite, Stage) {
    let suite = Suite::embedded().unwrap();
    let stage = Stage::new(Artifact::embedded(), &suite).unwrap();
    (suite, stage)
}

/// PB-041, PB-053, PB-078, PB-083, PB-126, PB-162, PB-163, PB-165, PB-166, PB-167.
#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_exchange_has_its_exact_outcome() {
    let (suite, stage) = stage();
    assert!(suite.cases().len() >= 200, "{} cases", suite.cases().len());
    let mut failures = Vec::new();
    for case in suite.cases() {
        if let Err(mismatch) = stage.play(case).await {
            failures.push(format!("{}: {mismatch}", case.name()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_recorded_shape_has_a_case_and_no_case_names_another() {
    let suite = Suite::embedded().unwrap();
    let recorded: BTreeSet<&String> = suite.shapes().keys().collect();
    let shown: BTreeSet<&String> = suite.cases().iter().flat_map(Case::shapes).collect();
    assert_eq!(recorded, shown);
    for (chapter, shapes) in [("4.5", 18), ("8.4", 17)] {
        for number in 1..=shapes {
            assert!(suite.shapes().contains_key(&format!("{chapter}/{number}")), "{chapter}/{number} is not on record");
        }
    }
}

/// The token endpoint refuses each of the three grants in each of the shapes that are not of one grant alone.
#[test]
fn every_refusal_of_the_token_endpoint_is_shown_for_every_grant() {
    let suite = Suite::embedded().unwrap();
    for area in ["renewal/", "code-exchange/", "client-credentials/"] {
        let cases = suite.cases().iter().filter(|case| case.name().starts_with(area));
        let shown: BTreeSet<&String> = cases.flat_map(Case::shapes).collect();
        for number in 4..=14 {
            assert!(shown.contains(&format!("4.5/{number}")), "{area} has no case for 4.5/{number}");
        }
    }
}

#[test]
fn every_case_says_what_it_shows_and_where_it_was_seen() {
    let suite = Suite::embedded().unwrap();
    let titles: BTreeSet<(&str, &str)> =
        suite.cases().iter().map(|case| (case.name().split('/').next().unwrap_or_default(), case.title())).collect();
    assert_eq!(titles.len(), suite.cases().len(), "two cases of one area have the same title");
    assert!(suite.cases().iter().all(|case| !case.title().is_empty() && !case.source().is_empty()));
}

/// A renewal that succeeds.
const RENEWAL: &str = r#"{
    "title": "A renewal", "source": "here", "setup": {"person": "expired"},
    "steps": [{
        "call": {"access-token": {"activity": "pipeline-development"}},
        "exchanges": [{"request": "refresh", "reply": "next-tokens"}],
        "outcome": {"ok": {
            "token": "${next_access_token}", "lineage": "1", "generation": 2, "identity": "person",
            "databricks_user": "${person_email}", "workspace_url": "${workspace}",
            "scopes": ["all-apis", "email", "offline_access", "openid", "profile"],
            "expires_in": {"from": 3000, "to": 3560}
        }},
        "journal": ["renewal"]
    }]
}"#;

async fn played(stage: &Stage, from: &str, to: &str) -> Result<(), Mismatch> {
    assert!(RENEWAL.contains(from), "{from}");
    stage.play(&Case::parse("renewal/x", &RENEWAL.replacen(from, to, 1)).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_is_not_met_fails_and_says_where() {
    let (_, stage) = stage();
    played(&stage, "A renewal", "A renewal").await.unwrap();
    for (from, to, part) in [
        // Another outcome.
        ("\"generation\": 2", "\"generation\": 3", "outcome"),
        ("${next_access_token}", "${access_token}", "outcome"),
        ("\"to\": 3560", "\"to\": 3100", "outcome"),
        ("\"identity\": \"person\",", "", "outcome"),
        ("\"lineage\"", "\"more\": null, \"lineage\"", "outcome"),
        ("\"next-tokens\"", "{\"status\": 401}", "outcome"),
        // Other requests.
        ("\"refresh\"", "\"refresh-with-next\"", "exchange"),
        ("[{\"request\"", "[{\"request\": \"refresh\", \"reply\": \"next-tokens\"}, {\"request\"", "exchange"),
        ("{\"request\": \"refresh\", \"reply\": \"next-tokens\"}", "", "exchange"),
        // Another entry.
        ("[\"renewal\"]", "[]", "journal"),
        ("[\"renewal\"]", "[\"renewal: unavailable\"]", "journal"),
        // What cannot be played.
        ("${workspace}", "${workspaces}", "case"),
        ("\"next-tokens\"", "\"no-such-reply\"", "case"),
        ("\"refresh\"", "\"no-such-request\"", "case"),
    ] {
        let mismatch = played(&stage, from, to).await.unwrap_err();
        assert_eq!((mismatch.step, mismatch.part), (1, part), "{from} -> {to}: {mismatch}");
    }
}
