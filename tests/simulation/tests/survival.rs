//! The component as it is shipped survives every seed, and every seed can be run again.

#![allow(clippy::print_stdout, reason = "a failing seed tells how to replay it")]

use fabric_auth_simulation::{Policy, run, sweep};

/// How many seeds every test run goes through.
const SEEDS: u64 = 500;

#[test]
fn no_seed_breaks_an_invariant_and_every_kind_of_fault_strikes() {
    let total = sweep(0..SEEDS, &Policy::SHIPPED, |total| !total.failed.is_empty());
    if let Some((seed, violation)) = total.failed.first_key_value() {
        let outcome = run(*seed, true);
        println!("{}\n{}", outcome.settings, outcome.trace);
        panic!("seed {seed}: {violation:?}\nreplay: cargo run -p fabric-auth-simulation -- --seed {seed} --trace");
    }
    assert!(total.never_struck().is_empty(), "never struck: {:?}", total.never_struck());
}

#[test]
fn a_seed_replays_step_by_step() {
    for seed in [1, 7, 42] {
        let (first, second, traced) = (run(seed, false), run(seed, false), run(seed, true));
        assert_eq!((first.steps, first.digest), (second.steps, second.digest), "seed {seed}");
        assert_eq!((first.steps, first.digest), (traced.steps, traced.digest), "seed {seed}, traced");
        assert!(first.exchanges > 0, "seed {seed} did not renew anything");
    }
}
