//! What the tests stand on: a simulated workspace and a host on a database of its own, with one clock for both, and
//! the people who use them.
//!
//! [`World`] is where every test begins. Whatever goes wrong in here is a failed test, so nothing is handed on as an
//! error.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops here"
)]

mod callers;
mod canaries;
mod flaky_store;
mod settings;
mod test_connection;
mod waiting;
mod world;

pub use self::{
    callers::{alice, bob, cluster_admin, operator, stranger, team_admin, workload, workload_for_admin},
    canaries::files_with,
    flaky_store::FlakyStore,
    settings::{DEV, TEAM, app_settings, fabric_settings, with_principal},
    test_connection::{Step, test_steps},
    waiting::{eventually, while_time_passes},
    world::{BASE_URL, HOUR, REDIRECT_URL, Setup, World},
};
