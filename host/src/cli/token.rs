//! `fabric-auth token`: prints an access token, and nothing else, so that it can stand in `$(…)`.
//!
//! JSON: `{"access_token", "token_type", "expires_in", "identity", "databricks_user", "workspace_url", "scopes",
//! "reference": {"lineage", "generation"}}`. This is the one command whose output is a secret.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use fabric_auth::Span;
use fabric_auth::contract::{Activity, TokenDescription};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::failure::Failure;
use super::words::{self, Word as _};

#[derive(Args)]
pub(super) struct Token {
    /// Name of the fabric
    fabric: String,
    /// What the token is for; decides whose identity it carries
    #[arg(long, default_value = "pipeline-development", value_parser = words::parser::<Activity>())]
    activity: Activity,
}

/// A token as it is handed out.
#[derive(Serialize)]
struct View<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: Span,
    identity: &'static str,
    databricks_user: &'a str,
    workspace_url: &'a str,
    scopes: &'a [String],
    reference: Reference<'a>,
}

#[derive(Serialize)]
struct Reference<'a> {
    lineage: &'a str,
    generation: u64,
}

impl Token {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let serve = async |session: &Session| {
            let served = session.host.access_token(&session.caller, &self.fabric, self.activity).await;
            served.map_err(about_fabric(&self.fabric))
        };
        let (token, description) = context.with_host(serve).await?;
        context.output.show(&View::of(&token, &description))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl<'a> View<'a> {
    fn of(token: &'a SecretString, description: &'a TokenDescription) -> Self {
        Self {
            access_token: token.expose_secret(),
            token_type: "Bearer",
            expires_in: Span::from(description.expires_in),
            identity: description.identity.word(),
            databricks_user: &description.databricks_user,
            workspace_url: &description.workspace_url,
            scopes: &description.scopes,
            reference: Reference {
                lineage: &description.reference.lineage,
                generation: description.reference.generation,
            },
        }
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.access_token)
    }
}
