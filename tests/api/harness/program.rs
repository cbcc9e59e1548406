//! Programs that are not ours: found, started, and stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpStream;

use super::eventually;

/// A running program. It is stopped when dropped.
pub struct Program {
    child: Child,
    log: PathBuf,
}

/// A command by its path or its name, which is on the PATH or where systems keep what only an administrator runs. It gets
/// none of the variables of whoever runs the tests but the PATH.
pub fn command(name: impl AsRef<Path>) -> Command {
    let name = name.as_ref();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let mut files = folders.map(|folder| folder.join(name));
    let file = files.find(|file| file.exists()).unwrap_or_else(|| {
        panic!(
            "{} is missing; `make test` installs it on Debian and Ubuntu",
            name.display()
        )
    });
    let mut command = Command::new(file);
    command.env_clear().env("PATH", path);
    command
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Program {
    /// Starts a command; what it prints goes into a file of the folder.
    pub fn start(folder: &Path, mut command: Command) -> Self {
        let log = tempfile::Builder::new().suffix(".log").tempfile_in(folder);
        let (file, log) = log.unwrap().keep().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log }
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has said where it listens, and gives the port.
    pub async fn said_port(&mut self) -> u16 {
        eventually("the line about the port", async || {
            self.check_it_runs();
            let log = self.log();
            let (line, _) = log
                .split_once("listening on http://127.0.0.1:")?
                .1
                .split_once('\n')?;
            Some(line.parse().unwrap())
        })
        .await
    }

    /// Waits until it listens at a port.
    pub async fn listens_at(&mut self, port: u16) {
        eventually("a listener", async || {
            self.check_it_runs();
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
    }

    /// Ends it without asking.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }

    fn check_it_runs(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended by itself: {}", self.log());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It is asked to stop, because nginx has processes of its own that would outlive it if it were killed.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
