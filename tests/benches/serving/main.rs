//! Tokens over HTTP: `cargo bench -p fabric-auth-tests --bench serving`.
//!
//! The service is `fabric-auth serve` in a process of its own, set up with its own commands and with somebody signed in,
//! so that there is a token in hand. This process sends it requests on 1, 16 and 256 connections that stay open, each the
//! next one when the last is answered, and looks at every answer: one that is wrong ends it with exit code 1.
//!
//! Beside it stands the same server answering a constant (`/healthz`), so that what HTTP costs can be told from what a
//! token costs. Client and server share the processors of the machine; what the server itself has used stands in a column.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up stops here, and prints what it measures"
)]

mod load;
mod process;
mod report;
mod setup;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use self::load::{Bound, Load, Target};
use self::report::Line;
use self::setup::Service;

/// How many connections there are at once.
const CONNECTIONS: [usize; 3] = [1, 16, 256];

/// How many requests come before anything is measured: code, caches and buffers are then as they stay.
const WARM_UP: usize = 5_000;

/// How long a part that is bounded by its number of requests may take.
const AT_MOST: Duration = Duration::from_secs(120);

#[derive(Parser)]
struct Arguments {
    /// For how many seconds each line is measured.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many tokens are asked for between the two looks at the server's memory.
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { seconds, requests, .. } = Arguments::parse();
    let service = Service::start().await;
    let constant = service.constant();
    let token = service.token().await;
    run(&service, &token, 16, Bound { requests: WARM_UP, time: AT_MOST }).await;

    println!("{}", report::heading());
    let bound = Bound { requests: usize::MAX, time: Duration::from_secs(seconds) };
    let mut lines = Vec::new();
    for connections in CONNECTIONS {
        let constants = run(&service, &constant, connections, bound).await;
        println!("{}", report::line("/healthz", &constants, None));
        let tokens = run(&service, &token, connections, bound).await;
        println!("{}", report::line("access-token", &tokens, Some(&constants)));
        lines.extend([constants, tokens]);
    }

    let before = service.resident_bytes();
    let many = run(&service, &token, 16, Bound { requests, time: AT_MOST }).await;
    let after = service.resident_bytes();
    println!("{}", report::memory(many.load.answers(), before, after));
    lines.push(many);
    service.end().await;

    let wrong: Vec<&String> = lines.iter().flat_map(|line| &line.load.wrong).collect();
    wrong.iter().for_each(|wrong| println!("wrong: {wrong}"));
    println!("{}", report::summary(&lines, before, after));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures one target, and what the server uses for it.
async fn run(service: &Service, target: &Target, connections: usize, bound: Bound) -> Line {
    let used = service.processor_time();
    let load = Load::of(target, connections, bound).await;
    Line { connections, load, processor_time: service.processor_time().saturating_sub(used) }
}
