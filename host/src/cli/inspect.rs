//! `fabric-auth inspect`: what a component can do to the outside and what it offers, without running it.
//!
//! JSON: `{"size", "sha256", "imports": […], "exports": […], "fits"}`. `fits` tells whether it offers everything that
//! the built-in component offers and asks for nothing more.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use fabric_auth::Artifact;
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;

/// The world that a host runs.
const WORLD: &str = "prophecy:fabric-auth/fabric-auth@0.1.0";

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
            Some(file) => View::of(&Artifact::unpinned(file)?, &built_in)?,
            None => View::of(&built_in, &built_in)?,
        };
        context.output.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View {
    fn of(artifact: &Artifact, built_in: &Artifact) -> Result<Self, Failure> {
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
