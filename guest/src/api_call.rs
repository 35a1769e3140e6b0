//! Calls to a workspace with somebody's token, and what a refusal means.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::api_failure::{self, ApiFailure};
use crate::contract::{Error, PeerError, Retry, ScopeNotGranted, SignInReason};
use crate::core::Core;
use crate::error::{Result, nanoseconds};
use crate::exchange::{CALL_DEADLINE, unreachable};
use crate::peer_answer::PeerAnswer;
use crate::ports::{HttpRequest, HttpResponse, Ports};
use crate::secret::AccessToken;
use crate::text;

impl<P: Ports> Core<P> {
    /// Sends a request with a token and gives a successful reply.
    ///
    /// # Errors
    /// What the refusal means, see [`refused`]; `unreachable` or `unavailable` when there was no reply.
    pub(crate) async fn call_workspace(
        &self,
        request: HttpRequest,
        root: &str,
        workspace_id: Option<&str>,
        token: &AccessToken,
    ) -> Result<HttpResponse> {
        let mut request = request.header("authorization", Zeroizing::new(format!("Bearer {}", token.expose())));
        if let Some(id) = workspace_id {
            // A host that serves many workspaces needs to be told which; others ignore it.
            request = request.header("x-databricks-workspace-id", Zeroizing::new(id.to_owned()));
        }
        let reply = self.send(request, CALL_DEADLINE).await.map_err(|failure| unreachable(failure, root))?;
        if (200..300).contains(&reply.status) && reply.json().is_some() {
            return Ok(reply);
        }
        Err(refused(classify(&reply), reply.status, root, self.retry_after(&reply)))
    }
}

/// Classifies a reply of a workspace.
fn classify(reply: &HttpResponse) -> ApiFailure {
    let answer = PeerAnswer::read(reply.status, reply.content_type.as_deref(), &reply.body);
    api_failure::classify(&answer, reply.location.as_deref())
}

/// Tells what a refusal means, and who acts.
pub fn refused(failure: ApiFailure, status: u16, root: &str, retry_after: Option<Duration>) -> Error {
    let retry_after = retry_after.map(nanoseconds);
    match failure {
        ApiFailure::TokenRejected => Error::sign_in(SignInReason::SessionEnded),
        ApiFailure::BlockedByIpList => Error::BlockedByIpList(format!(
            "An IP access list of {root} keeps this deployment out. A Databricks admin must add its outgoing address to the list."
        )),
        ApiFailure::WrongWorkspace => Error::WrongWorkspace(format!(
            "{root} says that this identity or token does not belong to it. Check the workspace URL, and that the identity is a member of the workspace."
        )),
        ApiFailure::PrivateLinkOnly => Error::PrivateLinkOnly(format!(
            "{root} can only be reached through its private link. The network administrator must connect this deployment to it."
        )),
        ApiFailure::NotAMember => denied(
            "",
            status,
            format!(
                "{root} knows this identity, but it is not a member of the workspace. A Databricks workspace admin can add it."
            ),
        ),
        ApiFailure::MissingScope { scopes } => Error::ScopeNotGranted(ScopeNotGranted {
            message: format!(
                "The token lacks a scope that {root} wants ({}). A Databricks account admin can assign it to the app connection or the service principal's secret; then sign in again.",
                text::clean(&scopes.join(", "), 512)
            ),
            scopes,
        }),
        ApiFailure::PermissionDenied { code, message } => denied(
            &code,
            status,
            format!(
                "Databricks denies permission: {message}. A Databricks workspace admin, or whoever owns the object, can grant it."
            ),
        ),
        ApiFailure::NotFound => {
            Error::NotFound("Databricks does not find it. Check the cluster or warehouse id.".to_owned())
        }
        ApiFailure::Throttled => Error::Throttled(Retry {
            retry_after,
            message: format!("{root} asks for fewer requests. Try again later."),
        }),
        ApiFailure::Unavailable => Error::Unavailable(Retry {
            retry_after,
            message: format!("{root} does not answer properly just now (status {status}). Try again."),
        }),
        ApiFailure::LoginPage => Error::WrongWorkspace(format!(
            "{root} answers with its login page. Check the workspace URL; a host that serves many workspaces also needs the workspace id, as `?o=<id>`."
        )),
        ApiFailure::Other { code, message } => {
            denied(&code, status, format!("{root} answered with status {status}: {message}"))
        }
    }
}

/// A reply that is JSON, but not what was asked for.
pub fn unexpected(root: &str) -> Error {
    Error::WrongWorkspace(format!("{root} does not answer as a Databricks workspace does. Check the workspace URL."))
}

fn denied(code: &str, status: u16, message: String) -> Error {
    Error::PermissionDenied(PeerError { code: code.to_owned(), status, message })
}
