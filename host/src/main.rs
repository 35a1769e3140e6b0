//! The command line of fabric-auth.

mod demo;

fn main() -> std::process::ExitCode {
    {
        let runtime = tokio::runtime::Runtime::new();
        match runtime {
            Ok(runtime) => runtime.block_on(demo::run(false)),
            Err(_) => std::process::ExitCode::FAILURE,
        }
    }
}
