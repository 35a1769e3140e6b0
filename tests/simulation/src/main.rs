//! Runs seeds of the simulation: one with its trace, or many on every core.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::process::ExitCode;
use std::time::Instant;

use fabric_auth_simulation::{Fault, Policy, Total, run_under, sweep, without};

const USAGE: &str =
    "usage: fabric-auth-simulation (--seed N [--trace] | --seeds COUNT [--from N] [--keep-going]) [--without RULE]";

/// How many failed seeds are shown.
const MOST_SHOWN: usize = 200;

/// What is asked for.
struct Options {
    seed: Option<u64>,
    trace: bool,
    seeds: u64,
    from: u64,
    keep_going: bool,
    policy: Policy,
}

fn main() -> ExitCode {
    match options() {
        Some(Options { seed: Some(seed), trace, policy, .. }) => one(seed, trace, policy),
        Some(options) if options.seeds > 0 => many(&options),
        _ => {
            println!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Option<Options> {
    let mut options =
        Options { seed: None, trace: false, seeds: 0, from: 0, keep_going: false, policy: Policy::SHIPPED };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--without" {
            options.policy = without(&arguments.next()?)?;
            continue;
        }
        let mut number = || arguments.next()?.parse().ok();
        match argument.as_str() {
            "--seed" => options.seed = Some(number()?),
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--trace" => options.trace = true,
            "--keep-going" => options.keep_going = true,
            _ => return None,
        }
    }
    Some(options)
}

fn one(seed: u64, trace: bool, policy: Policy) -> ExitCode {
    let outcome = run_under(seed, trace, policy);
    println!("{}", outcome.settings);
    print!("{}", outcome.trace);
    println!(
        "seed {seed}: {} steps, {} refresh requests, digest {:016x}",
        outcome.steps, outcome.exchanges, outcome.digest
    );
    match outcome.violation {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            println!("BROKEN at {:?}: {}: {}", violation.at, violation.invariant, violation.what);
            ExitCode::FAILURE
        }
    }
}

fn many(options: &Options) -> ExitCode {
    let began = Instant::now();
    let seeds = options.from..options.from.saturating_add(options.seeds);
    let total = sweep(seeds, &options.policy, |total| !(options.keep_going || total.failed.is_empty()));
    print_total(&total, began);
    if total.failed.is_empty() && total.never_struck().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_total(total: &Total, began: Instant) {
    for fault in Fault::ALL {
        println!("{:>10}  {fault:?}", total.faults.get(fault).copied().unwrap_or_default());
    }
    for (seed, violation) in total.failed.iter().take(MOST_SHOWN) {
        println!("seed {seed}: {}: {}", violation.invariant, violation.what);
        println!("    cargo run -p fabric-auth-simulation -- --seed {seed} --trace");
    }
    for fault in total.never_struck() {
        println!("never struck: {fault:?}");
    }
    println!(
        "{} seeds, {} failed, {} steps, {} refresh requests, {:.1?}",
        total.runs,
        total.failed.len(),
        total.steps,
        total.exchanges,
        began.elapsed()
    );
}
