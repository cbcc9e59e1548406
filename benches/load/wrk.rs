//! How fast is it? One run of wrk, and what it measured.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

use crate::Result;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/load/wrk.lua");

/// How much longer than asked for a run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one run measured, as the script prints it.
#[derive(Debug, Deserialize)]
pub struct Measurement {
    /// How many answers came.
    requests: u64,
    duration_us: u64,
    p50_us: u64,
    p99_us: u64,
    /// Answers with a status of 400 or more.
    refused: u64,
    /// Connections that failed, or timed out.
    broken: u64,
}

impl Measurement {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / (self.duration_us as f64 / 1e6)
    }

    /// Half of the answers came within so many milliseconds.
    pub fn p50_ms(&self) -> f64 {
        self.p50_us as f64 / 1e3
    }

    /// 99 of 100 answers came within so many milliseconds.
    pub fn p99_ms(&self) -> f64 {
        self.p99_us as f64 / 1e3
    }

    /// Answers that wrk takes for good ones.
    pub fn accepted(&self) -> u64 {
        self.requests - self.refused
    }

    /// Requests without a good answer, as far as wrk can tell: it looks at nothing but the status.
    pub fn errors(&self) -> u64 {
        self.refused + self.broken
    }
}

/// Sends the requests of a file in turn, for some seconds, over so many connections.
pub async fn run(
    base: &str,
    requests: &Path,
    connections: usize,
    seconds: u64,
) -> Result<Measurement> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "--latency", "-s", SCRIPT])
        .arg(format!("-c{connections}"))
        .arg(format!("-d{seconds}s"))
        .args([base, "--"])
        .arg(requests)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let limit = Duration::from_secs(seconds) + PATIENCE;
    let output = timeout(limit, wrk.output())
        .await
        .map_err(|_| "wrk did not end")?
        .map_err(|error| format!("cannot run wrk, which `make bench` installs: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let line = printed.lines().find(|line| line.starts_with('{'));
    match line {
        Some(line) if output.status.success() => Ok(serde_json::from_str(line)?),
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            Err(format!("wrk gave no result: {printed}{complaint}").into())
        }
    }
}
