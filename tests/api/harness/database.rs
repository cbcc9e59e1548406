//! A database of one scenario: how to reach it, to look into it, and to get in its way.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Kind, cluster};

pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Somebody who holds the lock that writers need, until dropped.
pub type Blocker = Box<dyn std::any::Any + Send>;

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    t: String,
}

impl Database {
    pub async fn new(kind: Kind, folder: &Path) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(folder.join("apikeys.db")),
            Kind::Postgres => {
                static COUNT: AtomicUsize = AtomicUsize::new(0);
                let name = format!("scenario_{}", COUNT.fetch_add(1, Ordering::Relaxed));
                admin(&format!("CREATE DATABASE {name}")).await;
                Self::Postgres(name)
            }
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// The name of a PostgreSQL database, the path of an SQLite one.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(name) => name.clone(),
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(name) => cluster::url(name),
        }
    }

    /// The number that a query gives as `n`.
    pub async fn number(&self, query: &str) -> i64 {
        let as_text = format!("SELECT CAST(n AS text) AS t FROM ({query}) AS counted");
        self.text(&as_text).await.parse().unwrap()
    }

    /// The text that a query gives as `t`.
    pub async fn text(&self, query: &str) -> String {
        match self {
            Self::Sqlite(path) => {
                let mut connection = sqlite(path);
                diesel::sql_query(query)
                    .get_result::<Word>(&mut connection)
                    .unwrap()
                    .t
            }
            Self::Postgres(_) => self
                .connect()
                .await
                .query_one(query, &[])
                .await
                .unwrap()
                .get("t"),
        }
    }

    /// How many rows there are where a condition holds.
    pub async fn count(&self, table_and_condition: &str) -> i64 {
        self.number(&format!("SELECT count(*) AS n FROM {table_and_condition}"))
            .await
    }

    /// Runs a statement.
    pub async fn execute(&self, statement: &str) {
        match self {
            Self::Sqlite(path) => sqlite(path).batch_execute(statement).unwrap(),
            Self::Postgres(_) => self.connect().await.batch_execute(statement).await.unwrap(),
        }
    }

    /// A connection of one's own to a PostgreSQL database.
    pub async fn connect(&self) -> tokio_postgres::Client {
        connect(&self.url()).await
    }

    /// Takes the lock that every writer needs, and holds it until the blocker is dropped.
    pub async fn block_writers(&self) -> Blocker {
        match self {
            Self::Sqlite(path) => {
                let mut connection = sqlite(path);
                connection.batch_execute("BEGIN IMMEDIATE").unwrap();
                Box::new(connection)
            }
            Self::Postgres(_) => {
                let client = self.connect().await;
                client
                    .batch_execute("BEGIN; LOCK TABLE api_keys IN SHARE MODE")
                    .await
                    .unwrap();
                Box::new(client)
            }
        }
    }

    /// Ends every connection to a PostgreSQL database, and lets nobody in.
    pub async fn forbid_connections(&self) {
        let name = self.name();
        admin(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
        admin(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await;
    }

    /// Ends what [`Self::forbid_connections`] began.
    pub async fn allow_connections(&self) {
        admin(&format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS true",
            self.name()
        ))
        .await;
    }

    /// All that the database holds, as bytes: its files, or a dump.
    pub async fn everything(&self) -> Vec<u8> {
        match self {
            Self::Sqlite(path) => {
                let folder = std::fs::read_dir(path.parent().unwrap()).unwrap();
                let files = folder.map(|entry| entry.unwrap().path());
                let of_database =
                    files.filter(|file| file.to_str().unwrap().contains("apikeys.db"));
                of_database
                    .flat_map(|file| std::fs::read(file).unwrap())
                    .collect()
            }
            Self::Postgres(_) => {
                let url = self.url();
                let output = cluster::command("pg_dump")
                    .arg("--dbname")
                    .arg(url)
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{output:?}");
                output.stdout
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Postgres(name) = self {
            let sql = format!("DROP DATABASE {name} WITH (FORCE)");
            let done = cluster::command("psql")
                .args([
                    "--quiet",
                    "--dbname",
                    &cluster::url("postgres"),
                    "--command",
                    &sql,
                ])
                .status();
            if !std::thread::panicking() {
                assert!(done.unwrap().success());
            }
        }
    }
}

fn sqlite(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute("PRAGMA busy_timeout = 20000")
        .unwrap();
    connection
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

/// Runs a statement as the administrator of the cluster.
pub async fn admin(sql: &str) {
    connect(&cluster::url("postgres"))
        .await
        .batch_execute(sql)
        .await
        .unwrap();
}
