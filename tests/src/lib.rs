//! What the tests stand on: a simulated workspace and a host on a database of its own, with one clock for both, and
//! the people who use them.
//!
//! [`World`] is where most tests begin; those of hosts in processes of their own begin with a [`Cluster`]. Whatever goes wrong in here is a failed test, so nothing is handed on as an
//! error.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops here"
)]

mod callers;
mod canaries;
mod cluster;
mod flaky_store;
mod http;
mod postgres_server;
mod replica;
mod replica_answer;
mod service_world;
mod settings;
mod test_connection;
mod test_store;
mod upstream;
mod waiting;
mod wire;
mod world;

pub use self::{
    callers::{alice, bob, cluster_admin, member, operator, stranger, team_admin, workload, workload_for_admin},
    canaries::files_with,
    cluster::{Cluster, LONG_LIFE, SHORT_LIFE, until_expired},
    flaky_store::FlakyStore,
    http::{HttpAnswer, HttpClient},
    postgres_server::{PostgresServer, PostgresTestDatabase},
    replica::{READY, Replica, ReplicaSettings, STORAGE_VARIABLE},
    replica_answer::{Answer, Outcome},
    service_world::ServiceWorld,
    settings::{DEV, TEAM, app_settings, fabric_settings, with_principal},
    test_connection::{Step, test_steps},
    test_store::{Engine, HeldWrites, StoredGrant, TestStore},
    upstream::{DRIPS, MANY, Upstream},
    waiting::{eventually, while_time_passes},
    wire::{FullQueue, Wire},
    world::{BASE_URL, HOUR, REDIRECT_URL, Setup, World},
};
