//! The binary: parse the command line and call the library.

use std::io::Write;
use std::process::ExitCode;

use apikeys::cli::{Cli, Failure, run};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let (code, problem) = match run(Cli::parse()).await {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Mistake(problem)) => (2, problem),
        Err(Failure::Failed(problem)) => (1, problem),
    };
    // Where even stderr is gone, the exit code is all that is left to tell.
    let _ = writeln!(std::io::stderr(), "apikeys: {problem}");
    ExitCode::from(code)
}
