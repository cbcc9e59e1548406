//! The database, through Diesel, and Diesel nowhere else.
//!
//! Two backends, one schema, and every query written once: `on_both!` compiles the same Diesel expression for
//! SQLite and for PostgreSQL. Methods are named noun first (`api_key_insert`). There are no rules in here: who
//! may do what, and what a good name is, was decided before. A secret never comes this far, only its digest.

mod api_keys;
mod error;
mod migrate;
mod postgres;
mod schema;
mod sqlite;
mod types;
mod url;

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::RunQueryDsl;
use diesel_async::pooled_connection::deadpool::Pool;

pub use api_keys::{ApiKeyCreation, ApiKeyDeletion};
pub use error::{Error, OpenError};
pub use url::{BadDatabaseUrl, DatabaseUrl};

/// How long a call of the store may take in all: waiting for a connection, connecting, and the queries. Then it
/// is [`Error::Unavailable`].
const DEADLINE: Duration = Duration::from_secs(10);

/// An open database whose tables are those of this version.
pub struct Store {
    backend: Backend,
}

enum Backend {
    Sqlite(sqlite::Database),
    Postgres(Pool<AsyncPgConnection>),
}

/// Runs the same Diesel code on whichever backend is open.
///
/// `on_both!(store, read |conn| …)` takes any connection; `on_both!(store, write |conn| …)` runs its block as one
/// transaction, and starts it as a writer: a transaction of SQLite that reads before it writes fails when another
/// wrote in between, however long it would wait. The block is async, may use `?` on Diesel's results and
/// gives a `QueryResult`. A future that is dropped halfway leaves no half-done transaction: the pool throws away a
/// connection that comes back with one.
macro_rules! on_both {
    ($store:expr, read |$conn:ident| $body:expr) => {
        $crate::store::within_deadline(async {
            match &$store.backend {
                $crate::store::Backend::Sqlite(database) => {
                    let $conn = &mut database.readers.get().await?;
                    Ok($body)
                }
                $crate::store::Backend::Postgres(pool) => {
                    let $conn = &mut pool.get().await?;
                    Ok($body)
                }
            }
        })
    };
    ($store:expr, write |$conn:ident| $body:expr) => {
        $crate::store::within_deadline(async {
            match &$store.backend {
                $crate::store::Backend::Sqlite(database) => {
                    let mut connection = database.writer.get().await?;
                    let work = connection.immediate_transaction(async |$conn| $body);
                    Ok(work.await?)
                }
                $crate::store::Backend::Postgres(pool) => {
                    let mut connection = pool.get().await?;
                    let work = diesel_async::AsyncConnection::transaction(
                        &mut *connection,
                        async |$conn| $body,
                    );
                    Ok(work.await?)
                }
            }
        })
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
        Ok(Self { backend })
    }

    /// Asks the database for an answer, any answer.
    pub async fn ping(&self) -> Result<(), Error> {
        on_both!(
            self,
            read | conn | {
                diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"))
                    .get_result::<i32>(conn)
                    .await?
            }
        )
        .await
        .map(drop)
    }
}

async fn within_deadline<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(result) => result,
        Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed))),
    }
}
