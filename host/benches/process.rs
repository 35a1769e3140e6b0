//! `fabric-auth token` as a whole process, with a grant that is there and compiled code from an earlier run.
//!
//! Budget: at most 30 ms. Beside it stands the same program that only prints its version.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use criterion::Criterion;
use fabric_auth_tests::{DEV, TEAM, World, alice};

use super::timing::{brief_group, runtime};

/// Measures it.
pub fn measure(criterion: &mut Criterion) {
    let runtime = runtime();
    let world = runtime.block_on(async {
        let world = World::new().await;
        world.sign_in(&alice()).await;
        world
    });
    let configuration = configure(&world);
    let mut token = program();
    token.arg("--team").arg(TEAM).args(["--role", "person", "--user", "alice", "--config"]).arg(configuration);
    token.args(["token", DEV]);
    let mut version = program();
    version.arg("--version");
    let mut group = brief_group(criterion, "process");
    for (name, mut command) in [("fabric-auth token", token), ("fabric-auth --version", version)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert!(command.status().expect("a process").success(), "{name}"));
        });
    }
    group.finish();
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabric-auth"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// A configuration over a world's database and key ring.
fn configure(world: &World) -> PathBuf {
    let path = world.folder().join("fabric-auth.toml");
    let settings = [
        "[deployment]\ntenant = \"acme\"\n",
        "[storage]\nurl = \"sqlite:fabric-auth.db\"\n",
        "[keys]\nfile = \"keyring.json\"\n",
        "[egress]\nallow_loopback_http = true\n",
    ];
    fs::write(&path, settings.concat()).expect("a file");
    path
}
