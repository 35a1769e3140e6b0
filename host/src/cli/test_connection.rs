//! `fabric-auth test`: Test Connection, step by step, each with its time.
//!
//! JSON: `{"fabric", "passed", "tests": [{"identity", "passed", "steps": [{"step", "seconds", "passed", "detail",
//! "problem"?}]}]}`. The exit code is 3 when nothing is wrong but that the person has to sign in.

use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use fabric_auth::contract::databricks_oauth::{FabricSelection, TestResult};
use fabric_auth::contract::{Error, IdentityKind};
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::exit_status::ExitStatus;
use super::failure::{Failure, Problem};
use super::words::{self, Word as _};

#[derive(Args)]
pub(super) struct TestConnection {
    /// Name of the fabric
    fabric: String,
    /// Whose identity to test [default: the person's, and the service principal's where there is one]
    #[arg(long = "as", value_name = "IDENTITY", value_parser = words::parser::<IdentityKind>())]
    identity: Option<IdentityKind>,
}

/// One step that was done.
struct Step {
    result: TestResult,
    seconds: f64,
}

#[derive(Serialize)]
struct View<'a> {
    fabric: &'a str,
    passed: bool,
    tests: Vec<TestView<'a>>,
}

#[derive(Serialize)]
struct TestView<'a> {
    identity: &'static str,
    passed: bool,
    steps: Vec<StepView<'a>>,
}

#[derive(Serialize)]
struct StepView<'a> {
    step: &'static str,
    seconds: f64,
    passed: bool,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
}

impl TestConnection {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let tests = context.with_host(async |session| self.test_each(context, session).await).await?;
        context.output.show_json(&View::of(&self.fabric, &tests))?;
        Ok(exit_code(&tests))
    }

    async fn test_each(&self, context: &Context, session: &Session) -> Result<Vec<(IdentityKind, Vec<Step>)>, Failure> {
        let mut tests = Vec::new();
        for identity in self.identities(session).await? {
            context.output.show_text(&format_args!("as {}:", identity.word()))?;
            tests.push((identity, self.test(context, session, identity).await?));
        }
        Ok(tests)
    }

    async fn identities(&self, session: &Session) -> Result<Vec<IdentityKind>, Failure> {
        if let Some(identity) = self.identity {
            return Ok(vec![identity]);
        }
        let fabric = session.fabric(&self.fabric).await?;
        let mut identities = vec![IdentityKind::Person];
        if fabric.settings.service_principal_client_id.is_some() {
            identities.push(IdentityKind::ServicePrincipal);
        }
        Ok(identities)
    }

    async fn test(&self, context: &Context, session: &Session, identity: IdentityKind) -> Result<Vec<Step>, Failure> {
        let mut steps = Vec::new();
        let mut next = None;
        loop {
            let began = Instant::now();
            let fabric = FabricSelection::Stored(self.fabric.clone());
            let tested = session.host.test_connection(&session.caller, fabric, None, identity, next).await;
            let result = tested.map_err(about_fabric(&self.fabric))?;
            let step = Step { result, seconds: began.elapsed().as_secs_f64() };
            context.output.show_text(&step)?;
            next = step.result.next;
            steps.push(step);
            if next.is_none() {
                return Ok(steps);
            }
        }
    }
}

fn problems(steps: &[Step]) -> impl Iterator<Item = &Error> {
    steps.iter().filter_map(|step| step.result.problem.as_ref())
}

/// That somebody has to sign in is said only when that is all.
fn exit_code(tests: &[(IdentityKind, Vec<Step>)]) -> ExitCode {
    let all: Vec<&Error> = tests.iter().flat_map(|(_, steps)| problems(steps)).collect();
    let gravest = all.iter().find(|error| !matches!(error, Error::SignInRequired(_))).or(all.first());
    gravest.map_or(ExitStatus::Done, |error| ExitStatus::of(error)).into()
}

impl<'a> View<'a> {
    fn of(fabric: &'a str, tests: &'a [(IdentityKind, Vec<Step>)]) -> Self {
        let tests: Vec<TestView<'a>> = tests
            .iter()
            .map(|(identity, steps)| TestView {
                identity: identity.word(),
                passed: problems(steps).next().is_none(),
                steps: steps.iter().map(StepView::of).collect(),
            })
            .collect();
        Self { fabric, passed: tests.iter().all(|test| test.passed), tests }
    }
}

impl<'a> StepView<'a> {
    fn of(Step { result, seconds }: &'a Step) -> Self {
        Self {
            step: result.step.word(),
            // Microseconds are below what the measurement means.
            seconds: (seconds * 1_000_000.0).round() / 1_000_000.0,
            passed: result.problem.is_none(),
            detail: &result.detail,
            problem: result.problem.as_ref().map(Problem::from),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (step, milliseconds) = (self.result.step.word(), self.seconds * 1_000.0);
        match &self.result.problem {
            None => write!(formatter, "  ok    {step:<12} {milliseconds:>8.1} ms  {}", self.result.detail),
            Some(problem) => {
                writeln!(formatter, "  FAIL  {step:<12} {milliseconds:>8.1} ms  {}", problem.message())?;
                write!(formatter, "        Who can fix it: {}.", problem.actor())
            }
        }
    }
}
