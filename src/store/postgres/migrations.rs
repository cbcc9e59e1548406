//! Brings the tables up to date, one server after the other, and only where something is pending: a role that may not change tables
//! can serve.

use std::time::Instant;

use diesel::QueryableByName;
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use diesel_async::{
    AnsiTransactionManager, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl,
    SimpleAsyncConnection, TransactionManager,
};
use diesel_migrations::MigrationHarness;

use crate::bounds;
use crate::store::error::OpenError;
use crate::store::{Tables, migrate};

/// A migration takes the time that it takes, and waits for a lock for less than a check waits for its answer: whoever comes after it
/// waits behind it.
fn settings() -> String {
    format!(
        "SET statement_timeout = 0;
        SET lock_timeout = {wait};
        SET idle_in_transaction_session_timeout = 0;
        SET default_transaction_isolation = 'read committed';
        SET default_transaction_read_only = off",
        wait = bounds::MIGRATION_STEP.as_millis()
    )
}

/// Where Diesel keeps which migrations were run.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
    version varchar(50) PRIMARY KEY NOT NULL, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)";

/// Serialises the migrations of replicas that start together. The number is the ASCII of `apikeys`.
const LOCK: i64 = 0x61_70_69_6b_65_79_73;

/// Runs what is pending, by two connections: one has the lock, which ends with its transaction, and the other changes the tables.
///
/// They are given back for other use.
pub(super) async fn bring_up_to_date(
    mut first: AsyncPgConnection,
    mut second: AsyncPgConnection,
    tables: Tables,
    by_transaction: bool,
) -> Result<(AsyncPgConnection, AsyncPgConnection), OpenError> {
    if pending(&mut first).await?.is_empty() {
        return Ok((first, second));
    }
    if tables == Tables::AsTheyAre {
        return Err(OpenError::Outdated);
    }
    lock(&mut second).await?;
    // A pooler would hand what a session has set to others. Each migration sets for itself how long it waits for a lock.
    if !by_transaction {
        first.batch_execute(&settings()).await?;
    }
    first.batch_execute(VERSIONS).await?;
    // Another server may have done it meanwhile.
    let pending = pending(&mut first).await?;
    let mut harness = AsyncMigrationHarness::new(first);
    for migration in pending {
        run(&mut harness, &*migration).await?;
    }
    AnsiTransactionManager::commit_transaction(&mut second).await?;
    let mut first = harness.into_inner();
    if !by_transaction {
        first.batch_execute("RESET ALL").await?;
    }
    Ok((first, second))
}

#[derive(QueryableByName)]
struct Look {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Bool)]
    has_versions: bool,
}

/// The migrations that were not run on this database, which must be one that can be used.
async fn pending(
    connection: &mut AsyncPgConnection,
) -> Result<Vec<Box<dyn Migration<Pg>>>, OpenError> {
    const LOOK: &str = "SELECT pg_encoding_to_char(encoding)::text AS encoding,
        to_regclass('__diesel_schema_migrations') IS NOT NULL AS has_versions
        FROM pg_database WHERE datname = current_database()";
    // As a transaction, for poolers.
    AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN").await?;
    let look: Look = diesel::sql_query(LOOK).get_result(connection).await?;
    if look.encoding != "UTF8" {
        return Err(OpenError::Unusable(format!(
            "leads to a database whose encoding is {}; it must be UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)",
            look.encoding
        )));
    }
    let versions: Vec<migrate::Version> = match look.has_versions {
        true => {
            let versions = "SELECT version::text AS version FROM __diesel_schema_migrations";
            diesel::sql_query(versions).load(connection).await?
        }
        false => Vec::new(),
    };
    AnsiTransactionManager::commit_transaction(connection).await?;
    migrate::pending(&migrate::POSTGRES, &versions)
}

/// Runs a migration, and tries again where it waited for a lock in vain.
async fn run(
    harness: &mut AsyncMigrationHarness<AsyncPgConnection>,
    migration: &dyn Migration<Pg>,
) -> Result<(), OpenError> {
    let begun = Instant::now();
    loop {
        let tried = Instant::now();
        let outcome = tokio::task::block_in_place(|| harness.run_migration(migration));
        match outcome {
            Ok(version) => {
                tracing::info!(%version, "migrated the database");
                return Ok(());
            }
            // What fails sooner than that did not fail for want of a lock.
            Err(error)
                if tried.elapsed() >= bounds::MIGRATION_STEP
                    && begun.elapsed() < bounds::MIGRATION_LOCK =>
            {
                tracing::warn!(%error, migration = %migration.name(), "a migration failed after a wait; it is tried again");
                tokio::time::sleep(bounds::MIGRATION_STEP / 2).await;
            }
            Err(error) => return Err(OpenError::Migration(error.to_string())),
        }
    }
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    is_mine: bool,
}

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    address: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    since: Option<String>,
}

/// Takes the lock for as long as a transaction lasts, which this begins.
///
/// It is asked for again and again, each time in a transaction that ends: one that waits would keep a pooler's connection, and
/// whoever builds an index waits for those who wait.
async fn lock(connection: &mut AsyncPgConnection) -> Result<(), OpenError> {
    const BEGIN: &str =
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    const LOCK_IT: &str = "SELECT pg_try_advisory_xact_lock($1) AS is_mine";
    const HOLDER: &str = "SELECT pid, application_name AS name, client_addr::text AS address,
        backend_start::timestamptz(0)::text AS since
        FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32 | objid::bigint) = $1";
    let begun = Instant::now();
    let mut is_told = false;
    loop {
        AnsiTransactionManager::begin_transaction_sql(connection, BEGIN).await?;
        let locked = diesel::sql_query(LOCK_IT).bind::<BigInt, _>(LOCK);
        let locked: Locked = locked.get_result(connection).await?;
        if locked.is_mine {
            return Ok(());
        }
        let holders = diesel::sql_query(HOLDER).bind::<BigInt, _>(LOCK);
        let holders: Vec<Holder> = holders.load(connection).await?;
        AnsiTransactionManager::rollback_transaction(connection).await?;
        let holders = holders.into_iter().map(|holder| {
            let name = holder.name.unwrap_or_default();
            let address = holder
                .address
                .unwrap_or_else(|| "an address that this role may not see".into());
            let since = holder
                .since
                .unwrap_or_else(|| "a time that it may not see".into());
            format!(
                "process {} (application_name `{name}`, from {address}, connected since {since})",
                holder.pid
            )
        });
        let holders = holders.collect::<Vec<_>>().join(", ");
        if begun.elapsed() > bounds::MIGRATION_LOCK {
            return Err(OpenError::Migration(format!(
                "another server has been migrating the database for {} s: {holders}; nothing was done. \
                 If it does not work on it, end it with pg_terminate_backend",
                bounds::MIGRATION_LOCK.as_secs()
            )));
        }
        if !is_told {
            tracing::info!(
                holder = holders,
                "another server is migrating the database; waiting for it"
            );
            is_told = true;
        }
        tokio::time::sleep(bounds::MIGRATION_STEP / 4).await;
    }
}
