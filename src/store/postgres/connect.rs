//! A new connection: to the first of the addresses that answers, and is not a standby.
//!
//! The addresses of all hosts are tried as RFC 8305 (Happy Eyeballs) has it: the next one as soon as the one before has failed or has
//! not answered for a moment. One that is dead, or accepts and says nothing, so costs a moment and not the whole time that somebody waits.

use std::net::IpAddr;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{STANDBY, is_standby};
use crate::bounds;
use crate::key::error::chain;

/// A session with these settings on a server that takes changes.
pub(super) async fn connect(
    config: &Config,
    tls: &MakeRustlsConnect,
    settings: &str,
) -> ConnectionResult<AsyncPgConnection> {
    let mut waiting = addresses(config).await?.into_iter();
    let mut problems = Vec::new();
    let mut tried = FuturesUnordered::new();
    loop {
        let has_more = match waiting.next() {
            Some(address) => {
                tried.push(connect_to(address, tls, settings));
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
    settings: &str,
) -> Result<AsyncPgConnection, String> {
    let connect = async {
        let connected = config.connect(tls.clone()).await;
        let (client, connection) = connected.map_err(|error| chain(&error))?;
        let connection = AsyncPgConnection::try_from_client_and_connection(client, connection);
        let mut connection = connection.await.map_err(|error| chain(&error))?;
        let set = connection.batch_execute(settings).await;
        set.map_err(|error| chain(&error))?;
        match is_standby(&connection).await {
            Ok(false) => Ok(connection),
            Ok(true) => Err(STANDBY.to_owned()),
            Err(error) => Err(chain(&error)),
        }
    };
    let in_time = tokio::time::timeout(bounds::CONNECT, connect).await;
    in_time.unwrap_or_else(|_| Err("it accepts connections and does not answer in time".to_owned()))
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
