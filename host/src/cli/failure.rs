//! Why a command did not do what was asked: as text, as JSON and as exit code.

use std::process::ExitCode;

use fabric_auth::Span;
use fabric_auth::config::ConfigError;
use fabric_auth::conformance::ConformanceError;
use fabric_auth::contract::{Actor, Error, InvalidInput};
use fabric_auth::database::OpenError;
use fabric_auth::keys::KeyRingError;
use fabric_auth::service::ServiceError;
use fabric_auth::{ArtifactError, BuildError};
use serde::Serialize;

use super::contract_fields::place_of;
use super::exit_status::ExitStatus;
use super::words::Word as _;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// In the words of the contract. What this host cannot work with is `misconfigured`.
    Contract(Error),
    /// The command was told to end.
    Interrupted,
}

/// An error as JSON shows it.
#[derive(Serialize)]
pub(super) struct Problem<'a> {
    case: &'static str,
    message: &'a str,
    actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<Span>,
}

impl Failure {
    /// The operator must act.
    pub(super) fn operator(message: impl Into<String>) -> Self {
        Self::Contract(Error::Misconfigured(message.into()))
    }

    /// The makers of this program must act.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::Contract(Error::Internal(message.into()))
    }

    /// Whoever typed the command must act on one of its parts.
    pub(super) fn caller(field: &str, message: impl Into<String>) -> Self {
        Self::Contract(Error::InvalidInput(InvalidInput { field: field.to_owned(), message: message.into() }))
    }

    /// The code to end with.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Contract(error) => ExitStatus::of(error).into(),
            Self::Interrupted => ExitStatus::Failed.into(),
        }
    }

    /// What happened, for people: for a value that was refused, the option it stands in comes first.
    pub(super) fn message(&self) -> String {
        let Problem { message, option, .. } = self.problem();
        option.map_or_else(|| message.to_owned(), |option| format!("{option}: {message}"))
    }

    /// Who can fix it, for people.
    pub(super) fn actor(&self) -> Actor {
        match self {
            Self::Contract(error) => error.actor(),
            Self::Interrupted => Actor::Caller,
        }
    }

    /// The failure as JSON shows it.
    pub(super) fn problem(&self) -> Problem<'_> {
        match self {
            Self::Contract(error) => Problem::from(error),
            Self::Interrupted => Problem {
                case: "interrupted",
                message: "The command was interrupted. What it had begun was brought to its end.",
                actor: word_of(Actor::Caller),
                field: None,
                option: None,
                reason: None,
                retry_after: None,
            },
        }
    }
}

impl<'a> From<&'a Error> for Problem<'a> {
    fn from(error: &'a Error) -> Self {
        Self {
            case: error.case(),
            message: error.message(),
            actor: word_of(error.actor()),
            field: error.field(),
            option: error.field().and_then(place_of),
            reason: match error {
                Error::SignInRequired(required) => Some(required.reason.word()),
                _ => None,
            },
            retry_after: match error {
                Error::Throttled(retry) | Error::Unavailable(retry) => retry.retry_after.map(Span::from),
                _ => None,
            },
        }
    }
}

/// One word for who must act, for programs.
fn word_of(actor: Actor) -> &'static str {
    match actor {
        Actor::Caller => "caller",
        Actor::Person => "person",
        Actor::ClusterAdmin => "cluster-admin",
        Actor::TeamAdmin => "team-admin",
        Actor::AccountAdmin => "account-admin",
        Actor::WorkspaceAdmin => "workspace-admin",
        Actor::NetworkAdministrator => "network-administrator",
        Actor::Nobody => "nobody",
        Actor::Operator => "operator",
        _ => "us",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Contract(error)
    }
}

/// Errors of the parts of a host are sentences for the operator.
macro_rules! of_the_operator {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::operator(error.to_string())
            }
        })*
    };
}

of_the_operator!(ConfigError, ConformanceError, OpenError, KeyRingError, BuildError, ArtifactError, ServiceError);
