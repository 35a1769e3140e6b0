//! `fabric-auth personal-access-token`: the caller's own, on a fabric that takes them. It is never shown again.
//!
//! JSON of `set`: `{"fabric", "databricks_user"}`. `remove` has no data.

use std::fmt;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::failure::Failure;
use super::secret_source::SecretSource;

/// The option that names where a token is.
const TOKEN_FILE: &str = "--token-file";

#[derive(Subcommand)]
pub(super) enum PersonalAccessToken {
    /// Enter one, in place of the one before; it is tried on the workspace first
    Set {
        /// Name of the fabric
        fabric: String,
        /// File with the token; - is standard input
        #[arg(long, value_name = "FILE")]
        token_file: SecretSource,
    },
    /// Remove it here; in Databricks it lives on until it is revoked there
    Remove {
        /// Name of the fabric
        fabric: String,
    },
}

#[derive(Serialize)]
struct View {
    fabric: String,
    databricks_user: String,
}

impl PersonalAccessToken {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Set { fabric, token_file } => {
                let token = token_file.read(TOKEN_FILE, context.output)?;
                let set = async |session: &Session| {
                    let set = session.host.set_personal_access_token(&session.caller, &fabric, &token).await;
                    set.map_err(about_fabric(&fabric))
                };
                let databricks_user = context.with_host(set).await?;
                context.output.show(&View { fabric, databricks_user })?;
            }
            Self::Remove { fabric } => {
                context.with_host(async |session| remove(session, &fabric).await).await?;
                context.output.note(format_args!(
                    "Your personal access token for {fabric} is removed here. In Databricks it lives on until you revoke it."
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn remove(session: &Session, fabric: &str) -> Result<(), Failure> {
    // So that a fabric that is not there is told apart from a token that is not there.
    session.fabric(fabric).await?;
    let removed = session.host.remove_personal_access_token(&session.caller, fabric).await;
    removed.map_err(Failure::from)
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "The personal access token for {} is stored. Databricks knows it as {}'s.",
            self.fabric, self.databricks_user
        )
    }
}
