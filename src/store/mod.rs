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

use diesel::{OptionalExtension, QueryDsl};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Pool;

pub use api_keys::{ApiKeyCreation, Created};
pub use changes::{ApiKeyChange, ApiKeyRotation};
pub use error::{Error, OpenError};
pub use url::{BadDatabaseUrl, DatabaseUrl};

/// How long a caller waits for the store in all; then it is [`Error::Unavailable`]. Longer than the two below together,
/// so that what was answered so does not happen afterwards.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long work waits for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);
/// How long work waits for the database, once it has a connection.
const DATABASE_WAIT: Duration = Duration::from_secs(4);

/// An open database whose tables are those of this version. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Store {
    backend: Arc<Backend>,
}

enum Backend {
    Sqlite(sqlite::Database),
    Postgres(Pool<AsyncPgConnection>),
}

/// Runs the same Diesel code on whichever backend is open.
///
/// `on_both!(store, read |conn| …)` takes any connection; `on_both!(store, write |conn| …)` runs its block as one
/// transaction, and starts it as a writer: a transaction of SQLite that reads before it writes fails when another
/// wrote in between, however long it would wait. The block is async, owns what it uses, may use `?` on Diesel's
/// results and gives a `QueryResult`.
///
/// The work goes to its end when the caller goes away, on a connection's own thread or as a task of its own: a transaction
/// that is dropped halfway would keep its locks for as long as its connection waits in the pool. A connection to PostgreSQL that does not
/// answer in time is closed and not given back.
macro_rules! on_both {
    ($store:expr, read |$conn:ident| $body:expr) => {
        $crate::store::on_both!(@run $store,
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
        $crate::store::on_both!(@run $store,
            sqlite: |database| {
                use $crate::store::sqlite::RunQueryDsl as _;
                database.writer.run(async move |connection: &mut ::diesel::SqliteConnection| {
                    let work = async |$conn: &mut ::diesel::SqliteConnection| $body;
                    Ok($crate::store::sqlite::immediate_transaction(connection, work).await?)
                }).await
            },
            postgres: |connection| {
                use ::diesel_async::RunQueryDsl as _;
                let work = async |$conn: &mut ::diesel_async::AsyncPgConnection| $body;
                Ok(::diesel_async::AsyncConnection::transaction(connection, work).await?)
            })
    };
    (@run $store:expr, sqlite: |$database:ident| $sqlite:expr, postgres: |$connection:ident| $postgres:expr) => {
        async {
            match &*$store.backend {
                $crate::store::Backend::Sqlite($database) => {
                    $database.check_file()?;
                    $crate::store::in_time($crate::store::DEADLINE, async move { $sqlite }).await?
                }
                $crate::store::Backend::Postgres(pool) => {
                    let pool = pool.clone();
                    $crate::store::to_its_end(async move {
                        let mut pooled = $crate::store::in_time($crate::store::CONNECTION_WAIT, pool.get()).await??;
                        let work = async {
                            let $connection = &mut *pooled;
                            $postgres
                        };
                        let outcome = $crate::store::in_time($crate::store::DATABASE_WAIT, work).await;
                        if outcome.is_err() {
                            drop(::diesel_async::pooled_connection::deadpool::Object::take(pooled));
                        }
                        outcome?
                    })
                    .await
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

    /// Asks the database whether it can still read its tables.
    pub async fn ping(&self) -> Result<(), Error> {
        on_both!(
            self,
            read | conn | {
                schema::api_keys::table
                    .select(schema::api_keys::name)
                    .first::<String>(conn)
                    .await
                    .optional()?
            }
        )
        .await
        .map(drop)
    }
}

/// Waits for `work`, within `limit`.
async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(limit, work)
        .await
        .map_err(|elapsed| Error::Unavailable(Box::new(elapsed)))
}

/// Runs `work` as a task, whose result is waited for within the deadline.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match in_time(DEADLINE, tokio::spawn(work)).await? {
        Ok(result) => result,
        Err(panicked) => Err(Error::Unexpected(Box::new(panicked))),
    }
}
