//! `fabric-auth grants`: who is signed in, and ending that for people who have left.
//!
//! JSON of `list`: `{"grants": [{"grant", "user", "databricks_user", "workspace", "required"?, "generation", "age",
//! "session_expires_in"?}]}`.
//! `end`: `{"ended"}`, how many grants and personal access tokens.

use std::fmt;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use fabric_auth::Span;
use fabric_auth::contract::Error;
use fabric_auth::contract::administration::{GrantDescription, GrantSelection};
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::failure::Failure;
use super::output::write_columns;
use super::words::Word as _;

#[derive(Subcommand)]
pub(super) enum Grants {
    /// List the sign-ins of everybody in the tenant, without those that were signed out
    List,
    /// End sign-ins, as signing out does, and remove personal access tokens
    ///
    /// Who has left is to be kept from using Prophecy first: what is begun afterwards is not ended. Service principals are
    /// not concerned.
    End(End),
}

#[derive(Args)]
pub(super) struct End {
    #[command(flatten)]
    selection: Selection,
    /// Really end everybody's, for --all
    #[arg(long)]
    yes: bool,
}

/// What to end; one of them.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Selection {
    /// One, as `grants list` names it
    #[arg(long, value_name = "GRANT")]
    grant: Option<String>,
    /// All of a Prophecy user, and their personal access tokens
    #[arg(long, value_name = "NAME")]
    of_user: Option<String>,
    /// All for the workspace of a fabric, and the personal access tokens for the fabric
    #[arg(long, value_name = "FABRIC")]
    of_fabric: Option<String>,
    /// Everybody's; needs --yes
    #[arg(long, requires = "yes")]
    all: bool,
}

#[derive(Serialize)]
struct ListView {
    grants: Vec<GrantView>,
}

#[derive(Serialize)]
struct GrantView {
    grant: String,
    user: String,
    databricks_user: String,
    workspace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<&'static str>,
    generation: u64,
    age: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_expires_in: Option<Span>,
}

#[derive(Serialize)]
struct EndedView {
    ended: u64,
}

impl Grants {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::List => {
                let list = async |session: &Session| Ok(session.host.all_grants(&session.caller).await?);
                let grants = context.with_host(list).await?;
                context.output.show(&ListView { grants: grants.into_iter().map(GrantView::from).collect() })?;
            }
            Self::End(end) => {
                let selection = end.selection.of_the_contract();
                let ended = context.with_host(async |session| end_all(context, session, &selection).await).await?;
                context.output.show(&EndedView { ended })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Selection {
    /// The selection; exactly one of its members is there.
    fn of_the_contract(self) -> GrantSelection {
        match (self.grant, self.of_user, self.of_fabric) {
            (Some(grant), _, _) => GrantSelection::One(grant),
            (_, Some(user), _) => GrantSelection::OfUser(user),
            (_, _, Some(fabric)) => GrantSelection::OfFabric(fabric),
            (None, None, None) => GrantSelection::All,
        }
    }
}

/// Follows the pieces to the end. Gives how many were ended.
async fn end_all(context: &Context, session: &Session, selection: &GrantSelection) -> Result<u64, Failure> {
    let mut ended: u64 = 0;
    let mut after = None;
    loop {
        let progress = session.host.end_grants(&session.caller, selection.clone(), after.as_deref()).await;
        let progress = progress.map_err(|error| {
            if ended > 0 {
                context.output.note(format_args!("{ended} were ended before this failed; run it again for the rest."));
            }
            of_selection(selection, error)
        })?;
        ended = ended.saturating_add(progress.ended.into());
        after = progress.next;
        if after.is_none() {
            return Ok(ended);
        }
    }
}

/// A fabric that is not there is told by its name, and a grant with the way to those that are.
fn of_selection(selection: &GrantSelection, error: Error) -> Failure {
    match (selection, error) {
        (GrantSelection::OfFabric(fabric), error) => about_fabric(fabric)(error),
        (GrantSelection::One(_), Error::NotFound(message)) => {
            Error::NotFound(format!("{message} `fabric-auth grants list` shows those there are.")).into()
        }
        (_, error) => error.into(),
    }
}

impl From<GrantDescription> for GrantView {
    fn from(grant: GrantDescription) -> Self {
        Self {
            grant: grant.grant,
            user: grant.user,
            databricks_user: grant.databricks_user,
            workspace: grant.workspace,
            required: grant.required.map(|reason| reason.word()),
            generation: grant.generation,
            age: Span::from(grant.age),
            session_expires_in: grant.session_expires_in.map(Span::from),
        }
    }
}

impl fmt::Display for ListView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.grants.is_empty() {
            return writeln!(formatter, "Nobody is signed in.");
        }
        let mut rows =
            vec![["USER", "DATABRICKS USER", "WORKSPACE", "STATE", "CHANGED", "ENDS", "GRANT"].map(str::to_owned)];
        rows.extend(self.grants.iter().map(|grant| {
            [
                grant.user.clone(),
                grant.databricks_user.clone(),
                grant.workspace.clone(),
                grant.required.map_or_else(|| "signed in".to_owned(), |reason| format!("sign-in required ({reason})")),
                format!("{} ago", grant.age),
                grant.session_expires_in.map_or_else(|| "-".to_owned(), |left| format!("in {left} if not used")),
                grant.grant.clone(),
            ]
        }));
        write_columns(formatter, &rows)
    }
}

impl fmt::Display for EndedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ended {
            0 => write!(formatter, "There was nothing to end."),
            1 => write!(formatter, "1 grant or personal access token ended."),
            ended => write!(formatter, "{ended} grants and personal access tokens ended."),
        }?;
        write!(formatter, " An access token that was handed out before lives to its end.")
    }
}
