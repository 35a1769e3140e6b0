//! Ten thousand callers, three hosts, one expired grant: `cargo bench -p fabric-auth-tests --bench storm`.
//!
//! Hosts and token endpoint are processes of their own; the endpoint takes 300 ms for each token request. It must be
//! asked once, else this ends with exit code 1. On PostgreSQL where there is one, else on one SQLite file.
//!
//! Beside it stands the same without claims: each host has a store of its own, so that none sees what another has
//! claimed. (The component knows no switch for its claims, and shall have none.) Each store has a sign-in of its own, or
//! the hosts would spend each other's refresh token, and the session would end.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that cannot be set up stops here, and prints what it measures"
)]

mod report;
mod storm;
mod token_endpoint;

use std::process::ExitCode;

use clap::Parser;
use fabric_auth_tests::{Engine, PostgresServer};

use self::storm::{Stores, Storm};

#[derive(Parser)]
struct Arguments {
    /// How many callers ask at the same time.
    #[arg(long, default_value_t = 10_000)]
    callers: usize,
    /// How many hosts they ask.
    #[arg(long, default_value_t = 3)]
    hosts: usize,
    /// On SQLite though there is PostgreSQL.
    #[arg(long)]
    sqlite: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { callers, hosts, sqlite, .. } = Arguments::parse();
    let on_postgres = !sqlite && PostgresServer::shared().is_some();
    let engine = if on_postgres { Engine::Postgres } else { Engine::Sqlite };
    println!("{callers} callers, {hosts} hosts on {engine:?}, a token endpoint that takes 300 ms");
    println!("{}", report::heading());
    let shared = Storm { callers, hosts, engine, stores: Stores::One }.measure().await;
    println!("{}", report::line("one store, claims", &shared));
    let apart = Storm { callers, hosts, engine, stores: Stores::OneForEachHost }.measure().await;
    println!("{}", report::line("a store for each host", &apart));
    let as_it_must_be = shared.refreshes == 1 && shared.failures.is_empty();
    for failure in &shared.failures {
        println!("failed: {failure:?}");
    }
    if as_it_must_be { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
