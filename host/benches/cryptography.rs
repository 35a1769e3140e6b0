//! A PKCE pair (RFC 7636), and two kilobytes sealed and opened (RFC 7516), in the sandbox and natively.
//!
//! Budget: sealing and opening in the sandbox takes at most three times what the same code takes natively without the
//! processor's instructions for it. Beside both stands what it takes with them.
//!
//! The component exports neither by itself, and its contract is not widened for a measurement. So the bench compiles
//! `cryptography/workload.rs`, which calls the component's code, three times: for the sandbox in the component's
//! profile; natively; and natively with the libraries' portable code only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::Criterion;
use wasmtime::{Linker, Module, Store};

use super::direct::engine;

const WORKLOADS: [&str; 2] = ["pkce_pair", "seal_and_open"];

/// Has `aes`, `polyval` and `sha2` do without the processor's instructions.
const PORTABLE: &str = r#"--cfg aes_backend="soft" --cfg polyval_backend="soft" --cfg sha2_backend="soft""#;

/// The component's profile, as the workspace has it.
const MANIFEST: &str = r#"
[package]
name = "cryptography-workload"
version = "0.0.0"
edition = "2024"

[lib]
path = "{sources}/sandboxed.rs"
crate-type = ["cdylib"]

[[bin]]
name = "native"
path = "{sources}/native.rs"

[dependencies]
fabric-auth-guest.path = "{workspace}/guest"
zeroize = "1.8"

[profile.component]
inherits = "release"
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"

[workspace]
"#;

/// Measures it.
pub fn measure(criterion: &mut Criterion) {
    // Only now: a filter on the command line mostly means that these are not asked for.
    let (mut programs, mut sandbox) = (None, None);
    for workload in WORKLOADS {
        let mut group = criterion.benchmark_group(format!("cryptography, {workload}"));
        group.bench_function("sandbox", |bencher| {
            let Programs { sandboxed, .. } = programs.get_or_insert_with(Programs::build);
            let sandbox = sandbox.get_or_insert_with(|| Sandbox::new(sandboxed));
            bencher.iter_custom(|times| sandbox.run(workload, times));
        });
        group.bench_function("native, portable", |bencher| {
            let Programs { portable, .. } = programs.get_or_insert_with(Programs::build);
            bencher.iter_custom(|times| run(portable, workload, times));
        });
        group.bench_function("native", |bencher| {
            let Programs { native, .. } = programs.get_or_insert_with(Programs::build);
            bencher.iter_custom(|times| run(native, workload, times));
        });
        group.finish();
    }
}

/// The compiled workload.
struct Programs {
    sandboxed: PathBuf,
    native: PathBuf,
    portable: PathBuf,
}

impl Programs {
    fn build() -> Self {
        let host = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = host.parent().expect("the host lies in the workspace");
        let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cryptography-workload");
        fs::create_dir_all(&package).expect("a folder");
        let manifest = MANIFEST
            .replace("{sources}", &host.join("benches/cryptography").display().to_string())
            .replace("{workspace}", &workspace.display().to_string());
        fs::write(package.join("Cargo.toml"), manifest).expect("a manifest");
        fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).expect("the workspace's versions");

        let wasm = ["--lib", "--profile", "component", "--target", "wasm32-unknown-unknown"];
        let native = ["--bin", "native", "--release"];
        Self {
            sandboxed: compile(workspace, &package, "sandboxed", &wasm, None)
                .join("wasm32-unknown-unknown/component/cryptography_workload.wasm"),
            native: compile(workspace, &package, "native", &native, None).join("release/native"),
            portable: compile(workspace, &package, "portable", &native, Some(PORTABLE)).join("release/native"),
        }
    }
}

/// Compiles the package and gives the target folder.
fn compile(workspace: &Path, package: &Path, target: &str, arguments: &[&str], flags: Option<&str>) -> PathBuf {
    let target = package.join(target);
    let mut command = Command::new(env!("CARGO"));
    // In the workspace, for its `.cargo/config.toml`.
    command.current_dir(workspace).args(["build", "--quiet", "--offline", "--manifest-path"]);
    command.arg(package.join("Cargo.toml")).arg("--target-dir").arg(&target).args(arguments);
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
    if let Some(flags) = flags {
        command.env("RUSTFLAGS", flags);
    }
    assert!(command.status().expect("cargo").success(), "the workload does not compile; its errors stand above");
    target
}

/// The workload in the sandbox.
struct Sandbox {
    store: Store<()>,
    instance: wasmtime::Instance,
}

impl Sandbox {
    fn new(module: &Path) -> Self {
        let engine = engine();
        let module = Module::from_file(&engine, module).expect("a module");
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        let mut linker = Linker::new(&engine);
        // Those of the component, which the workload does not call.
        linker.define_unknown_imports_as_traps(&module).expect("imports");
        let instance = linker.instantiate(&mut store, &module).expect("an instance");
        Self { store, instance }
    }

    fn run(&mut self, workload: &str, times: u64) -> Duration {
        let function = self.instance.get_typed_func::<u64, ()>(&mut self.store, workload).expect("a function");
        let began = Instant::now();
        function.call(&mut self.store, times).expect("a call that does not trap");
        began.elapsed()
    }
}

/// Runs the workload in a process and gives the time that it measured.
fn run(program: &Path, workload: &str, times: u64) -> Duration {
    let output = Command::new(program).arg(workload).arg(times.to_string()).output().expect("a process");
    let nanoseconds = String::from_utf8(output.stdout).expect("a number");
    Duration::from_nanos(nanoseconds.trim().parse().expect("a number"))
}
