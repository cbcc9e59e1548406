//! What scenarios are made of: a fresh database, servers on it, and clients.

mod certificates;
mod client;
mod cluster;
mod database;
mod front;
mod issuer;
mod pooler;
mod program;
mod raw;
mod replication;
mod server;
mod wire;

use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use certificates::{CERTIFICATES, make_certificates};
pub use client::{Answer, Client, created, text};
pub use cluster::{Instance, log as cluster_log, root_certificate, stop as stop_cluster};
pub use database::Database;
pub use front::{Proxy, Scene};
pub use issuer::{AUDIENCE, Issuer, SigningKey, now};
pub use pooler::Pooler;
pub use program::{Program, command, free_port};
pub use raw::{Backend, Message, send};
pub use replication::Pair;
pub use server::{Launch, Server, run};
pub use wire::Wire;

/// Which database a scenario runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// One run of a scenario: a folder and a database of its own, both gone afterwards.
pub struct Test {
    pub database: Database,
    folder: tempfile::TempDir,
}

impl Test {
    pub async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(kind, folder.path()).await;
        Self { database, folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a server on the scenario's database.
    pub async fn server(&self) -> Server {
        self.server_with(&[]).await
    }

    /// Starts a server with more variables.
    pub async fn server_with(&self, variables: &[(&str, &str)]) -> Server {
        Server::start(self.folder(), &self.database.url(), variables).await
    }

    /// Starts a server in another way.
    pub async fn server_by(&self, launch: &Launch<'_>) -> Server {
        Server::launch(self.folder(), &self.database.url(), &[], launch).await
    }

    /// Runs the binary to its end.
    pub async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> server::Output {
        let url = self.database.url();
        let mut all = vec![("DATABASE_URL", url.as_str())];
        all.extend_from_slice(variables);
        server::run(self.folder(), arguments, &all).await
    }

    /// Makes a key named `key` on the command line; its secret.
    pub async fn key(&self, owner: &str, scopes: &[&str]) -> String {
        let mut arguments = vec!["create-key", "--owner", owner, "--name", "key"];
        for scope in scopes {
            arguments.extend(["--scope", scope]);
        }
        let made = self.run(&arguments, &[]).await;
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        made.stdout.trim_end().to_owned()
    }

    /// The id of the key that a secret belongs to.
    pub async fn id_of(&self, secret: &str) -> String {
        let digest = hex(&Sha256::digest(secret));
        self.database
            .text(&match self.database.kind() {
                Kind::Sqlite => format!(
                    "SELECT lower(hex(api_key_id)) AS t FROM api_key_secrets WHERE digest = x'{digest}'"
                ),
                Kind::Postgres => format!(
                    "SELECT replace(api_key_id::text, '-', '') AS t FROM api_key_secrets WHERE digest = '\\x{digest}'"
                ),
            })
            .await
            .parse::<uuid::Uuid>()
            .unwrap()
            .to_string()
    }

    /// Takes the database away: PostgreSQL lets nobody in, the SQLite file is gone.
    pub async fn begin_outage(&self) {
        match &self.database {
            Database::Postgres(_) => self.database.forbid_connections().await,
            Database::Sqlite(path) => std::fs::rename(path, self.folder().join("away")).unwrap(),
        }
    }

    /// Gives it back.
    pub async fn end_outage(&self) {
        match &self.database {
            Database::Postgres(_) => self.database.allow_connections().await,
            Database::Sqlite(path) => std::fs::rename(self.folder().join("away"), path).unwrap(),
        }
    }
}

/// Waits until `condition` gives something, for half a minute at most.
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} did not happen in 30 s"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A secret with a slip in its last character.
pub fn mistyped(secret: &str) -> String {
    let (start, last) = secret.split_at(secret.len() - 1);
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
