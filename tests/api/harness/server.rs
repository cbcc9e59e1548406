//! The real binary, started and stopped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::client::Client;

/// Longer than the longest wait of a command's own, which is a minute for somebody else's migrations.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
    /// What it prints, where that is to be a pipe that is there and that nobody reads.
    _output: Option<Lines<BufReader<pipe::Receiver>>>,
    pub link: String,
    pub base: String,
    pub token: String,
}

/// How a server is started, where it is otherwise than usual.
#[derive(Default)]
pub struct Launch<'a> {
    /// A command, with its arguments, that becomes the server, such as `["prlimit", "--nofile=64"]`.
    pub through: &'a [&'a str],
    /// The log goes into a pipe, which nobody reads until [`Server::log_pipe`] gives it.
    pub has_log_pipe: bool,
    /// The log goes into the same pipe as what is printed, which nobody reads once the link was found there.
    pub is_one_pipe: bool,
}

/// What a finished command left.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

fn command(folder: &Path, variables: &[(&str, &str)], through: &[&str]) -> Command {
    // Another build of the server, such as the release binary, where one is named.
    let built = env!("CARGO_BIN_EXE_apikeys").into();
    let binary = &std::env::var_os("APIKEYS_TEST_BINARY").unwrap_or(built);
    let mut command = match through {
        [] => Command::new(binary),
        [name, arguments @ ..] => {
            let mut command = Command::from(super::command(name));
            command.args(arguments).arg(binary);
            command
        }
    };
    // The variables of whoever runs the tests must not leak in.
    command.env_clear().current_dir(folder).kill_on_drop(true);
    command.envs(variables.iter().copied());
    command.stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub async fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = command(folder, variables, &[]);
    let output = timeout(PATIENCE, command.args(arguments).output())
        .await
        .unwrap()
        .unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Server {
    pub async fn start(folder: &Path, database_url: &str, variables: &[(&str, &str)]) -> Self {
        Self::launch(folder, database_url, variables, &Launch::default()).await
    }

    pub async fn launch(
        folder: &Path,
        database_url: &str,
        variables: &[(&str, &str)],
        launch: &Launch<'_>,
    ) -> Self {
        let log = tempfile::Builder::new()
            .suffix(".log")
            .tempfile_in(folder)
            .unwrap();
        let (log_file, log) = log.keep().unwrap();
        let (output, stdout) = std::io::pipe().unwrap();
        let stderr: Stdio = match (launch.is_one_pipe, launch.has_log_pipe) {
            (true, _) => stdout.try_clone().unwrap().into(),
            (false, true) => Stdio::piped(),
            (false, false) => log_file.into(),
        };
        let child = command(folder, variables, launch.through)
            .env("DATABASE_URL", database_url)
            .env("APIKEYS_LISTEN", "127.0.0.1:0")
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let output = pipe::Receiver::from_owned_fd(output.into()).unwrap();
        let mut lines = BufReader::new(output).lines();
        let link = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
            let line = line.unwrap_or_else(|| {
                panic!(
                    "the server did not start: {}",
                    std::fs::read_to_string(&log).unwrap()
                )
            });
            if let Some(link) = line.strip_prefix("Open ") {
                break link.to_owned();
            }
            // Where both are one pipe, lines of the log come before it.
            assert!(launch.is_one_pipe, "not a link: {line}");
        };
        // In OIDC mode the link is the page's, and there is no token.
        let (base, token) = link
            .split_once("/sign-in?token=")
            .unwrap_or((link.trim_end_matches('/'), ""));
        Self {
            child,
            log,
            _output: launch.is_one_pipe.then_some(lines),
            base: base.to_owned(),
            token: token.to_owned(),
            link,
        }
    }

    /// A client with the local token.
    pub fn client(&self) -> Client {
        Client::new(&self.base, Some(&self.token))
    }

    /// A client without credentials.
    pub fn stranger(&self) -> Client {
        Client::new(&self.base, None)
    }

    /// The pipe that the log goes into, where it was launched so.
    pub fn log_pipe(&mut self) -> ChildStderr {
        let pipe = self.child.stderr.take();
        pipe.expect("it is taken once, where there is one")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// The log with all that was logged until now, which a thread of the server's own writes.
    pub async fn whole_log(&self) -> String {
        let request = reqwest::get(format!("{}/livez", self.base)).await.unwrap();
        let id = request.headers()["x-request-id"].to_str().unwrap();
        super::eventually("the line of the last request", async || {
            let log = self.log();
            let end = log.rfind(id)?;
            let start = log[..end].rfind('\n').map_or(0, |newline| newline + 1);
            log[end..].contains('\n').then(|| log[..start].to_owned())
        })
        .await
    }

    /// Kills the process without any warning.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks the process to stop, and gives its exit code when it has.
    pub async fn stop(&mut self) -> Option<i32> {
        self.signal("TERM").await;
        self.exit_code().await
    }

    /// The number of the process, which must run.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub async fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .await;
        assert!(sent.unwrap().success());
    }

    /// Where it listens, which is not what the link says where `APIKEYS_PUBLIC_URL` is set.
    pub async fn address(&self) -> String {
        super::eventually("the line about the address", async || {
            let log = self.log();
            let after = log.split_once("\"address\":\"")?.1;
            Some(after.split_once('"')?.0.to_owned())
        })
        .await
    }

    pub async fn exit_code(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
            .code()
    }
}
