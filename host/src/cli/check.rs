//! `fabric-auth check`: what will stand in the way later, for a deployment pipeline.
//!
//! JSON: `{"advisories": [{"kind", "fabric", "message"}]}`. The exit code is 4 when there is one.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use fabric_auth::contract::databricks_oauth::Advisory;
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::exit_status::ExitStatus;
use super::fabric::all_fabrics;
use super::failure::Failure;
use super::words::Word as _;

#[derive(Args)]
pub(super) struct Check {
    /// Names of fabrics [default: all of them]
    #[arg(value_name = "FABRIC")]
    fabrics: Vec<String>,
}

#[derive(Serialize)]
struct View {
    advisories: Vec<AdvisoryView>,
}

#[derive(Serialize)]
struct AdvisoryView {
    kind: &'static str,
    fabric: String,
    message: String,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let view = context.with_host(async |session| self.advisories(context, session).await).await?;
        context.output.show(&view)?;
        let status = if view.advisories.is_empty() { ExitStatus::Done } else { ExitStatus::AdvisoriesFound };
        Ok(status.into())
    }

    async fn advisories(&self, context: &Context, session: &Session) -> Result<View, Failure> {
        let mut names = self.fabrics.clone();
        if names.is_empty() {
            names.extend(all_fabrics(context.output, session).await?.into_iter().map(|fabric| fabric.settings.name));
        }
        let mut advisories = Vec::new();
        for name in &names {
            let found = session.host.advisories(&session.caller, name).await.map_err(about_fabric(name))?;
            advisories.extend(found.into_iter().map(AdvisoryView::from));
        }
        Ok(View { advisories })
    }
}

impl From<Advisory> for AdvisoryView {
    fn from(advisory: Advisory) -> Self {
        Self { kind: advisory.kind.word(), fabric: advisory.fabric, message: advisory.message }
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
