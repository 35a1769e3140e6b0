//! How a command ends, for scripts: the one table of the exit codes.

use std::process::ExitCode;

use fabric_auth::contract::Error;

use super::contract_fields::is_typed;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ExitStatus {
    Done = 0,
    Failed = 1,
    WrongUsage = 2,
    SignInRequired = 3,
    AdvisoriesFound = 4,
}

/// What each code means.
const TABLE: [(ExitStatus, &str); 5] = [
    (ExitStatus::Done, "done"),
    (ExitStatus::Failed, "failed"),
    (ExitStatus::WrongUsage, "wrong usage: an argument, option or value must be corrected"),
    (ExitStatus::SignInRequired, "somebody has to sign in (fabric-auth login)"),
    (ExitStatus::AdvisoriesFound, "check found advisories"),
];

impl ExitStatus {
    /// What an error ends a command with.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::InvalidInput(input) if is_typed(&input.field) => Self::WrongUsage,
            Error::SignInRequired(_) => Self::SignInRequired,
            _ => Self::Failed,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// The table as the help shows it.
pub(super) fn help() -> String {
    let rows = TABLE.map(|(status, meaning)| format!("  {}  {meaning}", status as u8));
    format!("Exit codes:\n{}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use fabric_auth::contract::{InvalidInput, SignInReason, SignInRequired};

    use super::*;

    #[test]
    fn the_codes_are_those_that_scripts_know() {
        assert_eq!(TABLE.map(|(status, _)| status as u8), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn an_error_ends_with_the_code_of_what_can_be_done_about_it() {
        let refused =
            |field: &str| Error::InvalidInput(InvalidInput { field: field.to_owned(), message: String::new() });
        let required =
            SignInRequired { reason: SignInReason::SignedOut, missing_scopes: Vec::new(), message: String::new() };
        for (error, status) in [
            (refused("settings.team"), ExitStatus::WrongUsage),
            (refused("callback-query"), ExitStatus::Failed),
            (Error::SignInRequired(required), ExitStatus::SignInRequired),
            (Error::NotFound(String::new()), ExitStatus::Failed),
            (Error::Misconfigured(String::new()), ExitStatus::Failed),
        ] {
            assert_eq!(ExitStatus::of(&error), status, "{}", error.case());
        }
    }
}
