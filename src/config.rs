//! Flags and environment in, a checked [`Config`] out. The environment is read here and nowhere else.
//!
//! A mistake is named by its variable, and not by its value where that may be a secret.

use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;

use clap::Args;
use http::HeaderName;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::auth::LocalToken;
use crate::key::secret::Prefix;
use crate::store::DatabaseUrl;

/// The settings as they were written. `--help` shows these comments.
#[derive(Args)]
#[command(next_help_heading = "Settings (each is a flag and a variable; a flag wins)")]
pub struct Settings {
    /// The database: `sqlite://PATH` for a file, which is made where there is none, or `postgres://USER@HOST/NAME`
    /// (also `postgresql://`) for a server.
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        default_value = "sqlite://apikeys.db"
    )]
    #[arg(global = true, hide_env_values = true)]
    database_url: String,

    /// The address and port to listen on. Port 0 takes a free one.
    #[arg(
        long,
        env = "APIKEYS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    #[arg(global = true, hide_env_values = true)]
    listen: String,

    /// Where browsers reach this server, such as `https://keys.example.com`. It is used in the sign-in link.
    /// [default: `http://` and the address]
    #[arg(
        long,
        env = "APIKEYS_PUBLIC_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    public_url: Option<String>,

    /// The token of the local operator, at least 32 characters. Better given as a variable: other users of the
    /// machine can see flags. [default: made at each start]
    #[arg(
        long,
        env = "APIKEYS_LOCAL_TOKEN",
        value_name = "TOKEN",
        global = true,
        hide_env_values = true
    )]
    local_token: Option<String>,

    /// What every secret starts with: a lower-case letter, then up to 15 lower-case letters or digits.
    #[arg(
        long,
        env = "APIKEYS_KEY_PREFIX",
        value_name = "PREFIX",
        default_value = "ak"
    )]
    #[arg(global = true, hide_env_values = true)]
    key_prefix: String,

    /// The header in which API keys are taken, besides `Authorization: Bearer`.
    #[arg(
        long,
        env = "APIKEYS_KEY_HEADER",
        value_name = "NAME",
        default_value = "X-Api-Key"
    )]
    #[arg(global = true, hide_env_values = true)]
    key_header: String,

    /// The origins whose pages may call `/graphql` with a token, separated by commas, such as
    /// `https://app.example.com,http://localhost:3000`. [default: none]
    #[arg(
        long,
        env = "APIKEYS_ALLOWED_ORIGINS",
        value_name = "ORIGINS",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(global = true, hide_env_values = true)]
    allowed_origins: String,

    /// Whether `/graphiql` shows GraphiQL: `on` or `off`. [default: `on` in local mode]
    #[arg(
        long,
        env = "APIKEYS_GRAPHIQL",
        value_name = "ON|OFF",
        global = true,
        hide_env_values = true
    )]
    graphiql: Option<String>,

    /// The form of the log, on stderr: `pretty` or `json`. [default: `pretty` on a terminal, else `json`]
    #[arg(
        long,
        env = "APIKEYS_LOG",
        value_name = "FORM",
        global = true,
        hide_env_values = true
    )]
    log: Option<String>,

    /// What to log: `error`, `warn`, `info` or `debug`, or directives such as `info,poem=debug`.
    #[arg(
        long = "log-level",
        env = "RUST_LOG",
        value_name = "LEVEL",
        default_value = "info,poem=warn"
    )]
    #[arg(global = true, hide_env_values = true)]
    log_level: String,
}

/// A configuration without mistakes.
pub struct Config {
    /// Where the keys are kept.
    pub database_url: DatabaseUrl,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where browsers reach the server; `None` for `http://` and the address that it got.
    pub public_url: Option<Url>,
    /// The token of the local operator; `None` to make one.
    pub local_token: Option<LocalToken>,
    /// What every secret starts with.
    pub key_prefix: Prefix,
    /// The header in which API keys are taken.
    pub key_header: HeaderName,
    /// The origins whose pages may call `/graphql`.
    pub allowed_origins: Vec<String>,
    /// Whether there is a GraphiQL page.
    pub graphiql: bool,
    /// How to log.
    pub log_form: LogForm,
    /// What to log.
    pub log_filter: EnvFilter,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// For people.
    Pretty,
    /// For programs: one JSON object a line.
    Json,
}

/// A mistake in the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl ConfigError {
    /// Says what is wrong with a variable, in words that follow its name.
    pub fn new(variable: &'static str, problem: impl fmt::Display) -> Self {
        Self {
            variable,
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

impl TryFrom<Settings> for Config {
    type Error = ConfigError;

    fn try_from(settings: Settings) -> Result<Self, ConfigError> {
        let database_url = DatabaseUrl::parse(&settings.database_url)
            .map_err(|error| ConfigError::new("DATABASE_URL", error))?;
        let listen = settings.listen.parse().map_err(|_| {
            let right =
                "is not an address and a port; it must be like 127.0.0.1:8080 or [::1]:8080";
            ConfigError::new("APIKEYS_LISTEN", right)
        })?;
        let public_url = settings.public_url.as_deref().map(public_url).transpose()?;
        let local_token = settings.local_token.as_deref().map(LocalToken::parse);
        let local_token = local_token
            .transpose()
            .map_err(|error| ConfigError::new("APIKEYS_LOCAL_TOKEN", error))?;
        let key_prefix = Prefix::parse(&settings.key_prefix).ok_or_else(|| {
            let right = "must be a lower-case letter, then up to 15 lower-case letters or digits";
            ConfigError::new("APIKEYS_KEY_PREFIX", right)
        })?;
        let key_header: HeaderName = settings
            .key_header
            .parse()
            .map_err(|_| ConfigError::new("APIKEYS_KEY_HEADER", "is not the name of a header"))?;
        if ["authorization", "cookie", "apikeys-owner"].contains(&key_header.as_str()) {
            let taken = "names a header that already means something else";
            return Err(ConfigError::new("APIKEYS_KEY_HEADER", taken));
        }
        let origins = settings.allowed_origins.split(',').map(str::trim);
        let allowed_origins = origins
            .filter(|origin| !origin.is_empty())
            .map(origin)
            .collect::<Result<_, _>>()?;
        let graphiql = match settings.graphiql.as_deref() {
            None | Some("on" | "true") => true,
            Some("off" | "false") => false,
            Some(_) => return Err(ConfigError::new("APIKEYS_GRAPHIQL", "must be on or off")),
        };
        let log_form = match settings.log.as_deref() {
            Some("pretty") => LogForm::Pretty,
            Some("json") => LogForm::Json,
            Some(_) => return Err(ConfigError::new("APIKEYS_LOG", "must be pretty or json")),
            None if std::io::stderr().is_terminal() => LogForm::Pretty,
            None => LogForm::Json,
        };
        let log_filter = EnvFilter::try_new(&settings.log_level).map_err(|_| {
            ConfigError::new(
                "RUST_LOG",
                "must be a level such as info, or directives such as info,poem=debug",
            )
        })?;
        Ok(Self {
            database_url,
            listen,
            public_url,
            local_token,
            key_prefix,
            key_header,
            allowed_origins,
            graphiql,
            log_form,
            log_filter,
        })
    }
}

/// An origin exactly as browsers write it: they compare it letter by letter.
fn origin(text: &str) -> Result<String, ConfigError> {
    let wrong = |problem: String| Err(ConfigError::new("APIKEYS_ALLOWED_ORIGINS", problem));
    if text == "*" {
        return wrong("has *, which would let every site in; name the origins".to_owned());
    }
    let written = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    match written.map(|url| url.origin().ascii_serialization()) {
        Some(origin) if origin == text => Ok(origin),
        Some(origin) => wrong(format!(
            "has something that is not an origin; did you mean {origin}?"
        )),
        None => wrong(
            "has something that is not an origin; one is like https://app.example.com".to_owned(),
        ),
    }
}

fn public_url(text: &str) -> Result<Url, ConfigError> {
    let right = "it must be like https://keys.example.com, without a path";
    let wrong =
        |problem: &str| ConfigError::new("APIKEYS_PUBLIC_URL", format!("{problem}; {right}"));
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is not an http or https URL"));
    }
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !is_bare || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has more than a scheme, a host and a port"));
    }
    Ok(url)
}
