//! The benchmark: how many requests a second the release binary answers, on SQLite and on PostgreSQL, and how many round trips
//! and flushes of PostgreSQL each operation takes.
//!
//! `make bench` runs it; `make bench KEYS=20000 SECONDS=1` takes two minutes. It compares and asserts no time: it fails where an
//! answer is wrong. Everything that it starts ends with it.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is printed, for people and for a file"
)]

mod bench;
#[path = "../../tests/api/harness/cluster.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "it is the tests', which use more of it, and whose way to fail is a panic"
)]
mod cluster;
mod database;
mod report;
mod request;
mod requests;
mod round_trips;
mod seed;
mod server;
mod wire;
mod wrk;

use std::error::Error;
use std::process::ExitCode;

use apikeys::key::error::chain;
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use database::Kind;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Measures with wrk how many requests a second the release binary answers, on loopback, on databases full of keys.
///
/// Prints a table for each database: each kind of request at 1, 32 and 128 connections, compared with /livez, which is
/// measured before and after. wrk and the database share the machine with the server. For PostgreSQL, the round trips and
/// flushes of each operation are counted as well, which takes half a minute. The exit code is not 0 where an answer was
/// wrong; how fast it came decides nothing.
#[derive(Parser)]
#[command(name = "make bench")]
struct Options {
    /// How many keys are in each database (`KEYS`).
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10_000..))]
    keys: u64,
    /// How long each point is measured, in seconds (`SECONDS`).
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// On which databases (`DATABASE`).
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// Whether the server writes its log, one line a request, to a file (`LOG`).
    #[arg(long, value_enum, default_value_t = Log::On)]
    log: Log,
    /// Compare /auth with 10,000 and with many keys as well (`SCALING=1`).
    #[arg(long)]
    check_scaling: bool,
    /// How many are many (`SCALING_KEYS`). Ten million take some minutes and some gigabytes for each database.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(20_000..))]
    scaling_keys: u64,
    /// Cargo says with this that it runs benchmarks, and not tests.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Databases {
    Sqlite,
    Postgres,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    On,
    Off,
}

impl Options {
    fn kinds(&self) -> &'static [Kind] {
        match self.database {
            Databases::Sqlite => &[Kind::Sqlite],
            Databases::Postgres => &[Kind::Postgres],
            Databases::Both => &[Kind::Sqlite, Kind::Postgres],
        }
    }

    fn logs(&self) -> bool {
        self.log == Log::On
    }
}

/// Stops PostgreSQL, if it was started, also where something panics.
struct ClusterStop;

impl Drop for ClusterStop {
    fn drop(&mut self) {
        cluster::stop();
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("This is a benchmark, and no test: `make bench` runs it.");
        return ExitCode::SUCCESS;
    }
    let _cluster = ClusterStop;
    match measure(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(errors) => {
            println!("\n{errors} requests had no right answer.");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("\nThe benchmark failed: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // What is dropped on the way stops its processes and removes its files.
        tokio::select! {
            errors = run(options) => errors,
            _ = interrupt.recv() => Err("interrupted".into()),
            _ = terminate.recv() => Err("terminated".into()),
        }
    })
}

/// Gives how many requests had no right answer.
async fn run(options: &Options) -> Result<u64> {
    let processors = std::thread::available_parallelism()?;
    println!(
        "{processors} processors, which the server shares with wrk (one thread) and the database."
    );
    match options.log {
        Log::On => println!("The server writes one line a request to a file."),
        Log::Off => println!("The server writes no log (RUST_LOG=off), unlike by default."),
    }
    println!("Each point: {} s.", options.seconds);
    let mut errors = 0;
    for kind in options.kinds() {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        if *kind == Kind::Postgres {
            // First, while PostgreSQL has nothing else to do.
            round_trips::table(options, folder.path()).await?;
        }
        errors += bench::database(*kind, options, folder.path()).await?;
    }
    if options.check_scaling {
        for kind in options.kinds() {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
            errors += bench::scaling(*kind, options, folder.path()).await?;
        }
    }
    Ok(errors)
}
