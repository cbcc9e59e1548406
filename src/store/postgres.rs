//! PostgreSQL: a pool of connections, and TLS as `sslmode` asks for it.

mod tls;

use std::time::Duration;

use diesel::sql_types::{BigInt, Bool};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DEADLINE;
use super::error::OpenError;
use super::migrate;
use crate::key::error::chain;

const NOT_A_URL: &str = "is not a PostgreSQL URL; it must be like postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE, \
    with special characters in the password percent-encoded (@ as %40)";

const CONNECTIONS: usize = 16;
/// For each address of each host: shorter than what anyone waits for a connection, so that the next one has its turn.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The server itself ends what the client no longer waits for (`DATABASE_WAIT`). And it plans a prepared statement once: its plan does
/// not depend on the values, and planning for them each time took longer than the work. Such a plan thinks more of a page than there is to it,
/// which is not to have it compiled, or shared between processes.
const SESSION_SETTINGS: &str = "SET statement_timeout = '4s';
    SET idle_in_transaction_session_timeout = '10s';
    SET plan_cache_mode = force_generic_plan;
    SET jit = off;
    SET max_parallel_workers_per_gather = 0";

/// Serialises the migrations of replicas that start together. The number is the ASCII of `apikeys`.
const MIGRATION_LOCK: i64 = 0x61_70_69_6b_65_79_73;

pub(super) async fn open(url: &str) -> Result<Pool<AsyncPgConnection>, OpenError> {
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
    config.connect_timeout(asked.unwrap_or(CONNECT_TIMEOUT).min(CONNECT_TIMEOUT));
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
    // The timeout for connecting ends where the connection is; a server may then say nothing.
    let connection = tokio::time::timeout(DEADLINE, connect(&config, tls.clone()))
        .await
        .map_err(|_| unreachable(&"it accepts connections and does not answer"))?
        .map_err(|error| unreachable(&error))?;
    migrate_under_lock(connection).await?;
    pool(config, tls)
}

/// Whether an `@` stands where it must be percent-encoded: the parser ends the credentials at the first one.
fn has_stray_at_sign(url: &str) -> bool {
    let (before_options, options) = url.split_once('?').unwrap_or((url, ""));
    match before_options.matches('@').count() {
        0 => options.contains('@'),
        count => count > 1,
    }
}

async fn connect(config: &Config, tls: MakeRustlsConnect) -> ConnectionResult<AsyncPgConnection> {
    let (client, connection) = config
        .connect(tls)
        .await
        .map_err(|error| ConnectionError::BadConnection(chain(&error)))?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
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

fn pool(config: Config, tls: MakeRustlsConnect) -> Result<Pool<AsyncPgConnection>, OpenError> {
    let mut manager = ManagerConfig::<AsyncPgConnection>::default();
    manager.recycling_method = RecyclingMethod::Fast;
    manager.custom_setup = Box::new(move |_url| {
        let (config, tls) = (config.clone(), tls.clone());
        Box::pin(async move {
            let mut connection = connect(&config, tls).await?;
            connection
                .batch_execute(SESSION_SETTINGS)
                .await
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        })
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", manager))
        .max_size(CONNECTIONS)
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
