//! The database, through Diesel, and Diesel nowhere else.
//!
//! Two backends, one schema, and every query written once: `on_both!` compiles the same Diesel expression for
//! SQLite and for PostgreSQL. Methods are named noun first (`api_key_insert`). There are no rules in here: who
//! may do what, and what a good name is, was decided before. A secret never comes this far, only its digest.

mod any_of;
mod api_keys;
mod changes;
mod error;
mod events;
mod listing;
mod lock;
mod migrate;
mod now;
mod postgres;
mod range;
mod rows;
mod schema;
mod secrets;
mod sqlite;
mod types;
mod url;

use std::sync::Arc;
use std::time::Duration;

pub use api_keys::{ApiKeyCreation, Created};
pub use changes::{ApiKeyChange, ApiKeyRotation};
pub use error::{Error, OpenError};
pub use postgres::STANDBY;
pub use url::{BadDatabaseUrl, DatabaseUrl};

/// An open database whose tables are those of this version. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Store {
    backend: Arc<Backend>,
}

enum Backend {
    Sqlite(sqlite::Database),
    Postgres(Arc<postgres::Pools>),
}

/// Runs the same Diesel code on whichever backend is open.
///
/// `on_both!(store, check within time, |conn| …)` takes a connection that only checks use, waits so long for PostgreSQL's answer, and
/// that of a standby is none;
/// `on_both!(store, read |conn| …)` takes any other connection;
/// `on_both!(store, write |conn| …)` runs its block as one
/// transaction, and starts it as a writer: a transaction of SQLite that reads before it writes fails when another
/// wrote in between, however long it would wait. The block is async, owns what it uses, may use `?` on Diesel's
/// results and gives a `QueryResult`.
///
/// Work whose caller has gone does not begin. Work that has begun goes to its end, on a connection's own thread or as a task of
/// its own: a transaction that is dropped halfway would keep its locks for as long as its connection waits in the pool. A
/// connection to PostgreSQL that did not answer in time, or on which the server said that it is not available, is closed.
macro_rules! on_both {
    ($store:expr, check within $answer:expr, |$conn:ident| $body:expr) => {
        $crate::store::on_both!(@run $store, checks, $crate::bounds::LOOKUP, $answer,
            sqlite: |database| {
                use $crate::store::sqlite::RunQueryDsl as _;
                database.checkers.run(async move |$conn: &mut ::diesel::SqliteConnection| Ok($body)).await
            },
            postgres: |pools, connection| {
                use ::diesel_async::RunQueryDsl as _;
                let ask = async |connection: &mut ::diesel_async::AsyncPgConnection| {
                    let shared = &*connection;
                    let $conn = &mut &*shared;
                    let work = async { ::diesel::QueryResult::Ok($body) };
                    // Asked first, in the same go: one that becomes the primary in between still counts as a standby.
                    let is_standby = $crate::store::postgres::is_standby(shared);
                    match ::futures_util::future::try_join(is_standby, work).await? {
                        (true, _) => Err($crate::store::Error::Unavailable($crate::store::STANDBY.into())),
                        (false, found) => Ok(found),
                    }
                };
                pools.statement(connection, ask).await
            })
    };
    ($store:expr, read |$conn:ident| $body:expr) => {
        $crate::store::on_both!(@run $store, rest, $crate::bounds::WORK, $crate::bounds::PATIENCE,
            sqlite: |database| {
                use $crate::store::sqlite::RunQueryDsl as _;
                database.readers.run(async move |$conn: &mut ::diesel::SqliteConnection| Ok($body)).await
            },
            postgres: |pools, connection| {
                use ::diesel_async::RunQueryDsl as _;
                let work = async |$conn: &mut ::diesel_async::AsyncPgConnection| Ok($body);
                pools.statement(connection, work).await
            })
    };
    ($store:expr, write |$conn:ident| $body:expr) => {
        $crate::store::on_both!(@run $store, rest, $crate::bounds::WORK, $crate::bounds::PATIENCE,
            sqlite: |database| {
                #[allow(unused_imports, reason = "not every block asks a query itself")]
                use $crate::store::sqlite::RunQueryDsl as _;
                database.writer.run(async move |connection: &mut ::diesel::SqliteConnection| {
                    let work = async |$conn: &mut ::diesel::SqliteConnection| $body;
                    Ok($crate::store::sqlite::immediate_transaction(connection, work).await?)
                }).await
            },
            postgres: |pools, connection| {
                #[allow(unused_imports, reason = "not every block asks a query itself")]
                use ::diesel_async::RunQueryDsl as _;
                let work = async |$conn: &mut ::diesel_async::AsyncPgConnection| $body;
                Ok(pools.transaction(connection, work).await?)
            })
    };
    (@run $store:expr, $pool:ident, $limit:expr, $answer:expr,
        sqlite: |$database:ident| $sqlite:expr, postgres: |$pools:ident, $connection:ident| $postgres:expr) => {
        async {
            match &*$store.backend {
                $crate::store::Backend::Sqlite($database) => {
                    $database.check_file()?;
                    $crate::store::in_time($limit, async move { $sqlite }).await?
                }
                $crate::store::Backend::Postgres(pools) => {
                    let $pools = pools.clone();
                    let (mut answer, answered) = ::tokio::sync::oneshot::channel();
                    ::tokio::spawn(async move {
                        let pooled = ::tokio::select! {
                            () = answer.closed() => return,
                            pooled = $crate::store::postgres::connection(&$pools.$pool) => pooled,
                        };
                        let work = async {
                            let mut pooled = pooled?;
                            let begun = ::std::time::Instant::now();
                            let work = async {
                                let $connection = &mut *pooled;
                                $postgres
                            };
                            let outcome = $crate::store::in_time($answer, work).await;
                            let outcome = outcome.and_then(|outcome| outcome);
                            let outcome = outcome.map_err(|error| error.after(begun.elapsed(), $answer));
                            if matches!(outcome, Err($crate::store::Error::Lost(_)))
                                && $crate::store::postgres::is_dead(&mut pooled, begun.elapsed(), $answer)
                            {
                                $pools.forget_idle();
                            }
                            if matches!(outcome, Err($crate::store::Error::Unavailable(_) | $crate::store::Error::Lost(_))) {
                                drop(::diesel_async::pooled_connection::deadpool::Object::take(pooled));
                            }
                            outcome
                        };
                        drop(answer.send(work.await));
                    });
                    let gone = |_| $crate::store::Error::Unexpected("the work ended in a panic".into());
                    $crate::store::in_time($limit, answered).await?.map_err(gone)?
                }
            }
        }
    };
}
use on_both;

/// What is done where the tables are those of an older version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tables {
    /// They are brought up to date.
    BroughtUpToDate,
    /// The database is not opened.
    AsTheyAre,
}

impl Store {
    /// Opens the database and brings its tables up to date. `connections`: to PostgreSQL, at most, from two on.
    ///
    /// A SQLite file that does not exist is made, readable by its owner alone.
    pub async fn open(url: &DatabaseUrl, connections: usize) -> Result<Self, OpenError> {
        let store = Self::with_tables(url, connections, Tables::BroughtUpToDate).await?;
        store.api_keys_fold_names().await?;
        Ok(store)
    }

    /// Opens a database that is there, with the tables of this version. An empty one in its place would say that there are no keys,
    /// and whoever looks for leaked keys need not be who may change tables.
    pub async fn open_existing(url: &DatabaseUrl, connections: usize) -> Result<Self, OpenError> {
        match url {
            DatabaseUrl::Sqlite(path) if !path.exists() => Err(OpenError::Unusable(format!(
                "names {}, where there is no database",
                path.display()
            ))),
            _ => Self::with_tables(url, connections, Tables::AsTheyAre).await,
        }
    }

    async fn with_tables(
        url: &DatabaseUrl,
        connections: usize,
        tables: Tables,
    ) -> Result<Self, OpenError> {
        let backend = match url {
            DatabaseUrl::Sqlite(path) => Backend::Sqlite(sqlite::open(path, tables).await?),
            DatabaseUrl::Postgres(url) => {
                Backend::Postgres(Arc::new(postgres::open(url, connections, tables).await?))
            }
        };
        Ok(Self {
            backend: Arc::new(backend),
        })
    }
}

/// Asks, and once more where the connection was lost: what only reads can be asked again.
pub(crate) async fn again<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    match ask().await {
        Err(Error::Lost(_)) => ask().await,
        outcome => outcome,
    }
}

/// Waits for `work`, within `limit`.
async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(limit, work)
        .await
        .map_err(|elapsed| Error::Unavailable(Box::new(elapsed)))
}
