//! Which database? A fresh one with the tables of this version, and what the benchmark asks of it itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::{Result, cluster, server};

/// The kinds of databases that the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// What a reader of the numbers must know about it.
    pub fn conditions(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "a file on this machine's disk, as the server opens it: WAL, synchronous=FULL"
            }
            Self::Postgres => {
                "a cluster of its own on this machine, over TCP without TLS; fsync is on, the rest as initdb leaves it"
            }
        }
    }
}

/// One database.
pub enum Database {
    Sqlite(PathBuf),
    /// The URL.
    Postgres(String),
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

const COUNT_KEYS: &str = "SELECT count(*) AS n FROM api_keys";

impl Database {
    /// Makes an empty database, with the migrations that the binary brings.
    pub async fn new(kind: Kind, folder: &Path) -> Result<Self> {
        let database = match kind {
            Kind::Sqlite => Self::Sqlite(folder.join("apikeys.db")),
            Kind::Postgres => {
                // PostgreSQL is made for tests, which can do without a disk; numbers cannot.
                cluster::MORE_SETTINGS.get_or_init(|| &["fsync=on"]);
                static COUNT: AtomicUsize = AtomicUsize::new(0);
                let name = format!("load_{}", COUNT.fetch_add(1, Ordering::Relaxed));
                let admin = connect(&cluster::url("postgres")).await?;
                admin
                    .batch_execute(&format!("CREATE DATABASE {name}"))
                    .await?;
                Self::Postgres(format!("{}?sslmode=disable", cluster::url(&name)))
            }
        };
        server::run(&database, &["migrate"]).await?;
        Ok(database)
    }

    /// What the server's `DATABASE_URL` is.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// How many keys there are.
    pub async fn count_keys(&self) -> Result<u64> {
        let count = match self {
            Self::Sqlite(path) => {
                let mut connection = open(path)?;
                diesel::sql_query(COUNT_KEYS)
                    .get_result::<Count>(&mut connection)?
                    .n
            }
            Self::Postgres(url) => connect(url).await?.query_one(COUNT_KEYS, &[]).await?.get(0),
        };
        Ok(u64::try_from(count)?)
    }
}

/// A connection to an SQLite file.
pub fn open(path: &Path) -> Result<SqliteConnection> {
    let path = path.to_str().ok_or("the path is not UTF-8")?;
    let mut connection = SqliteConnection::establish(path)?;
    connection.batch_execute("PRAGMA busy_timeout = 20000")?;
    Ok(connection)
}

/// A connection to a PostgreSQL database.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    // What goes wrong with the connection, the client says.
    tokio::spawn(connection);
    Ok(client)
}
