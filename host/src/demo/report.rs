//! What the demonstration shows: a line for each step, or all of them as JSON at the end.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

/// How a step ends that did not hold: what was expected, and what came.
#[derive(Debug)]
pub(super) struct Mismatch {
    expected: String,
    found: String,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

impl<E: std::error::Error> From<E> for Mismatch {
    fn from(error: E) -> Self {
        Self::new("this to work", error.to_string())
    }
}

/// Holds the step to something.
pub(super) fn expect(held: bool, expected: &str, found: impl Into<String>) -> Result<(), Mismatch> {
    if held { Ok(()) } else { Err(Mismatch::new(expected, found)) }
}

/// How the report is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A line for each step, as it ends.
    Text,
    /// One JSON document.
    Json,
}

/// The steps so far.
pub(super) struct Report {
    format: Format,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    name: &'static str,
    ok: bool,
    detail: String,
    ms: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    ok: bool,
    steps: &'a [Step],
}

impl Report {
    pub(super) fn new(format: Format) -> Self {
        Self { format, steps: Vec::new() }
    }

    /// Runs a step, shows how it ended, and says whether it held.
    pub(super) async fn step(
        &mut self,
        name: &'static str,
        doing: impl Future<Output = Result<String, Mismatch>>,
    ) -> bool {
        let began = Instant::now();
        let result = doing.await;
        let ms = (began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
        let ok = result.is_ok();
        let detail =
            result.unwrap_or_else(|Mismatch { expected, found }| format!("expected {expected}; found {found}"));
        self.show(Step { name, ok, detail, ms });
        ok
    }

    /// Says that the stage could not even be set.
    pub(super) fn not_set(&mut self, problem: &Mismatch) {
        let detail = format!("expected {}; found {}", problem.expected, problem.found);
        self.show(Step { name: "stage", ok: false, detail, ms: 0.0 });
    }

    /// Shows what there is to show at the end.
    pub(super) fn close(self) -> ExitCode {
        let ok = !self.steps.is_empty() && self.steps.iter().all(|step| step.ok);
        if self.format == Format::Json {
            let document = Document { ok, steps: &self.steps };
            print(&serde_json::to_string_pretty(&document).unwrap_or_default());
        } else {
            let held = self.steps.iter().filter(|step| step.ok).count();
            print(&format!("\n{held} of {} steps held.", self.steps.len()));
        }
        if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn show(&mut self, step: Step) {
        if self.format == Format::Text {
            let mark = if step.ok { "ok  " } else { "FAIL" };
            print(&format!("{mark} {:<36} {:>8.1} ms  {}", step.name, step.ms, step.detail));
        }
        self.steps.push(step);
    }
}

/// Says why the tour could not begin.
pub(super) fn close_tour(problem: &Mismatch) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: The tour could not begin: {}.", problem.found);
    ExitCode::FAILURE
}

/// Prints a line. A reader who went away is no reason to fail.
pub(super) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
