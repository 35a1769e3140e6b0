//! Builds what the host embeds: a table of the conformance cases, and the component. For that it compiles `guest/` for
//! `wasm32-unknown-unknown`, makes a component of the module and checks it.
//!
//! A cargo within cargo: it has a target folder of its own, so that the two do not wait for each other's locks, and
//! none of the outer build's flags, which are meant for this machine.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "component";

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..").canonicalize()?;
    for input in
        ["fixtures/exchanges", "guest/src", "guest/Cargo.toml", "wit", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"]
    {
        println!("cargo:rerun-if-changed={}", workspace.join(input).display());
    }
    require_target(&workspace)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    embed_exchanges(&workspace.join("fixtures/exchanges"), &out.join("exchanges.rs"))?;
    let module = compile(&workspace, &out.join("guest"))?;
    let component = wit_component::ComponentEncoder::default().module(&fs::read(module)?)?.validate(true).encode()?;
    let file = out.join("fabric-auth.wasm");
    fs::write(&file, component)?;
    // Not one of the names of the configuration: cargo hands it on to what it runs.
    println!("cargo:rustc-env=COMPONENT_FILE_OF_FABRIC_AUTH={}", file.display());
    Ok(())
}

/// Writes a table of the files that conformance is made of: the path of each below their folder, without its ending, and
/// its content.
fn embed_exchanges(folder: &Path, table: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = json_files(folder)?;
    files.sort();
    let mut lines = vec!["&[".to_owned()];
    for file in &files {
        let name = file.strip_prefix(folder)?.with_extension("");
        let name = name.to_str().ok_or("the path of a case is not text")?;
        lines.push(format!("({name:?}, include_str!({file:?})),"));
    }
    lines.push("]".to_owned());
    Ok(fs::write(table, lines.join("\n"))?)
}

/// All files of JSON in a folder and those below it.
fn json_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(json_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Compiles the guest and gives the module's path.
fn compile(workspace: &Path, target_folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut command = Command::new(env::var("CARGO")?);
    command
        .current_dir(workspace)
        .args(["build", "--package", "fabric-auth-guest", "--lib", "--target", TARGET, "--profile", PROFILE])
        .arg("--target-dir")
        .arg(target_folder);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        command.env_remove(variable);
    }
    println!("{command:?}");
    if !command.status()?.success() {
        return Err("The component in guest/ does not compile; its errors stand above.".into());
    }
    Ok(target_folder.join(TARGET).join(PROFILE).join("fabric_auth_guest.wasm"))
}

/// Sees to it that the wasm target is there. `rust-toolchain.toml` names it, but rustup can be told not to install.
fn require_target(workspace: &Path) -> Result<(), Box<dyn Error>> {
    if has_target(workspace)? {
        return Ok(());
    }
    let asked = Command::new("rustup").current_dir(workspace).args(["target", "add", TARGET]).status();
    if asked.is_ok_and(|status| status.success()) && has_target(workspace)? {
        return Ok(());
    }
    Err(format!("Rust's target {TARGET} is missing. Type: rustup target add {TARGET}").into())
}

fn has_target(workspace: &Path) -> Result<bool, Box<dyn Error>> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output =
        Command::new(rustc).current_dir(workspace).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = String::from_utf8(output.stdout)?;
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}
