//! The binary: parse the command line and call the library.

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use apikeys::cli::{Cli, Failure, run};
use clap::Parser;

/// Threads give each other what they allocate, which glibc's allocator has them wait for.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How many threads do what blocks and has no thread of its own, such as finding the address of a host. More would each keep memory
/// of their own.
const BLOCKING_THREADS: usize = 4;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(Cli::parse())),
        Err(error) => Err(Failure::Failed(format!("cannot start: {error}"))),
    };
    let (code, problem) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Mistake(problem)) => (2, problem),
        Err(Failure::Failed(problem)) => (1, problem),
    };
    // Where stderr is gone, or nobody reads it, the exit code is all that is left to tell.
    let (told, is_told) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = writeln!(std::io::stderr(), "apikeys: {problem}");
        let _ = told.send(());
    });
    let _ = is_told.recv_timeout(Duration::from_secs(1));
    ExitCode::from(code)
}
