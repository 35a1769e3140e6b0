//! `fabric-auth conformance`: plays exchanges with a workspace, kept as data, against the component.
//!
//! JSON: `{"ok", "component", "held", "cases": [{"name", "title", "ok", "mismatch"?: {"step", "part", "expected",
//! "found"}}]}`, where `component` is its SHA-256 digest. The exit code is 0 only if every case held.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use fabric_auth::Artifact;
use fabric_auth::config::FILE_NAME;
use fabric_auth::conformance::{Case, ConformanceError, Mismatch, Stage, Suite};
use serde::Serialize;

use super::context::{Context, pinned_component};
use super::exit_status::ExitStatus;
use super::failure::Failure;

#[derive(Args)]
pub(super) struct Conformance {
    /// Only cases whose name or title contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Cases to play in place of the built-in ones: a folder laid out as fixtures/exchanges
    #[arg(long, value_name = "FOLDER")]
    cases: Option<PathBuf>,
}

#[derive(Serialize)]
struct View {
    ok: bool,
    component: String,
    held: usize,
    cases: Vec<CaseView>,
}

#[derive(Serialize)]
struct CaseView {
    name: String,
    title: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mismatch: Option<Mismatch>,
}

impl Conformance {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let suite = match &self.cases {
            Some(folder) => Suite::in_folder(folder).map_err(|error| of_cases(folder, error))?,
            None => Suite::embedded()?,
        };
        let chosen: Vec<&Case> = suite.cases().iter().filter(|case| self.is_chosen(case)).collect();
        if chosen.is_empty() {
            return Err(Failure::caller("--filter", "There is no such case."));
        }
        let component = component(context)?;
        let digest = component.digest().to_owned();
        let stage = Stage::new(component, &suite)?;
        let mut cases = Vec::new();
        for case in chosen {
            let mismatch = stage.play(case).await.err();
            let view = CaseView {
                name: case.name().to_owned(),
                title: case.title().to_owned(),
                ok: mismatch.is_none(),
                mismatch,
            };
            context.output.show_text(&view)?;
            cases.push(view);
        }
        let held = cases.iter().filter(|case| case.ok).count();
        let view = View { ok: held == cases.len(), component: digest, held, cases };
        context.output.show(&view)?;
        Ok(if view.ok { ExitStatus::Done } else { ExitStatus::Failed }.into())
    }

    fn is_chosen(&self, case: &Case) -> bool {
        let text = self.filter.as_deref().unwrap_or_default();
        case.name().contains(text) || case.title().contains(text)
    }
}

/// The component that the other commands run: that of `--component` or of the configuration, where there is one, with
/// the digest that is pinned there. Without a configuration, the built-in one.
fn component(context: &Context) -> Result<Artifact, Failure> {
    let is_configured =
        context.component().is_some() || context.configuration_file().is_some() || Path::new(FILE_NAME).exists();
    let replacement = if is_configured { context.config()?.component.replacement } else { None };
    match &replacement {
        Some(pinned) => Ok(pinned_component(pinned)?),
        None => Ok(Artifact::embedded()),
    }
}

fn of_cases(folder: &Path, error: ConformanceError) -> Failure {
    Failure::caller("--cases", format!("The cases in {} cannot be played: {error}.", folder.display()))
}

impl fmt::Display for CaseView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, title, .. } = self;
        match &self.mismatch {
            None => writeln!(formatter, "ok    {name}: {title}"),
            Some(Mismatch { step, part, expected, found, .. }) => {
                writeln!(formatter, "FAIL  {name}: {title}")?;
                writeln!(formatter, "      step {step}, {part}")?;
                writeln!(formatter, "      expected  {expected}")?;
                writeln!(formatter, "      found     {found}")
            }
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\n{} of {} cases held. Component: sha256 {}", self.held, self.cases.len(), self.component)
    }
}
