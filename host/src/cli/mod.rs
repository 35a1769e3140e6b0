//! The command line: the table of its commands, and how each ends.
//!
//! Data goes to standard output, everything else to standard error. With `--output json` both are JSON, a document on
//! each line: data as each command's module documents it, `{"note": …}` for what a person would be told, and an error
//! as `{"success": false, "message", "error": {"case", "message", "actor", "field"?, "option"?, "reason"?,
//! "retry_after"?}}`, where the first `message` names the command and the cause. Members have the names
//! of the contract (`wit/`) with underscores, enumerated values are spelled as there, and durations are in seconds.
//! `field` is a parameter of the contract, `option` the place on the command line that fills it. The exit codes stand
//! in `exit_status`.

mod app;
mod app_guide;
mod authorization_answer;
mod browser;
mod callback_page;
mod callback_server;
mod check;
mod completions;
mod conformance;
mod context;
mod contract_fields;
mod exit_status;
mod expiry;
mod fabric;
mod fabric_add;
mod fabric_import;
mod fabrics_file;
mod failure;
mod grants;
mod init;
mod inspect;
mod journal;
mod journal_report;
mod keys;
mod login;
mod logout;
mod loopback_redirect;
mod methods;
mod options;
mod output;
mod personal_access_token;
mod restore_check;
mod sealed_records;
mod secret_source;
mod serve;
mod status;
mod test_connection;
mod text_tree;
mod token;
mod usage;
mod user;
mod words;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use self::browser::browser_opens;
use self::context::Context;
pub(crate) use self::context::told_to_end;
use self::failure::Failure;
use self::options::Options;
use self::output::Output;
use crate::demo;

/// OAuth for Databricks fabrics: app connections, sign-ins, tokens.
#[derive(Parser)]
#[command(name = "fabric-auth", version, propagate_version = true, max_term_width = 100, after_help = exit_status::help())]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a commented configuration, a key ring and an empty database into a folder
    Init(init::Init),
    /// Tell the whole story on loopback, each step checked and shown
    Demo {
        /// Then leave the service and the simulated workspace running, with sample fabrics and people, and open the console
        #[arg(long)]
        keep: bool,
    },
    /// The app connection through which people sign in
    #[command(subcommand)]
    App(app::App),
    /// How fabrics may authenticate in this deployment, and who mends what is missing
    Methods,
    /// Fabrics with Databricks as provider
    #[command(subcommand)]
    Fabric(fabric::Fabric),
    /// Sign in to Databricks with a browser
    Login(login::Login),
    /// Forget the sign-in to a fabric's workspace
    Logout(logout::Logout),
    /// Your personal access token, on a fabric that takes them
    #[command(subcommand)]
    PersonalAccessToken(personal_access_token::PersonalAccessToken),
    /// Print an access token
    Token(token::Token),
    /// Who is signed in, until when, and what will need attention
    Status(status::Status),
    /// Test Connection: discovery, token, who am I, compute
    Test(test_connection::TestConnection),
    /// What will stand in the way later: exit code 4 if there is something, for a deployment pipeline
    Check(check::Check),
    /// People's sign-ins: who has one, and ending them
    #[command(subcommand)]
    Grants(grants::Grants),
    /// The key ring that guards the stored secrets
    #[command(subcommand, after_help = keys::ORDER)]
    Keys(keys::Keys),
    /// The audit journal: what happened, who did it and how it ended
    #[command(subcommand, after_help = journal::BOUND)]
    Journal(journal::Journal),
    /// After a backup of the database was put back, and before any host runs: mark the sign-ins that may not be renewed
    ///
    /// Works on the records of one tenant (deployment.tenant). Nothing is sent to Databricks.
    RestoreCheck(restore_check::RestoreCheck),
    /// Serve browsers and programs: the console, the JSON API and Databricks' callbacks, until told to end
    Serve(serve::Serve),
    /// Who may use the service, and with which API tokens
    #[command(subcommand)]
    User(user::UserCommand),
    /// What the component imports and exports, its size and digest
    Inspect(inspect::Inspect),
    /// Play recorded exchanges with Databricks against the component, and report which held
    Conformance(conformance::Conformance),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Does what the arguments say.
pub(crate) fn main() -> ExitCode {
    let (CommandLine { options, command }, words) = match parse() {
        Ok(understood) => understood,
        Err(error) => return usage::not_understood(&error),
    };
    begin_logging();
    let output = Output::new(options.output);
    let result = match command.runtime() {
        Ok(runtime) => runtime.block_on(command.run(&Context::new(options, output))),
        Err(error) => Err(Failure::operator(format!("The async runtime could not be started: {error}."))),
    };
    result.unwrap_or_else(|failure| {
        output.failure(&words, &failure);
        failure.exit_code()
    })
}

/// Reads the arguments; beside what they say, the words of the command (`fabric add`).
fn parse() -> Result<(CommandLine, String), clap::Error> {
    let matches = CommandLine::command().try_get_matches()?;
    let words = words_of(&matches);
    let command_line =
        CommandLine::from_arg_matches(&matches).map_err(|error| error.format(&mut CommandLine::command()))?;
    Ok((command_line, words))
}

/// The words of the command that the arguments name.
fn words_of(matches: &ArgMatches) -> String {
    let mut words = Vec::new();
    let mut inner = matches.subcommand();
    while let Some((word, matches)) = inner {
        words.push(word);
        inner = matches.subcommand();
    }
    words.join(" ")
}

impl Command {
    /// One thread is enough for one command, and there at once; a service takes what the machine has.
    fn runtime(&self) -> std::io::Result<tokio::runtime::Runtime> {
        match self {
            Self::Serve(_) | Self::Demo { keep: true } => tokio::runtime::Builder::new_multi_thread(),
            _ => tokio::runtime::Builder::new_current_thread(),
        }
        .enable_all()
        .build()
    }

    async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Init(init) => init.run(context).await,
            Self::Demo { keep } => Ok(demo::run(context.output.is_json(), keep).await),
            Self::App(app) => app.run(context).await,
            Self::Methods => methods::run(context).await,
            Self::Fabric(fabric) => fabric.run(context).await,
            Self::Login(login) => login.run(context).await,
            Self::Logout(logout) => logout.run(context).await,
            Self::PersonalAccessToken(token) => token.run(context).await,
            Self::Token(token) => token.run(context).await,
            Self::Status(status) => status.run(context).await,
            Self::Test(test) => test.run(context).await,
            Self::Check(check) => check.run(context).await,
            Self::Grants(grants) => grants.run(context).await,
            Self::Keys(keys) => keys.run(context).await,
            Self::Journal(journal) => journal.run(context).await,
            Self::RestoreCheck(check) => check.run(context).await,
            Self::Serve(serve) => serve.run(context).await,
            Self::User(user) => user.run(context).await,
            Self::Inspect(inspect) => inspect.run(context),
            Self::Conformance(conformance) => conformance.run(context).await,
            Self::Completions(completions) => completions.run(context),
        }
    }
}

/// Sends what this program logs to standard error: warnings and errors, or what `FABRIC_AUTH_LOG` says (`info`,
/// `fabric_auth=debug`). What the libraries beneath it log is never shown, whatever that variable says: some of them
/// write down headers, and headers hold tokens.
fn begin_logging() {
    let chosen = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .with_env_var("FABRIC_AUTH_LOG")
        .from_env_lossy();
    let ours = filter_fn(|event| event.target().starts_with("fabric_auth"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(ours);
    tracing_subscriber::registry().with(chosen).with(lines).init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_commands_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
