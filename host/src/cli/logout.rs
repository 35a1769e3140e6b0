//! `fabric-auth logout`: forgets the caller's sign-in to a fabric's workspace, for every fabric that shares it.
//!
//! JSON: `{"fabric", "grant_ended", "revoked"}`.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::failure::Failure;

#[derive(Args)]
pub(super) struct Logout {
    /// Name of the fabric
    fabric: String,
}

#[derive(Serialize)]
struct View {
    fabric: String,
    grant_ended: bool,
    revoked: bool,
}

impl Logout {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let sign_out = async |session: &Session| {
            session.host.sign_out(&session.caller, &self.fabric).await.map_err(about_fabric(&self.fabric))
        };
        let done = context.with_host(sign_out).await?;
        context.output.show(&View { fabric: self.fabric, grant_ended: done.grant_ended, revoked: done.revoked })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fabric = &self.fabric;
        match (self.grant_ended, self.revoked) {
            (false, _) => write!(formatter, "There was no sign-in to {fabric} to end."),
            (true, true) => write!(formatter, "Signed out of {fabric}; the server has revoked the refresh token."),
            (true, false) => write!(
                formatter,
                "Signed out of {fabric}. The refresh token is forgotten here; the server offers no revocation, so an \
                 access token that was handed out before lives to its end."
            ),
        }
    }
}
