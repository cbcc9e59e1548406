//! Queries on a connection of SQLite, written as those of `diesel_async`: what they give is there at once.

use diesel::connection::AnsiTransactionManager;
use diesel::connection::TransactionManager;
use diesel::dsl::Limit;
use diesel::query_dsl::methods::{ExecuteDsl, LimitDsl, LoadQuery};
use diesel::{QueryResult, SqliteConnection};

/// The part of `diesel_async::RunQueryDsl` that the store uses.
pub(in crate::store) trait RunQueryDsl: Sized {
    async fn load<'query, U>(self, connection: &mut SqliteConnection) -> QueryResult<Vec<U>>
    where
        Self: LoadQuery<'query, SqliteConnection, U>,
    {
        diesel::RunQueryDsl::load(self, connection)
    }

    async fn get_results<'query, U>(self, connection: &mut SqliteConnection) -> QueryResult<Vec<U>>
    where
        Self: LoadQuery<'query, SqliteConnection, U>,
    {
        diesel::RunQueryDsl::get_results(self, connection)
    }

    async fn get_result<'query, U>(self, connection: &mut SqliteConnection) -> QueryResult<U>
    where
        Self: LoadQuery<'query, SqliteConnection, U>,
    {
        diesel::RunQueryDsl::get_result(self, connection)
    }

    async fn first<'query, U>(self, connection: &mut SqliteConnection) -> QueryResult<U>
    where
        Self: LimitDsl,
        Limit<Self>: LoadQuery<'query, SqliteConnection, U>,
    {
        diesel::RunQueryDsl::get_result(self.limit(1), connection)
    }

    async fn execute(self, connection: &mut SqliteConnection) -> QueryResult<usize>
    where
        Self: ExecuteDsl<SqliteConnection>,
    {
        ExecuteDsl::execute(self, connection)
    }
}

impl<T> RunQueryDsl for T {}

/// Runs `work` as a transaction that is a writer from its start: one that reads before it writes fails when another wrote
/// in between, however long it would wait.
pub(in crate::store) async fn immediate_transaction<T>(
    connection: &mut SqliteConnection,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")?;
    let outcome = work(connection).await;
    match &outcome {
        Ok(_) => AnsiTransactionManager::commit_transaction(connection)?,
        Err(_) => AnsiTransactionManager::rollback_transaction(connection)?,
    }
    outcome
}
