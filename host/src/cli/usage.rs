//! Arguments that were not understood: told as clap tells it, or whole in one line of JSON.

use std::env;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit_status::ExitStatus;
use super::failure::Failure;
use super::options;
use super::output::{Format, Output};

/// What failed: which command was meant is not known.
const PROGRAM: &str = "fabric-auth";

/// What is refused where no single argument is.
const ARGUMENTS: &str = "arguments";

/// Says what is wrong with the arguments, or gives the help that was asked for.
pub(super) fn not_understood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !asks_for_json() {
        // A reader who went away is no reason to fail otherwise.
        let _ = error.print();
    } else {
        Output::new(Format::Json).failure(PROGRAM, &Failure::caller(&argument_of(error), sentence_of(error)));
    }
    if error.use_stderr() { ExitStatus::WrongUsage.into() } else { ExitStatus::Done.into() }
}

/// Whether JSON is wanted, as far as arguments that were not understood tell.
fn asks_for_json() -> bool {
    let arguments: Vec<_> = env::args_os().collect();
    let (separate, joined) = (["--output", "json"], "--output=json");
    arguments.windows(2).any(|pair| pair == separate)
        || arguments.iter().any(|argument| argument == joined)
        || env::var_os(options::OUTPUT_VARIABLE).is_some_and(|format| format == "json")
}

/// The argument that is wrong or missing, without the name of its value.
fn argument_of(error: &clap::Error) -> String {
    let argument = match error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand)) {
        Some(ContextValue::String(argument)) => Some(argument),
        Some(ContextValue::Strings(arguments)) => arguments.first(),
        _ => None,
    };
    let name = argument.and_then(|argument| argument.split([' ', '=']).next()).unwrap_or(ARGUMENTS);
    name.trim_matches(['<', '>', '[', ']', '.']).to_owned()
}

/// Everything clap says about what is wrong: what is missing, what would be possible, what is meant perhaps. The usage
/// and the reference to the help come after it.
fn sentence_of(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; --help lists the commands".to_owned();
    }
    let text = error.to_string();
    let said = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let words: Vec<&str> = said.flat_map(str::split_whitespace).collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn told(arguments: &[&str]) -> (String, String) {
        let all = std::iter::once("fabric-auth").chain(arguments.iter().copied());
        let error = super::super::CommandLine::try_parse_from(all).err().unwrap();
        (argument_of(&error), sentence_of(&error))
    }

    #[test]
    fn what_is_wrong_is_told_whole_with_the_argument_it_is_about() {
        for (arguments, argument, details) in [
            (&["token"][..], "FABRIC", &["not provided", "<FABRIC>"][..]),
            (&["token", "dev", "--activity", "lunch"], "--activity", &["'lunch'", "scheduled-run"]),
            (&["token", "dev", "--activty", "x"], "--activty", &["similar", "--activity"]),
            (&["tokn", "dev"], "tokn", &["similar", "'token'"]),
            (&["keys"], ARGUMENTS, &["a command is missing"]),
            (&["fabric", "add", "dev", "--team", "t"], "--workspace-url", &["not provided"]),
        ] {
            let (found, sentence) = told(arguments);
            assert_eq!(found, argument, "{sentence}");
            assert!(details.iter().all(|detail| sentence.contains(detail)), "{sentence}");
            assert!(!sentence.contains('\n') && !sentence.contains("Usage:"), "{sentence}");
        }
    }
}
