//! What hosts promise each other and the people they serve, shown with hosts that are processes of their own: killed at
//! every step of a renewal, frozen and woken, with wrong clocks, beside a store that goes away.
//!
//! Real time passes, above all the minute after which a host takes over from one that is gone. So all tests run at the
//! same time unless `--test-threads` says otherwise; together they take about two minutes. Where there is no PostgreSQL,
//! its tests say that they were skipped; with `CI=true` they fail.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops here"
)]

mod bad_days;
mod crash_matrix;
mod ending;
mod replicas;

use std::path::Path;
use std::process::ExitCode;
use std::sync::LazyLock;

use fabric_auth_tests::{Cluster, Engine};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

/// More than there are tests: they wait for other processes and for time to pass.
const AT_THE_SAME_TIME: usize = 64;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_THE_SAME_TIME);
    if !arguments.list {
        RUNTIME.block_on(compile_the_component());
    }
    let trials = [crash_matrix::trials(), replicas::trials(), bad_days::trials()];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// The program that hosts run.
fn replica() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_replica"))
}

/// A host compiles the component when nobody has; many that start at once would each do so.
async fn compile_the_component() {
    let cluster = Cluster::new(replica(), Engine::Sqlite).await.expect("a cluster");
    cluster.start().await.quit().await;
}

/// A test under the name of its function.
fn trial(module: &str, name: &str, case: impl Future<Output = ()> + Send + 'static) -> Trial {
    Trial::test(format!("{module}::{name}"), move || {
        RUNTIME.block_on(case);
        Ok(())
    })
}

/// The functions of a module as its tests.
macro_rules! trials {
    ($module:literal: $($group:ident::$case:ident),* $(,)?) => {
        vec![$(crate::trial($module, stringify!($case), $group::$case())),*]
    };
}

/// The functions of a module as its tests, each once on either engine.
macro_rules! trials_on_each_store {
    ($module:literal: $($group:ident::$case:ident),* $(,)?) => {
        vec![$(
            crate::trial(concat!($module, "::sqlite"), stringify!($case), $group::$case(Engine::Sqlite)),
            crate::trial(concat!($module, "::postgresql"), stringify!($case), $group::$case(Engine::Postgres)),
        )*]
    };
}

use {trials, trials_on_each_store};
