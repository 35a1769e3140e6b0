//! The command line of fabric-auth.

mod cli;
mod demo;

fn main() -> std::process::ExitCode {
    cli::main()
}
