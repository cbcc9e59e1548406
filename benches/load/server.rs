//! The server that is measured: the release binary, on loopback.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Result;
use crate::database::Database;

/// The local operator's token.
pub const LOCAL_TOKEN: &str = "local-operator-of-the-benchmark-0123456789";

/// One owner gets all the keys that are made in some runs.
const MAX_KEYS_PER_OWNER: &str = "1000000000";

const PATIENCE: Duration = Duration::from_secs(120);

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    log: File,
    /// Where it listens: `http://` and the address.
    pub base: String,
}

/// Resident memory, in MiB.
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

fn command(database: &Database) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apikeys"));
    // The variables of whoever measures must not leak in.
    command.env_clear().env("DATABASE_URL", database.url());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the binary to its end, and gives what it printed.
pub async fn run(database: &Database, arguments: &[&str]) -> Result<String> {
    let mut command = command(database);
    let output = timeout(PATIENCE, command.args(arguments).output()).await??;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("apikeys {}: {complaint}", arguments.join(" ")).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

impl Server {
    /// Starts a server, with its log in a file, or without one.
    pub async fn start(database: &Database, folder: &Path, logs: bool) -> Result<Self> {
        // Appending, so that the file can be emptied while the server writes.
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("server.log"))?;
        let mut command = command(database);
        if !logs {
            command.env("RUST_LOG", "off");
        }
        let mut child = command
            .env("APIKEYS_LISTEN", "127.0.0.1:0")
            .env("APIKEYS_LOCAL_TOKEN", LOCAL_TOKEN)
            .env("APIKEYS_MAX_KEYS_PER_OWNER", MAX_KEYS_PER_OWNER)
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no stdout")?;
        let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
        let base = line
            .as_deref()
            .and_then(|line| line.strip_prefix("Open ")?.split_once("/sign-in"))
            .map(|(base, _)| base.to_owned());
        let base = base.ok_or_else(|| {
            let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
            format!("the server did not start: {log}")
        })?;
        Ok(Self { child, log, base })
    }

    /// Empties the log, which would else grow by a gigabyte.
    pub fn forget_log(&self) -> Result<()> {
        Ok(self.log.set_len(0)?)
    }

    /// How much memory the process has; `None` where the system does not say it as Linux does.
    pub fn memory(&self) -> Option<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kibibytes / 1024)
        };
        Some(Memory {
            now: mebibytes("VmRSS:")?,
            peak: mebibytes("VmHWM:")?,
        })
    }
}
