//! A token request and what came of it, told in the words of whoever asked.

use std::time::Duration;

use crate::app_connections::may_not_be_known_yet;
use crate::breaker::Sign;
use crate::contract::{Error, PeerError, Retry, ScopeNotGranted};
use crate::core::Core;
use crate::error::nanoseconds;
use crate::exchange::{TOKEN_DEADLINE, unreachable};
use crate::forecast::in_words;
use crate::peer_answer::PeerAnswer;
use crate::ports::{HttpFailure, HttpRequest, HttpResponse, Ports};
use crate::record::{FabricRecord, Stored};
use crate::retry_after;
use crate::sign_in;
use crate::text;
use crate::token_failure::{self, ClientRejection, GrantType, TokenFailure};
use crate::token_reply::TokenReply;

/// A fabric's service principal, as far as its failures are told.
#[derive(Clone, Copy)]
pub struct Principal<'a> {
    /// The fabric.
    pub fabric: &'a str,
    /// What is left of its secret, where that was recorded.
    pub secret_remaining: Option<Duration>,
}

impl<'a> From<&'a Stored<FabricRecord>> for Principal<'a> {
    fn from(fabric: &'a Stored<FabricRecord>) -> Self {
        Self { fabric: &fabric.record.name, secret_remaining: fabric.secret_remaining() }
    }
}

/// Why a token request gave no token.
pub enum TokenCallFailure {
    /// No byte of it left.
    NotSent(Error),
    /// Databricks answered, and this is what its answer means.
    Answered {
        /// The meaning.
        failure: TokenFailure,
        /// Status of the answer.
        status: u16,
        /// Root URL of the workspace.
        root: String,
    },
    /// No answer, or none that tells whether the request was acted on.
    OutcomeUnknown(Error),
}

/// What a failure says about the refresh token that was sent.
#[derive(Debug, PartialEq, Eq)]
pub enum EffectOnRefresh {
    /// It was not used up: the request did not arrive, was not processed, or was refused for another reason.
    Untouched {
        /// The least pause that was asked for.
        retry_after: Option<Duration>,
    },
    /// It gives no more tokens.
    Dead,
    /// Nobody knows.
    Unknown,
}

impl<P: Ports> Core<P> {
    /// Sends a token request and reads the reply.
    pub(crate) async fn request_token(
        &self,
        grant_type: GrantType,
        request: HttpRequest,
        root: &str,
    ) -> Result<TokenReply, TokenCallFailure> {
        self.request_token_within(TOKEN_DEADLINE, grant_type, request, root).await
    }

    /// The same with another deadline than the usual one.
    pub(crate) async fn request_token_within(
        &self,
        deadline: Duration,
        grant_type: GrantType,
        request: HttpRequest,
        root: &str,
    ) -> Result<TokenReply, TokenCallFailure> {
        let reply = match self.send(request, deadline).await {
            Ok(reply) => reply,
            Err(failure @ HttpFailure::NotSent(_)) => {
                return Err(TokenCallFailure::NotSent(unreachable(failure, root)));
            }
            Err(failure) => return Err(TokenCallFailure::OutcomeUnknown(unreachable(failure, root))),
        };
        if reply.status == 200
            && let Ok(tokens) = TokenReply::parse(&reply.body)
        {
            return Ok(tokens);
        }
        let answer = PeerAnswer::read(reply.status, reply.content_type.as_deref(), &reply.body);
        match token_failure::classify(grant_type, &answer, self.retry_after(&reply)) {
            TokenFailure::OutcomeUnknown => Err(TokenCallFailure::OutcomeUnknown(Error::unavailable(
                format!("{root} gave no usable answer to a token request (status {}). Try again.", reply.status),
                None,
            ))),
            failure => Err(TokenCallFailure::Answered { failure, status: reply.status, root: root.to_owned() }),
        }
    }

    /// The pause that a reply asks for.
    pub(crate) fn retry_after(&self, reply: &HttpResponse) -> Option<Duration> {
        retry_after::parse(reply.retry_after.as_deref()?, reply.date.as_deref(), Some(self.ports.unix_seconds()))
    }
}

impl TokenCallFailure {
    /// What it says about the refresh token that was sent.
    pub fn effect_on_refresh(&self) -> EffectOnRefresh {
        match self {
            Self::OutcomeUnknown(_) => EffectOnRefresh::Unknown,
            Self::Answered { failure: TokenFailure::DeadGrant, .. } => EffectOnRefresh::Dead,
            Self::Answered {
                failure: TokenFailure::Throttled { retry_after } | TokenFailure::UnavailableUnprocessed { retry_after },
                ..
            } => EffectOnRefresh::Untouched { retry_after: *retry_after },
            Self::NotSent(_) | Self::Answered { .. } => EffectOnRefresh::Untouched { retry_after: None },
        }
    }

    /// What it tells of the endpoint.
    pub fn sign(&self) -> Sign {
        match self {
            Self::NotSent(_) => Sign::None,
            Self::OutcomeUnknown(_) => Sign::Silent(None),
            Self::Answered { failure: TokenFailure::UnavailableUnprocessed { retry_after }, .. } => {
                Sign::Silent(*retry_after)
            }
            Self::Answered { .. } => Sign::Answered,
        }
    }

    /// Whether the client's secret was refused in a way that proves that nothing else of the request was looked at.
    pub fn is_invalid_client(&self) -> bool {
        matches!(self, Self::Answered { failure: TokenFailure::ClientRejected(rejection), .. } if rejection.invalid_client)
    }

    /// In the words of a person's sign-in or renewal, where the client is the app connection. `set_for`: since when its
    /// client id and secret are the present ones, where that is known.
    pub fn of_person(self, set_for: Option<Duration>) -> Error {
        match self {
            Self::NotSent(error) | Self::OutcomeUnknown(error) => error,
            Self::Answered { failure: TokenFailure::DeadGrant | TokenFailure::CodeRefused, .. } => {
                sign_in::code_refused()
            }
            Self::Answered { failure: TokenFailure::ClientRejected(rejection), status, .. } => {
                app_rejected(rejection, status, set_for)
            }
            Self::Answered { failure, status, root } => of_any_client(failure, status, &root),
        }
    }

    /// In the words of a fabric's service principal, which is the client itself.
    pub fn of_service_principal(self, principal: Principal<'_>) -> Error {
        match self {
            Self::NotSent(error) | Self::OutcomeUnknown(error) => error,
            Self::Answered { failure: TokenFailure::ClientRejected(rejection), status, .. } => {
                service_principal_rejected(principal, rejection, status)
            }
            Self::Answered { failure, status, root } => match of_any_client(failure, status, &root) {
                // Whatever was refused, it was this client that asked, and the app connection has no part in it.
                Error::AppRejected(refusal) => Error::ServicePrincipalRejected(refusal),
                other => other,
            },
        }
    }
}

/// The app connection is not accepted. `set_for` as in [`TokenCallFailure::of_person`].
pub(crate) fn app_rejected(rejection: ClientRejection, status: u16, set_for: Option<Duration>) -> Error {
    Error::AppRejected(PeerError {
        message: format!(
            "Databricks does not accept Prophecy's app connection ({}: {}). {} A Prophecy cluster admin can check Client ID and Client Secret under Admin Settings > Security. Nobody's sign-in is affected.",
            rejection.code,
            rejection.description,
            may_not_be_known_yet(set_for)
        ),
        code: rejection.code,
        status,
    })
}

/// A fabric's service principal is not accepted.
pub(crate) fn service_principal_rejected(principal: Principal<'_>, rejection: ClientRejection, status: u16) -> Error {
    let Principal { fabric, secret_remaining } = principal;
    let cause = match secret_remaining {
        Some(Duration::ZERO) => {
            "Its secret has expired: the end that was recorded for it in the fabric has passed.".to_owned()
        }
        Some(left) => format!(
            "Its secret may have been deleted, or these are the app connection's credentials; by what was recorded in the fabric it would live for {} more.",
            in_words(left)
        ),
        None => "Its secret may have expired (they live two years at most) or been deleted, or these are the app connection's credentials.".to_owned(),
    };
    Error::ServicePrincipalRejected(PeerError {
        message: format!(
            "Databricks does not accept the service principal of the fabric `{fabric}` ({}: {}). {cause} An admin of the fabric's team can enter new credentials.",
            rejection.code, rejection.description
        ),
        code: rejection.code,
        status,
    })
}

/// Meanings that do not depend on whose client asked.
pub(crate) fn of_any_client(failure: TokenFailure, status: u16, root: &str) -> Error {
    let refused = |code: &str, message: String| PeerError { code: code.to_owned(), status, message };
    match failure {
        TokenFailure::ScopeNotGranted { scopes } => Error::ScopeNotGranted(ScopeNotGranted {
            message: format!(
                "Databricks does not grant the scopes asked for ({}). A Databricks account admin can assign them, or fewer can be asked for here.",
                if scopes.is_empty() {
                    "it does not say which".to_owned()
                } else {
                    text::clean(&scopes.join(", "), 512)
                }
            ),
            scopes,
        }),
        TokenFailure::PolicyDenied { description } => Error::PolicyDenied(refused(
            "access_denied",
            format!(
                "A policy of the Databricks account refuses this: {description}. A Databricks account admin can change it."
            ),
        )),
        TokenFailure::BlockedByIpList => Error::BlockedByIpList(format!(
            "An IP access list keeps this deployment out of {root}. A Databricks admin must add its outgoing address to the list."
        )),
        TokenFailure::EntraCredentials { description } => Error::AppRejected(refused(
            "entra",
            format!(
                "Microsoft Entra answered, or these are Entra's credentials: {description}. Enter a client id and secret that were made in Databricks (secrets begin with `dose`)."
            ),
        )),
        TokenFailure::WrongEndpoint => Error::WrongWorkspace(format!(
            "{root} does not answer as a token endpoint does (status {status}). Check the workspace URL."
        )),
        TokenFailure::Throttled { retry_after } => Error::Throttled(Retry {
            retry_after: retry_after.map(nanoseconds),
            message: format!("{root} asks for fewer token requests. Try again later."),
        }),
        TokenFailure::UnavailableUnprocessed { retry_after } => {
            Error::unavailable(format!("{root} gives no tokens just now (status {status}). Try again."), retry_after)
        }
        TokenFailure::MalformedRequest => {
            Error::Internal(format!("{root} calls a token request malformed (status {status}, empty answer)."))
        }
        TokenFailure::Other { code, description } => {
            let message = format!("{root} refused a token request ({code}): {description}.");
            Error::AppRejected(refused(&code, message))
        }
        // The callers have told these before.
        TokenFailure::DeadGrant
        | TokenFailure::CodeRefused
        | TokenFailure::ClientRejected(_)
        | TokenFailure::OutcomeUnknown => {
            Error::Internal("A token request failed in a way that has no words here.".to_owned())
        }
    }
}
