//! `fabric-auth inspect`: what a component can do to the outside and what it offers, without running it.
//!
//! JSON: `{"size", "sha256", "imports": […], "exports": […], "fits"}`. `fits` tells whether it offers everything that
//! the built-in component offers and asks for nothing more.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use fabric_auth::{Artifact, ArtifactError};
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;

/// The world that a host runs.
const WORLD: &str = "prophecy:fabric-auth/fabric-auth@0.1.0";

/// Bytes that every WebAssembly binary begins with: a magic number, a version and a layer.
const PREAMBLE: usize = 8;

/// How a module begins (WebAssembly Core section 5.5.16).
const MODULE: [u8; PREAMBLE] = *b"\0asm\x01\0\0\0";

/// How a component begins (Component Model, "Binary Format").
const COMPONENT: [u8; PREAMBLE] = *b"\0asm\x0d\0\x01\0";

#[derive(Args)]
pub(super) struct Inspect {
    /// The component [default: the one given with --component, or else the built-in one]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct View {
    size: usize,
    sha256: String,
    imports: Vec<String>,
    exports: Vec<String>,
    fits: bool,
}

impl Inspect {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let built_in = Artifact::embedded();
        let view = match self.file.as_deref().or(context.component()) {
            Some(file) => View::of(&Artifact::unpinned(file)?, &built_in).map_err(|error| match error {
                ArtifactError::NotOfTheWorld(_) => no_component(file),
                other => other.into(),
            })?,
            None => View::of(&built_in, &built_in)?,
        };
        context.output.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View {
    fn of(artifact: &Artifact, built_in: &Artifact) -> Result<Self, ArtifactError> {
        let (imports, exports) = artifact.surface()?;
        let fits = if artifact.digest() == built_in.digest() {
            true
        } else {
            let (known_imports, known_exports) = built_in.surface()?;
            imports.iter().all(|import| known_imports.contains(import))
                && known_exports.iter().all(|export| exports.contains(export))
        };
        Ok(Self { size: artifact.size(), sha256: artifact.digest().to_owned(), imports, exports, fits })
    }
}

/// What a file is in place of a component, in one sentence: what an engine says of it is for who made it.
fn no_component(path: &Path) -> Failure {
    let mut head = [0; PREAMBLE];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let path = path.display();
    Failure::operator(match (read, head) {
        (Ok(()), MODULE) => format!("{path} is a WebAssembly module, not a component."),
        (Ok(()), COMPONENT) => format!("{path} is a component that is damaged, or of a kind not known here."),
        _ => format!("{path} is not a component, nor any WebAssembly."),
    })
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = if self.fits { "fits" } else { "does not fit" };
        writeln!(formatter, "world:   {fits} {WORLD}")?;
        writeln!(formatter, "size:    {} bytes", self.size)?;
        writeln!(formatter, "sha256:  {}", self.sha256)?;
        for (title, names) in [("imports", &self.imports), ("exports", &self.exports)] {
            writeln!(formatter, "{title}:")?;
            names.iter().try_for_each(|name| writeln!(formatter, "  {name}"))?;
        }
        Ok(())
    }
}
