//! `fabric-auth check`: what will stand in the way later, for a deployment pipeline.
//!
//! JSON: `{"advisories": [{"kind", "fabric", "ends_in"?, "message"}]}`, what is so already first, then what ends, soonest
//! first. The exit code is 4 when there is one that stands in the way of others too. What only informs does not count:
//! a Run As that is replaced (`run-as-replaced`), and the end of the caller's own session (`session-ending`).

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use fabric_auth::Span;
use fabric_auth::contract::databricks_oauth::{Advisory, AdvisoryKind, Job};
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::exit_status::ExitStatus;
use super::fabric::all_fabrics;
use super::failure::Failure;
use super::words::Word as _;

#[derive(Args)]
pub(super) struct Check {
    /// Names of fabrics, for a deployment those that it really uses [default: all of them]
    #[arg(value_name = "FABRIC")]
    fabrics: Vec<String>,
    /// Whom the Run As of the job names, to be told whether the service principal replaces them
    #[arg(long, value_name = "NAME")]
    run_as: Option<String>,
    /// Only what ends within this time (30d, 12h), and what is so already; 0d for the latter alone
    #[arg(long, value_name = "SPAN")]
    within: Option<Span>,
}

#[derive(Serialize)]
struct View {
    advisories: Vec<AdvisoryView>,
}

#[derive(Serialize)]
struct AdvisoryView {
    kind: &'static str,
    fabric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_in: Option<Span>,
    message: String,
    #[serde(skip)]
    only_informs: bool,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let view = context.with_host(async |session| self.advisories(context, session).await).await?;
        context.output.show(&view)?;
        let stands_in_the_way = view.advisories.iter().any(|advisory| !advisory.only_informs);
        Ok(if stands_in_the_way { ExitStatus::AdvisoriesFound } else { ExitStatus::Done }.into())
    }

    async fn advisories(&self, context: &Context, session: &Session) -> Result<View, Failure> {
        let mut names = self.fabrics.clone();
        if names.is_empty() {
            names.extend(all_fabrics(context.output, session).await?.into_iter().map(|fabric| fabric.settings.name));
        }
        let job = Job { run_as: self.run_as.clone() };
        let mut advisories = Vec::new();
        for name in &names {
            let found = session.host.job_advisories(&session.caller, name, &job).await.map_err(about_fabric(name))?;
            advisories.extend(found.into_iter().map(AdvisoryView::from));
        }
        if let Some(within) = self.within {
            advisories.retain(|advisory| advisory.ends_in.is_none_or(|ends_in| ends_in <= within));
        }
        advisories.sort_by_key(|advisory| advisory.ends_in);
        Ok(View { advisories })
    }
}

impl From<Advisory> for AdvisoryView {
    fn from(advisory: Advisory) -> Self {
        Self {
            kind: advisory.kind.word(),
            fabric: advisory.fabric,
            ends_in: advisory.ends_in.map(Span::from),
            message: advisory.message,
            only_informs: matches!(advisory.kind, AdvisoryKind::RunAsReplaced | AdvisoryKind::SessionEnding),
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.advisories.is_empty() {
            return writeln!(formatter, "Nothing stands in the way.");
        }
        let mut lines = self.advisories.iter();
        lines.try_for_each(|advisory| {
            writeln!(formatter, "{}, {}: {}", advisory.fabric, advisory.kind, advisory.message)
        })
    }
}
