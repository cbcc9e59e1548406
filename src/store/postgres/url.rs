//! The options of a PostgreSQL URL: those of libpq that there are, and ours. A mistake is named, and never a value.

use std::time::Duration;

use tokio_postgres::Config;

use super::tls::Tls;
use crate::bounds;

const NOT_A_URL: &str = "is not a PostgreSQL URL; it must be like postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE, \
    with special characters in the password percent-encoded (@ as %40)";

/// What `tokio-postgres` has a word for.
const KNOWN: [&str; 19] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
    "client_encoding",
];

/// Where `tokio-postgres` says nothing of it, the server's default for the first keepalive probe, which no NAT waits for.
const NO_KEEPALIVE: Duration = Duration::from_secs(2 * 60 * 60);

/// What a URL says.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// `statement_cache=off`: a pooler may hand each transaction to another connection.
    pub(super) by_transaction: bool,
}

impl Target {
    /// Reads a URL. The problem follows the name of the variable.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root_cert, mut by_transaction) = (None, None, false);
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // A + is a + in PostgreSQL's URLs, and not a blank.
            let literal_plus = pair.replace('+', "%2B");
            let Some((name, value)) = url::form_urlencoded::parse(literal_plus.as_bytes()).next()
            else {
                continue;
            };
            match (&*name, &*value) {
                ("sslmode", _) => mode = Some(value.into_owned()),
                ("sslrootcert", _) => root_cert = Some(value.into_owned()),
                ("statement_cache", "on") => by_transaction = false,
                ("statement_cache", "off") => by_transaction = true,
                ("statement_cache", _) => {
                    return Err("has an unknown statement_cache; it must be on or off".into());
                }
                (name, _) if KNOWN.contains(&name) => kept.push(pair),
                // A stray ? in a password makes names of what follows it.
                (name, _) if base.contains('@') && !query.contains('@') && is_word(name) => {
                    return Err(format!(
                        "has the unknown option `{name}`; it must be one of sslmode, sslrootcert, statement_cache, {}",
                        KNOWN.join(", ")
                    ));
                }
                _ => return Err(NOT_A_URL.into()),
            }
        }
        let (plain_mode, tls) = Tls::of(mode.as_deref(), root_cert)?;
        let plain_mode = format!("sslmode={plain_mode}");
        kept.push(&plain_mode);
        let url = format!("{base}?{}", kept.join("&"));
        // The parser's own message is not passed on: where a password holds an @ or a ?, it repeats a part of it.
        let mut config: Config = url.parse().map_err(|_| NOT_A_URL)?;
        if has_stray_at_sign(&url) {
            return Err(NOT_A_URL.into());
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("names no host; it must be like postgres://USER@HOST/NAME".into());
        }
        set_defaults(&mut config);
        tls.warn_if_risky(&config);
        Ok(Self {
            config,
            tls,
            by_transaction,
        })
    }
}

/// Whether it may be the name of an option, and so be repeated.
fn is_word(name: &str) -> bool {
    name.len() <= 30
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What holds where the URL says nothing. A connection that the network forgot is found dead within a minute.
fn set_defaults(config: &mut Config) {
    let asked = config.get_connect_timeout().copied();
    config.connect_timeout(asked.unwrap_or(bounds::CONNECT).min(bounds::CONNECT));
    if config.get_application_name().is_none() {
        config.application_name("apikeys");
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    if config.get_keepalives_idle() == NO_KEEPALIVE {
        config.keepalives_idle(bounds::KEEPALIVE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(Duration::from_secs(10));
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
}

/// Whether an `@` stands where it must be percent-encoded: the parser ends the credentials at the first one.
fn has_stray_at_sign(url: &str) -> bool {
    let (before_options, options) = url.split_once('?').unwrap_or((url, ""));
    match before_options.matches('@').count() {
        0 => options.contains('@'),
        count => count > 1,
    }
}
