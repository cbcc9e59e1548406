//! PostgreSQL: a pool of connections, and TLS as `sslmode` asks for it.

mod tls;

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::OpenError;
use super::migrate;
use crate::key::error::chain;

const CONNECTIONS: usize = 16;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The server itself ends what the client no longer waits for (`DEADLINE` is as long).
const SESSION_SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '8s';
    SET idle_in_transaction_session_timeout = '30s'";

/// Serialises the migrations of replicas that start together. The number is the ASCII of `apikeys`.
const MIGRATION_LOCK: i64 = 0x61_70_69_6b_65_79_73;

pub(super) async fn open(url: &str) -> Result<Pool<AsyncPgConnection>, OpenError> {
    let (url, tls) = tls::from_url(url).map_err(OpenError::Unusable)?;
    let mut config: Config = url.parse().map_err(|error| {
        OpenError::Unusable(format!("is not a PostgreSQL URL: {}", chain(&error)))
    })?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("apikeys");
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    tls.warn_if_risky(&config);
    let tls = tls.connector().map_err(OpenError::Unusable)?;

    let unreachable = |error: ConnectionError| {
        OpenError::Unreachable(format!(
            "cannot reach PostgreSQL at {}: {error}",
            hosts(&config)
        ))
    };
    let connection = connect(&config, tls.clone()).await.map_err(unreachable)?;
    migrate_under_lock(connection).await?;
    pool(config, tls)
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
    diesel::sql_query("SELECT pg_advisory_lock($1)")
        .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
        .execute(&mut connection)
        .await?;
    migrate::run(
        migrate::POSTGRES,
        &mut AsyncMigrationHarness::new(connection),
    )
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
