//! What a verification of the journal has found, as it is shown.

use std::fmt;

use fabric_auth::journal::{ChainReport, Report};
use serde::Serialize;

/// The report, ready to be shown.
#[derive(Serialize)]
pub(super) struct ReportView {
    whole: bool,
    chains: Vec<ChainView>,
    unchained: u64,
    problems: Vec<ProblemView>,
    more_problems: u64,
    #[serde(skip)]
    has_heads: bool,
}

#[derive(Serialize)]
struct ChainView {
    host: String,
    events: u64,
    pruned: u64,
    last: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    covered: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outdated_head: Option<i64>,
}

#[derive(Serialize)]
struct ProblemView {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    first: i64,
    last: i64,
    finding: &'static str,
    message: String,
}

impl ReportView {
    pub(super) fn of(report: &Report, has_heads: bool) -> Self {
        let problems = report.problems.iter().map(|problem| ProblemView {
            host: problem.host.clone(),
            first: problem.first,
            last: problem.last,
            finding: problem.finding.word(),
            message: problem.to_string(),
        });
        Self {
            whole: report.is_whole(),
            chains: report.chains.iter().map(ChainView::from).collect(),
            unchained: report.unchained,
            problems: problems.collect(),
            more_problems: report.more_problems,
            has_heads,
        }
    }
}

impl From<&ChainReport> for ChainView {
    fn from(chain: &ChainReport) -> Self {
        let ChainReport { host, events, pruned, last, covered, outdated_head } = chain.clone();
        Self { host, events, pruned, last, covered, outdated_head }
    }
}

impl fmt::Display for ReportView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(formatter, "WRONG: {}.", problem.message)?;
        }
        if self.more_problems > 0 {
            writeln!(formatter, "WRONG: and {} more.", self.more_problems)?;
        }
        for chain in &self.chains {
            writeln!(formatter, "{chain}")?;
        }
        if self.unchained > 0 {
            writeln!(
                formatter,
                "{} events belong to no chain: a version before there were chains wrote them, or anybody who can write the \
                 database. Nothing vouches for them.",
                self.unchained
            )?;
        }
        if self.whole {
            writeln!(formatter, "What is chained is as the hosts have written it.")?;
        }
        formatter.write_str(if self.has_heads {
            "What was cut off at the end of a chain after its exported head cannot be seen."
        } else {
            "What was cut off at the end of a chain, or a chain that was removed whole, cannot be seen without exported \
             heads (journal heads, then verify --heads FILE)."
        })
    }
}

impl fmt::Display for ChainView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "chain {:?}: {} events, the last one is number {}", self.host, self.events, self.last)?;
        if self.pruned > 0 {
            write!(formatter, "; {} before them were let go by retention", self.pruned)?;
        }
        match self.covered {
            Some(covered) => write!(formatter, "; compared with the head exported at {covered}"),
            None => Ok(()),
        }?;
        match self.outdated_head {
            Some(head) => write!(
                formatter,
                "; NOT compared with the head exported at {head}, which is older than what is kept: export heads more often"
            ),
            None => Ok(()),
        }
    }
}
