//! Every rule of the protocol is missed: without it, some seed that the shipped component survives breaks an invariant.

#![allow(clippy::print_stdout, reason = "a rule that is found to matter tells by which seed")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test stops here")]

use fabric_auth_simulation::{Policy, RULES, run, run_under, sweep, without};

/// Seeds that were seen to need a rule. They are looked at first, which saves the search as long as neither the core nor
/// the simulation has changed what they lead to.
const SEEN: &[(&str, u64)] = &[
    ("claims", 0),
    ("looks_before_sending", 297),
    ("until_sent", 701),
    ("claims_again", 2426),
    ("write_budget", 94),
    ("holds", 10),
    ("takeover_after", 42),
    ("second_look_after", 263),
    ("takes_over_only_when_needed", 444),
    ("most_unresolved", 4),
    ("distrusts_unknown_outcomes", 0),
    ("takes_back_unsent_claims", 368),
    ("failures_yield", 174),
    ("late_success_wins", 424),
    ("late_success_yields_to_lineage", 146),
    ("renews_in_window_only", 11),
];

/// How many seeds are searched for one that needs a rule, where the one above does not.
const SEEDS: u64 = 4_000;

#[test]
fn no_rule_can_be_missed() {
    let toothless: Vec<&str> = RULES.iter().map(|rule| rule.name).filter(|name| !is_missed(name)).collect();
    assert!(toothless.is_empty(), "nothing broke in {SEEDS} seeds without: {toothless:?}");
}

fn is_missed(name: &str) -> bool {
    let policy = without(name).unwrap();
    let seen = SEEN.iter().find(|(rule, _)| *rule == name).map(|(_, seed)| *seed);
    let is_seen = seen.is_some_and(|seed| run_under(seed, false, policy.clone()).violation.is_some() && survives(seed));
    is_seen || search(name, &policy)
}

fn search(name: &str, policy: &Policy) -> bool {
    let mut seeds = 0..SEEDS;
    loop {
        let total = sweep(seeds.clone(), policy, |total| !total.failed.is_empty());
        let Some(last) = total.failed.keys().next_back() else { return false };
        if let Some(seed) = total.failed.keys().find(|seed| survives(**seed)) {
            println!("without {name}, seed {seed} breaks {}", total.failed[seed].invariant);
            return true;
        }
        seeds.start = last + 1;
    }
}

/// Whether nothing breaks with all rules.
fn survives(seed: u64) -> bool {
    run(seed, false).violation.is_none()
}
