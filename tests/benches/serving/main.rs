//! Tokens over HTTP: `cargo bench -p fabric-auth-tests --bench serving`.
//!
//! The service is `fabric-auth serve` in a process of its own, set up with its own commands and with somebody signed in,
//! so that there is a token in hand. This process sends it requests on 1, 16 and 256 connections that stay open, each the
//! next one when the last is answered, and looks at every answer: one that is wrong ends it with exit code 1.
//!
//! Beside it stands the same server answering a constant (`/healthz`), so that what HTTP costs can be told from what a
//! token costs. Client and server share the processors of the machine; what the server itself has used stands in a column.
//!
//! With `-- --gateway` it is the edge gateway that is measured, beside nginx: see `gateway`.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up stops here, and prints what it measures"
)]

mod gateway;
mod load;
mod process;
mod report;
mod setup;
mod system;

use std::net::SocketAddr;
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

/// As in the program, so that nothing here is slow for its allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// For how many seconds each line is measured.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many tokens are asked for between the two looks at the server's memory.
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// Measures the edge gateway, and not the tokens.
    #[arg(long)]
    gateway: bool,
    /// Is the plain reverse proxy, in front of this address.
    #[arg(long, hide = true)]
    plain_proxy: Option<SocketAddr>,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { seconds, requests, gateway, plain_proxy, .. } = Arguments::parse();
    if let Some(workspace) = plain_proxy {
        gateway::proxy(workspace).await;
        return ExitCode::FAILURE;
    }
    let bound = Bound { requests: usize::MAX, time: Duration::from_secs(seconds) };
    let wrong = if gateway { gateway::measure(bound).await } else { tokens(bound, requests).await };
    wrong.iter().for_each(|wrong| println!("wrong: {wrong}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures tokens beside a constant, and gives what was wrong.
async fn tokens(bound: Bound, requests: usize) -> Vec<String> {
    let service = Service::start().await;
    let (constant, token) = ([service.constant()], [service.token().await]);
    let processes = [service.process()];
    run(&processes, &token, 16, Bound { requests: WARM_UP, time: AT_MOST }).await;

    println!("{}", report::heading("/healthz"));
    let mut lines = Vec::new();
    for connections in CONNECTIONS {
        let constants = run(&processes, &constant, connections, bound).await;
        println!("{}", report::line("/healthz", &constants, None));
        let tokens = run(&processes, &token, connections, bound).await;
        println!("{}", report::line("access-token", &tokens, Some(&constants)));
        lines.extend([constants, tokens]);
    }

    let before = system::resident_bytes(service.process());
    let many = run(&processes, &token, 16, Bound { requests, time: AT_MOST }).await;
    let after = system::resident_bytes(service.process());
    println!("{}", report::memory(many.load.answers(), before, after));
    lines.push(many);
    service.end().await;
    println!("{}", report::summary(&lines, before, after));
    lines.into_iter().flat_map(|line| line.load.wrong).collect()
}

/// Measures requests for these targets, and what processes use for them.
async fn run(processes: &[u32], targets: &[Target], connections: usize, bound: Bound) -> Line {
    let used = system::processor_time(processes);
    let load = Load::of(targets, connections, bound).await;
    Line { connections, load, processor_time: system::processor_time(processes).saturating_sub(used) }
}
