//! A new connection: to the first of the addresses that answers, and is not a standby.
//!
//! The addresses of all hosts are tried as RFC 8305 (Happy Eyeballs) has it: the next one as soon as the one before has failed or has
//! not answered for a moment. One that is dead, or accepts and says nothing, so costs a moment and not the whole time that somebody waits.

use std::net::IpAddr;

use diesel::connection::CacheSize;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::Target;
use super::{CHECK_TRIGGERS, STANDBY, TRANSACTION_SETTINGS, session_settings};
use crate::bounds;
use crate::key::error::chain;
use crate::store::error::OpenError;

/// Opens sessions on one server.
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    /// See [`Target::by_transaction`].
    pub(super) by_transaction: bool,
}

impl Connector {
    pub(super) fn of_url(url: &str) -> Result<Self, OpenError> {
        let target = Target::parse(url).map_err(OpenError::Unusable)?;
        Ok(Self {
            tls: target.tls.connector().map_err(OpenError::Unusable)?,
            config: target.config,
            by_transaction: target.by_transaction,
        })
    }

    /// A session for the start of a server.
    pub(super) async fn open(&self) -> Result<AsyncPgConnection, OpenError> {
        let connection = connect(&self.config, &self.tls, self.by_transaction).await;
        connection.map_err(|error| {
            let hosts = hosts(&self.config);
            OpenError::Unreachable(format!("cannot reach PostgreSQL at {hosts}: {error}"))
        })
    }

    /// A session for a pool: the one that is there already, if it still is, or else a new one.
    pub(super) async fn session(
        &self,
        known: Option<AsyncPgConnection>,
    ) -> ConnectionResult<AsyncPgConnection> {
        if let Some(known) = known
            && let Ok(connection) = self.set_up(known).await
        {
            return Ok(connection);
        }
        let connection = connect(&self.config, &self.tls, self.by_transaction).await?;
        self.set_up(connection).await
    }

    async fn set_up(
        &self,
        mut connection: AsyncPgConnection,
    ) -> ConnectionResult<AsyncPgConnection> {
        let settings = match self.by_transaction {
            true => CHECK_TRIGGERS.to_owned(),
            false => {
                let settings = session_settings("SET", false);
                format!("{settings}; {TRANSACTION_SETTINGS}; {CHECK_TRIGGERS}")
            }
        };
        let set = tokio::time::timeout(bounds::PING, connection.batch_execute(&settings)).await;
        let bad = |error: &dyn std::error::Error| ConnectionError::BadConnection(chain(error));
        set.map_err(|elapsed| bad(&elapsed))?
            .map_err(|error| bad(&error))?;
        Ok(connection)
    }
}

/// A session on a server that takes changes.
async fn connect(
    config: &Config,
    tls: &MakeRustlsConnect,
    by_transaction: bool,
) -> ConnectionResult<AsyncPgConnection> {
    let mut waiting = addresses(config).await?.into_iter();
    let mut problems = Vec::new();
    let mut tried = FuturesUnordered::new();
    loop {
        let has_more = match waiting.next() {
            Some(address) => {
                tried.push(connect_to(address, tls, by_transaction));
                true
            }
            None => false,
        };
        let moment = tokio::time::sleep(bounds::NEXT_ADDRESS);
        tokio::select! {
            Some(outcome) = tried.next() => match outcome {
                Ok(connection) => return Ok(connection),
                Err(error) => problems.push(error),
            },
            () = moment, if has_more => {}
            else => break,
        }
    }
    // What is said of a standby tells more than that another server is down.
    let is_about_standby = |problem: &String| problem.contains(STANDBY);
    let told = problems
        .iter()
        .position(is_about_standby)
        .unwrap_or_default();
    let problem = match problems.is_empty() {
        true => "no address was found".to_owned(),
        false => problems.swap_remove(told),
    };
    Err(ConnectionError::BadConnection(problem))
}

async fn connect_to(
    config: Config,
    tls: &MakeRustlsConnect,
    by_transaction: bool,
) -> Result<AsyncPgConnection, String> {
    // As one message without parameters, which goes through any pooler.
    let refuse_standby = format!(
        "DO $$ BEGIN IF pg_is_in_recovery() THEN RAISE EXCEPTION '{STANDBY}'; END IF; END $$"
    );
    let connect = async {
        let connected = config.connect(tls.clone()).await;
        let (client, mut connection) = connected.map_err(|error| chain(&error))?;
        if by_transaction {
            // Diesel prepares statements for a new session, and what it sets there is so without them.
            let begun = tokio::select! {
                begun = client.batch_execute("BEGIN") => begun,
                ended = &mut connection => ended,
            };
            begun.map_err(|error| chain(&error))?;
        }
        let connection = AsyncPgConnection::try_from_client_and_connection(client, connection);
        let mut connection = connection.await.map_err(|error| chain(&error))?;
        if by_transaction {
            let ended = connection.batch_execute("ROLLBACK").await;
            ended.map_err(|error| chain(&error))?;
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        let is_primary = connection.batch_execute(&refuse_standby).await;
        is_primary.map_err(|error| chain(&error))?;
        Ok(connection)
    };
    let in_time = tokio::time::timeout(bounds::CONNECT, connect).await;
    in_time.unwrap_or_else(|_| Err("it accepts connections and does not answer in time".to_owned()))
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

/// A configuration for each address of each host, in the order of the URL.
async fn addresses(config: &Config) -> ConnectionResult<Vec<Config>> {
    let (hosts, known) = (config.get_hosts(), config.get_hostaddrs());
    let mut all = Vec::new();
    let mut problem = None;
    for i in 0..hosts.len().max(known.len()) {
        let ports = config.get_ports();
        let port = ports.get(i).or(ports.first()).copied().unwrap_or(5432);
        let address = |address| alone(config, hosts.get(i), address, port);
        match (hosts.get(i), known.get(i)) {
            (Some(Host::Tcp(name)), None) => {
                match tokio::net::lookup_host((name.as_str(), port)).await {
                    Ok(found) => all.extend(found.map(|found| address(Some(found.ip())))),
                    Err(error) => problem = Some(format!("{name}: {error}")),
                }
            }
            (_, known) => all.push(address(known.copied())),
        }
    }
    match problem {
        Some(problem) if all.is_empty() => Err(ConnectionError::BadConnection(problem)),
        _ => Ok(all),
    }
}

/// The same configuration for one address alone. The name stays, because certificates are for names.
fn alone(config: &Config, host: Option<&Host>, address: Option<IpAddr>, port: u16) -> Config {
    let mut one = Config::new();
    match host {
        Some(Host::Tcp(name)) => drop(one.host(name)),
        Some(Host::Unix(path)) => drop(one.host_path(path)),
        None => {}
    }
    if let Some(address) = address {
        one.hostaddr(address);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(dbname) = config.get_dbname() {
        one.dbname(dbname);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.port(port)
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    one
}
