//! The edge gateway: requests for Databricks pass through the component, which decides whose token they carry.
//!
//! What is decided stands here and below, over the ports; how the parts of a request are moved stands in
//! `component::handler`.

mod answer;
mod headers;
mod path;
mod rejections;
#[cfg(test)]
mod tests;

use std::time::Duration;

use zeroize::Zeroizing;

pub use self::answer::Answer;
pub use self::headers::{Header, backward, location_of, one_length, onward};
use self::path::{Unfit, check, names_workspace};
pub(crate) use self::rejections::Rejections;
use crate::api_failure::{self, ApiFailure};
use crate::contract::callers::Admission;
use crate::contract::databricks_oauth::{Rejection, RejectionVerdict};
use crate::contract::{Activity, Caller, Error, TokenDescription};
use crate::core::Core;
use crate::peer_answer::PeerAnswer;
use crate::ports::Ports;

/// The header in which the host hands over its one-time ticket.
pub const TICKET: &str = "prophecy-ticket";

/// How much of a refusal is looked at.
pub const LOOKED_AT: usize = 16 * 1024;

/// How long a refusal may take to come that far. A workspace sends its own at once; what comes in drops is not held for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the workspace may be silent before and within its reply. Long polls wait for minutes.
pub const SILENCE: Duration = Duration::from_secs(600);

/// A token for one request, and where the request goes.
pub struct Credentials {
    /// The token.
    pub token: Zeroizing<String>,
    /// Which one, whose, and for which workspace.
    pub description: TokenDescription,
}

impl<P: Ports> Core<P> {
    /// Redeems the ticket of a request. There must be exactly one.
    ///
    /// # Errors
    /// The answer to whoever sent it.
    pub fn admit(&self, tickets: &[&[u8]]) -> Result<Admission, Answer> {
        let admission = match tickets {
            [ticket] => std::str::from_utf8(ticket).ok().and_then(|ticket| self.ports.redeem(ticket)),
            _ => None,
        };
        admission.ok_or_else(Answer::unauthorized)
    }

    /// Checks the path and the query of a request.
    ///
    /// # Errors
    /// The answer to whoever sent it.
    pub fn check_path(&self, path_with_query: &str) -> Result<(), Answer> {
        self.require_fit(path_with_query).map_err(|error| Answer::of_error(&error, ""))
    }

    /// `databricks-oauth.authorize-request`.
    pub async fn authorize_request(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
        path: &str,
    ) -> Result<(Zeroizing<String>, TokenDescription), Error> {
        self.require_fit(path)?;
        let served = self.access_token(caller, fabric, activity).await?;
        require_workspace(path, &served.1)?;
        Ok(served)
    }

    /// Checks that a request does not ask a host that serves many workspaces for another one than the fabric's.
    ///
    /// # Errors
    /// The answer to whoever sent it.
    pub fn check_workspace(&self, path_with_query: &str, token: &TokenDescription) -> Result<(), Answer> {
        require_workspace(path_with_query, token).map_err(|error| Answer::of_error(&error, ""))
    }

    fn require_fit(&self, path_with_query: &str) -> Result<(), Error> {
        let deployment = self.ports.describe();
        let checked = check(path_with_query, &deployment.gateway_allowed_paths, &deployment.gateway_refused_paths);
        checked.map_err(|unfit| match unfit {
            Unfit::Ambiguous => Error::invalid("path", "This path can be read in more than one way; write it plainly."),
            Unfit::Refused => Error::Forbidden("The gateway does not let requests for this path through.".to_owned()),
        })
    }

    /// Gets the token that the admission calls for.
    ///
    /// # Errors
    /// The answer to whoever sent the request; when the person has to sign in, with where.
    pub async fn gateway_credentials(&self, admission: &Admission) -> Result<Credentials, Answer> {
        let asked = self.access_token(&admission.caller, &admission.fabric, admission.activity).await;
        let (token, description) = asked.map_err(|error| {
            let fabric: String = form_urlencoded::byte_serialize(admission.fabric.as_bytes()).collect();
            Answer::of_error(&error, &format!("{}/connect?fabric={fabric}", self.ports.describe().base_url))
        })?;
        Ok(Credentials { token, description })
    }

    /// Whether a reply of this status may be a refusal on which the token would be given up. Only then it is worth to look at.
    ///
    /// What answers behind a path of the workspace may be somebody's own program, which can say what it likes of a token. So
    /// a person's own token is never given up on its word, and a grant's at most once in a while.
    pub fn may_give_up(&self, token: &TokenDescription, status: u16) -> bool {
        // The contract tells no scopes of a personal access token, which cannot be renewed.
        may_refuse_token(status)
            && !token.scopes.is_empty()
            && self.gateway_rejections.borrow().may_act(&token.reference.lineage, self.ports.monotonic())
    }

    /// Ends when the beginning of a refusal should have come.
    pub async fn patience(&self) {
        self.ports.wait(PATIENCE).await;
    }

    /// Whether a refusal by the workspace means that another token helps, and there is one now. `body` is its beginning.
    pub async fn is_token_replaced(
        &self,
        admission: &Admission,
        token: &TokenDescription,
        status: u16,
        body: Vec<u8>,
    ) -> bool {
        // Most refusals are about something else, and must not keep one about the token from being believed.
        let answer = PeerAnswer::read(status, None, &body);
        if !matches!(api_failure::classify(&answer, None), ApiFailure::TokenRejected) {
            return false;
        }
        let token = &token.reference;
        let now = self.ports.monotonic();
        if !self.gateway_rejections.borrow_mut().act(&token.lineage, now) {
            return false;
        }
        let rejection = Rejection { status, body, location: None };
        let Admission { caller, fabric, activity } = admission;
        let verdict = self.report_rejection(caller, fabric, *activity, token, rejection).await;
        // What else was said is for the client to read.
        matches!(verdict, Ok(RejectionVerdict::TokenRejected | RejectionVerdict::AlreadyReplaced))
    }
}

fn require_workspace(path_with_query: &str, token: &TokenDescription) -> Result<(), Error> {
    if names_workspace(path_with_query).iter().all(|named| token.workspace_id.as_ref() == Some(named)) {
        return Ok(());
    }
    Err(Error::Forbidden("The query names a workspace, which is for the fabric to say.".to_owned()))
}

/// Whether a reply of this status may speak of the token (the statuses with which Databricks refuses one).
fn may_refuse_token(status: u16) -> bool {
    matches!(status, 400 | 401 | 403)
}
