//! The deterministic simulation: the component's core, natively, over simulated hosts, store, clocks, network and
//! Databricks, on one thread and in virtual time.
//!
//! A seed decides everything: how many hosts there are, how Databricks treats refresh tokens, which task goes on next,
//! and which fault strikes when. So a seed that fails fails again, and its trace tells the story:
//!
//! ```text
//! cargo run -p fabric-auth-simulation -- --seed 4711 --trace
//! ```
//!
//! | to find | look in |
//! | --- | --- |
//! | what must always hold | `invariants` |
//! | the faults | `faults`, `nemesis`, and where they strike: `store_port`, `network`, `workspace` |
//! | who does what | `actors` |
//! | how it is kept reproducible | `executor`, `rng`, `clock` |

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a simulation stops here"
)]

mod actors;
mod books;
mod bounds;
mod clock;
mod executor;
mod faults;
mod host;
mod invariants;
mod keys;
mod nemesis;
mod network;
mod ports;
mod rng;
mod rules;
mod run;
mod settings;
mod store;
mod store_port;
mod sweep;
mod trace;
mod workspace;
mod world;

pub use fabric_auth_guest::policy::Policy;
pub use faults::Fault;
pub use invariants::Violation;
pub use rules::{RULES, Rule, without};
pub use run::{Outcome, run, run_under};
pub use sweep::{Total, sweep};
