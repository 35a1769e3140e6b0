//! `fabric-auth completions`: a completion script for a shell.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::context::Context;
use super::failure::Failure;

#[derive(Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// The script is the same in both formats: a shell reads it.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        // By way of memory: the generator panics when its writer fails, as standard output may.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::CommandLine::command(), "fabric-auth", &mut script);
        context.output.show_script(mended(&script).as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// In half of the places of its bash script, the generator takes the hyphen of our name for the step to a subcommand.
fn mended(script: &[u8]) -> String {
    String::from_utf8_lossy(script).replace("fabric__subcmd__auth", "fabric__auth")
}
