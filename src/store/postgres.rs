//! PostgreSQL: a pool of connections, and TLS as `sslmode` asks for it.

mod connect;
mod tls;

use std::time::Duration;

use diesel::sql_types::{BigInt, Bool};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::connect::connect;
use super::error::{Error, OpenError};
use super::{in_time, migrate};
use crate::bounds;

const NOT_A_URL: &str = "is not a PostgreSQL URL; it must be like postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE, \
    with special characters in the password percent-encoded (@ as %40)";

/// Said of a server that only repeats what another one does. It may be behind, so that it is asked nothing.
pub const STANDBY: &str =
    "the database server is a standby, which may be behind and takes no changes";

/// What each session has, whatever the database or the role says.
///
/// The server ends what the client no longer waits for. A transaction that sees what others have committed since it began is
/// what the limits count on; and what was acknowledged is on disk, or wherever else `synchronous_commit` says beyond that.
///
/// A prepared statement is planned once: its plan does not depend on the values, and planning for them each time took longer
/// than the work. Such a plan overestimates the size of a page, so that JIT, parallel workers, and joins that read a whole table are
/// off.
fn session_settings() -> String {
    format!(
        "SET statement_timeout = {wait};
        SET lock_timeout = {wait};
        SET idle_in_transaction_session_timeout = '10s';
        SET default_transaction_isolation = 'read committed';
        SET default_transaction_read_only = off;
        SET default_transaction_deferrable = off;
        SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
        DO $$ BEGIN IF current_setting('session_replication_role') = 'replica' THEN
            RAISE EXCEPTION 'session_replication_role is replica, so that no trigger would run; it must be origin';
        END IF; END $$;
        SET plan_cache_mode = force_generic_plan;
        SET jit = off;
        SET max_parallel_workers_per_gather = 0;
        SET enable_hashjoin = off;
        SET enable_mergejoin = off",
        wait = bounds::STATEMENT.as_millis()
    )
}

/// What a session that migrates has: it takes the time that it takes, and waits for locks as each migration says.
const MIGRATION_SETTINGS: &str = "SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET default_transaction_isolation = 'read committed';
    SET default_transaction_read_only = off";

/// Serialises the migrations of replicas that start together. The number is the ASCII of `apikeys`.
const MIGRATION_LOCK: i64 = 0x61_70_69_6b_65_79_73;

/// The connections to one server.
pub(super) struct Pools {
    /// For checks alone, which so wait for nothing else.
    pub(super) checks: Pool<AsyncPgConnection>,
    /// For everything else.
    pub(super) rest: Pool<AsyncPgConnection>,
}

/// A connection of a pool, once one is free.
pub(super) async fn connection(
    pool: &Pool<AsyncPgConnection>,
) -> Result<Object<AsyncPgConnection>, Error> {
    Ok(in_time(bounds::CONNECTION, pool.get()).await??)
}

pub(super) async fn open(url: &str) -> Result<Pools, OpenError> {
    let unusable = |problem: &str| OpenError::Unusable(problem.to_owned());
    let (url, tls) = tls::from_url(url).map_err(OpenError::Unusable)?;
    // The parser's own message is not passed on: where a password holds an @ or a ?, it repeats a part of it.
    let mut config: Config = url.parse().map_err(|_| unusable(NOT_A_URL))?;
    if has_stray_at_sign(&url) {
        return Err(unusable(NOT_A_URL));
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(unusable(
            "names no host; it must be like postgres://USER@HOST/NAME",
        ));
    }
    let asked = config.get_connect_timeout().copied();
    config.connect_timeout(asked.unwrap_or(bounds::CONNECT).min(bounds::CONNECT));
    if config.get_application_name().is_none() {
        config.application_name("apikeys");
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    tls.warn_if_risky(&config);
    let tls = tls.connector().map_err(OpenError::Unusable)?;

    let unreachable = |error: &dyn std::fmt::Display| {
        OpenError::Unreachable(format!(
            "cannot reach PostgreSQL at {}: {error}",
            hosts(&config)
        ))
    };
    let connection = connect(&config, &tls, MIGRATION_SETTINGS).await;
    let connection = connection.map_err(|error| unreachable(&error))?;
    migrate_under_lock(connection).await?;
    let pool = |size| pool(config.clone(), tls.clone(), size);
    Ok(Pools {
        checks: pool(bounds::CHECK_CONNECTIONS)?,
        rest: pool(bounds::CONNECTIONS - bounds::CHECK_CONNECTIONS)?,
    })
}

/// Whether an `@` stands where it must be percent-encoded: the parser ends the credentials at the first one.
fn has_stray_at_sign(url: &str) -> bool {
    let (before_options, options) = url.split_once('?').unwrap_or((url, ""));
    match before_options.matches('@').count() {
        0 => options.contains('@'),
        count => count > 1,
    }
}

diesel::define_sql_function! {
    /// Whether the server is a standby.
    fn pg_is_in_recovery() -> Bool;
}

/// Whether the server only repeats what another one does. By the shared reference it is asked in one go with another question.
pub(super) async fn is_standby(mut connection: &AsyncPgConnection) -> diesel::QueryResult<bool> {
    let question = diesel::select(pg_is_in_recovery());
    question.get_result(&mut connection).await
}

async fn migrate_under_lock(mut connection: AsyncPgConnection) -> Result<(), OpenError> {
    // The lock belongs to the session: it ends with the connection, however this function ends.
    let is_free = diesel::dsl::sql::<Bool>("SELECT pg_try_advisory_lock(")
        .bind::<BigInt, _>(MIGRATION_LOCK)
        .sql(")")
        .get_result::<bool>(&mut connection)
        .await?;
    if !is_free {
        tracing::info!("another server is migrating the database; waiting for it");
        diesel::sql_query("SELECT pg_advisory_lock($1)")
            .bind::<BigInt, _>(MIGRATION_LOCK)
            .execute(&mut connection)
            .await?;
    }
    let mut harness = AsyncMigrationHarness::new(connection);
    migrate::run(migrate::POSTGRES, &mut harness)
}

fn pool(
    config: Config,
    tls: MakeRustlsConnect,
    size: usize,
) -> Result<Pool<AsyncPgConnection>, OpenError> {
    let mut manager = ManagerConfig::<AsyncPgConnection>::default();
    manager.recycling_method = RecyclingMethod::Fast;
    manager.custom_setup = Box::new(move |_url| {
        let (config, tls) = (config.clone(), tls.clone());
        Box::pin(async move { connect(&config, &tls, &session_settings()).await })
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", manager))
        .max_size(size)
        .build()
        .map_err(|error| OpenError::Unreachable(error.to_string()))
}

/// Where the server is, for a message; never the user nor the password.
fn hosts(config: &Config) -> String {
    let hosts = config.get_hosts().iter().enumerate().map(|(i, host)| {
        let port = config.get_ports().get(i).or(config.get_ports().first());
        let host = match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        format!("{host}:{}", port.copied().unwrap_or(5432))
    });
    hosts.collect::<Vec<_>>().join(",")
}
