//! A database of one scenario: how to reach it, to look into it, and to get in its way.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Kind, cluster, eventually};

pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// A transaction of a scenario's own. It is rolled back when it is dropped.
pub enum Transaction {
    Sqlite(SqliteConnection),
    Postgres(tokio_postgres::Client),
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    t: String,
}

impl Database {
    pub async fn new(kind: Kind, folder: &Path) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(folder.join("apikeys.db")),
            Kind::Postgres => Self::postgres("").await,
        }
    }

    /// An empty database of PostgreSQL, made with options such as `ENCODING 'LATIN1'`.
    pub async fn postgres(options: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("scenario_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        admin(&format!("CREATE DATABASE {name} {options}")).await;
        Self::Postgres(name)
    }

    /// Makes the tables of an older version in an empty database: the first so many migrations, which each are one transaction.
    pub async fn migrate_to(&self, count: usize) {
        let folder = match self {
            Self::Sqlite(_) => "migrations/sqlite",
            Self::Postgres(_) => "migrations/postgres",
        };
        let folders = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = folders
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let record =
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL,
            run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";
        self.execute(record).await;
        for name in &names[..count] {
            let up = std::fs::read_to_string(format!("{folder}/{name}/up.sql")).unwrap();
            let (version, _) = name.split_once('_').unwrap();
            let version = version.replace('-', "");
            let whole = format!(
                "BEGIN; {up}; INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}'); COMMIT"
            );
            self.execute(&whole).await;
        }
    }

    /// The migrations that were run, as a text.
    pub async fn versions(&self) -> String {
        let all = "SELECT CAST(count(*) AS text) || ' up to ' || max(version) AS t FROM __diesel_schema_migrations";
        self.text(all).await
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

    /// Begins a transaction. On SQLite it is the writer from here on, and whoever else wants to write waits for it.
    pub async fn begin(&self) -> Transaction {
        let mut transaction = match self {
            Self::Sqlite(path) => Transaction::Sqlite(sqlite(path)),
            Self::Postgres(_) => Transaction::Postgres(self.connect().await),
        };
        let begin = match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        };
        transaction.execute(begin).await;
        transaction
    }

    /// Takes the lock that every writer needs, and holds it until the transaction is dropped.
    pub async fn block_writers(&self) -> Transaction {
        let mut transaction = self.begin().await;
        if let Self::Postgres(_) = self {
            let lock = "LOCK TABLE api_keys IN SHARE MODE";
            transaction.execute(lock).await;
        }
        transaction
    }

    /// Waits until at least so many connections to a PostgreSQL database wait for a lock.
    pub async fn until_waiting(&self, count: i64) {
        let waiting =
            "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("waiting for a lock", async || {
            (self.count(waiting).await >= count).then_some(())
        })
        .await;
    }

    /// Makes a role of PostgreSQL that may sign in, and has these attributes besides; its name, and the database's URL for it.
    pub async fn role(&self, attributes: &str) -> (String, String) {
        let role = format!("{}_role", self.name());
        self.execute(&format!("CREATE ROLE {role} LOGIN {attributes}"))
            .await;
        let url = self.url().replacen("postgres@", &format!("{role}@"), 1);
        (role, url)
    }

    /// Ends every connection to a PostgreSQL database.
    pub async fn end_connections(&self) {
        admin(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name()
        ))
        .await;
    }

    /// Ends every connection to a PostgreSQL database, and lets nobody in.
    pub async fn forbid_connections(&self) {
        let name = self.name();
        admin(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
        self.end_connections().await;
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

impl Transaction {
    /// Runs a statement.
    pub async fn execute(&mut self, statement: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(statement).unwrap(),
            Self::Postgres(client) => client.batch_execute(statement).await.unwrap(),
        }
    }

    pub async fn commit(mut self) {
        self.execute("COMMIT").await;
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

/// A connection of the tests' own: no setting of a database or a role, which may be what a scenario is about, changes what it does.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let mut config: tokio_postgres::Config = url.parse().unwrap();
    config.options(
        "-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off \
        -c default_transaction_isolation=read\\ committed",
    );
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
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
