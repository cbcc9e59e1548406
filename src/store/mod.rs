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
    Postgres(postgres::Pools),
}

/// Runs the same Diesel code on whichever backend is open.
///
/// `on_both!(store, check |conn| …)` takes a connection that only checks use, and an answer of a standby is none;
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
    ($store:expr, check |$conn:ident| $body:expr) => {
        $crate::store::on_both!(@run $store, checks, $crate::bounds::LOOKUP,
            sqlite: |database| {
                use $crate::store::sqlite::RunQueryDsl as _;
                database.checkers.run(async move |$conn: &mut ::diesel::SqliteConnection| Ok($body)).await
            },
            postgres: |connection| {
                use ::diesel_async::RunQueryDsl as _;
                let shared = &*connection;
                let $conn = &mut &*shared;
                let work = async { ::diesel::QueryResult::Ok($body) };
                // Asked first, in the same go: one that becomes the primary in between still counts as a standby.
                let is_standby = $crate::store::postgres::is_standby(shared);
                match ::futures_util::future::try_join(is_standby, work).await? {
                    (true, _) => Err($crate::store::Error::Unavailable($crate::store::STANDBY.into())),
                    (false, found) => Ok(found),
                }
            })
    };
    ($store:expr, read |$conn:ident| $body:expr) => {
        $crate::store::on_both!(@run $store, rest, $crate::bounds::WORK,
            sqlite: |database| {
                use $crate::store::sqlite::RunQueryDsl as _;
                database.readers.run(async move |$conn: &mut ::diesel::SqliteConnection| Ok($body)).await
            },
            postgres: |connection| {
                use ::diesel_async::RunQueryDsl as _;
                let $conn = &mut *connection;
                Ok($body)
            })
    };
    ($store:expr, write |$conn:ident| $body:expr) => {
        $crate::store::on_both!(@run $store, rest, $crate::bounds::WORK,
            sqlite: |database| {
                #[allow(unused_imports, reason = "not every block asks a query itself")]
                use $crate::store::sqlite::RunQueryDsl as _;
                database.writer.run(async move |connection: &mut ::diesel::SqliteConnection| {
                    let work = async |$conn: &mut ::diesel::SqliteConnection| $body;
                    Ok($crate::store::sqlite::immediate_transaction(connection, work).await?)
                }).await
            },
            postgres: |connection| {
                #[allow(unused_imports, reason = "not every block asks a query itself")]
                use ::diesel_async::RunQueryDsl as _;
                let work = async |$conn: &mut ::diesel_async::AsyncPgConnection| $body;
                Ok(::diesel_async::AsyncConnection::transaction(connection, work).await?)
            })
    };
    (@run $store:expr, $pool:ident, $limit:expr, sqlite: |$database:ident| $sqlite:expr, postgres: |$connection:ident| $postgres:expr) => {
        async {
            match &*$store.backend {
                $crate::store::Backend::Sqlite($database) => {
                    $database.check_file()?;
                    $crate::store::in_time($limit, async move { $sqlite }).await?
                }
                $crate::store::Backend::Postgres(pools) => {
                    let pool = pools.$pool.clone();
                    let (mut answer, answered) = ::tokio::sync::oneshot::channel();
                    ::tokio::spawn(async move {
                        let pooled = ::tokio::select! {
                            () = answer.closed() => return,
                            pooled = $crate::store::postgres::connection(&pool) => pooled,
                        };
                        let work = async {
                            let mut pooled = pooled?;
                            let work = async {
                                let $connection = &mut *pooled;
                                $postgres
                            };
                            let outcome = $crate::store::in_time($crate::bounds::STATEMENT, work).await;
                            let outcome = outcome.and_then(|outcome| outcome);
                            if matches!(outcome, Err($crate::store::Error::Unavailable(_))) {
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

impl Store {
    /// Opens the database and brings its tables up to date.
    ///
    /// A SQLite file that does not exist is made, readable by its owner alone.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let backend = match url {
            DatabaseUrl::Sqlite(path) => Backend::Sqlite(sqlite::open(path).await?),
            DatabaseUrl::Postgres(url) => Backend::Postgres(postgres::open(url).await?),
        };
        let store = Self {
            backend: Arc::new(backend),
        };
        store.api_keys_fold_names().await?;
        Ok(store)
    }

    /// The same, for a database that must be there already: an empty one in its place would say that there are no keys.
    pub async fn open_existing(url: &DatabaseUrl) -> Result<Self, OpenError> {
        match url {
            DatabaseUrl::Sqlite(path) if !path.exists() => Err(OpenError::Unusable(format!(
                "names {}, where there is no database",
                path.display()
            ))),
            _ => Self::open(url).await,
        }
    }
}

/// Waits for `work`, within `limit`.
async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(limit, work)
        .await
        .map_err(|elapsed| Error::Unavailable(Box::new(elapsed)))
}
