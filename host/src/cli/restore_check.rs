//! `fabric-auth restore-check`: what to do after a backup of the database was put back, before any host works on it.
//!
//! JSON: `{"looked_at", "marked", "unreadable"}`, counts of people's grants.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::context::{Context, Session};
use super::failure::Failure;

#[derive(Args)]
pub(super) struct RestoreCheck {}

#[derive(Default, Serialize)]
struct View {
    looked_at: u64,
    marked: u64,
    unreadable: u64,
}

impl RestoreCheck {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        context.with_host(async |session| check(context, session).await).await
    }
}

async fn check(context: &Context, session: &Session) -> Result<ExitCode, Failure> {
    let mut counts = View::default();
    let mut after = None;
    loop {
        let progress = session.host.restore_check(&session.caller, after.as_deref()).await?;
        counts.looked_at = counts.looked_at.saturating_add(progress.looked_at.into());
        counts.marked = counts.marked.saturating_add(progress.marked.into());
        counts.unreadable = counts.unreadable.saturating_add(progress.unreadable.into());
        after = progress.next;
        if after.is_none() {
            break;
        }
        context.output.note(format_args!("{} grants looked at", counts.looked_at));
    }
    context.output.show(&counts)?;
    if counts.unreadable > 0 {
        return Err(Failure::operator(format!(
            "{} grants cannot be read: they are damaged, or of a newer version. The journal names them. They stay as they \
             are; where a newer version wrote them, run this command of that version.",
            counts.unreadable
        )));
    }
    Ok(ExitCode::SUCCESS)
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} of {} grants marked: their refresh tokens may have been spent since the backup, and their people will be \
             asked to sign in.",
            self.marked, self.looked_at
        )
    }
}
