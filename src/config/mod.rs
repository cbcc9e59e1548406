//! Flags and environment in, a checked [`Config`] out. The environment is read here and nowhere else.
//!
//! A mistake is named by its variable, and not by its value where that may be a secret.

mod settings;

use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;

use http::HeaderName;
use jiff::SignedDuration;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::auth::{IssuerUrl, LocalToken, OidcSettings};
use crate::bounds;
use crate::key::lifetime;
use crate::key::secret::Prefix;
use crate::key::service::Limits;
use crate::store::DatabaseUrl;

pub use settings::Settings;

/// A configuration without mistakes.
pub struct Config {
    /// Where the keys are kept.
    pub database_url: DatabaseUrl,
    /// The most connections to PostgreSQL.
    pub database_connections: usize,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where browsers reach the server; `None` for `http://` and the address that it got.
    pub public_url: Option<Url>,
    /// The token of the local operator; `None` to make one.
    pub local_token: Option<LocalToken>,
    /// Whose tokens people present; `None` in local mode.
    pub oidc: Option<OidcSettings>,
    /// What every secret starts with.
    pub key_prefix: Prefix,
    /// How many keys there may be, and for how long.
    pub limits: Limits,
    /// How long events are kept.
    pub event_retention: SignedDuration,
    /// How many events of one owner are kept.
    pub max_events_per_owner: u32,
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
        let oidc = oidc(&settings)?;
        let key_prefix = Prefix::parse(&settings.key_prefix).ok_or_else(|| {
            let right = "must be a lower-case letter, then up to 15 lower-case letters or digits";
            ConfigError::new("APIKEYS_KEY_PREFIX", right)
        })?;
        let max_keys_per_owner = count("APIKEYS_MAX_KEYS_PER_OWNER", &settings.max_keys_per_owner)?;
        let database_connections = settings.database_connections.parse().ok();
        let database_connections = database_connections
            .filter(|count| (2..=bounds::MOST_CONNECTIONS).contains(count))
            .ok_or_else(|| {
                let right = format!("must be a number from 2 to {}", bounds::MOST_CONNECTIONS);
                ConfigError::new("APIKEYS_DATABASE_CONNECTIONS", right)
            })?;
        let max_events_per_owner = count(
            "APIKEYS_MAX_EVENTS_PER_OWNER",
            &settings.max_events_per_owner,
        )?;
        let max_lifetime = settings.max_lifetime.as_deref().map(lifetime::parse);
        let max_lifetime = max_lifetime
            .transpose()
            .map_err(|problem| ConfigError::new("APIKEYS_MAX_LIFETIME", problem))?;
        let event_retention = lifetime::parse(&settings.event_retention)
            .map_err(|problem| ConfigError::new("APIKEYS_EVENT_RETENTION", problem))?;
        let limits = Limits {
            max_keys_per_owner,
            max_lifetime,
        };
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
            None => oidc.is_none(),
            Some("on" | "true") => true,
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
            database_connections,
            listen,
            public_url,
            local_token,
            oidc,
            key_prefix,
            limits,
            event_retention,
            max_events_per_owner,
            key_header,
            allowed_origins,
            graphiql,
            log_form,
            log_filter,
        })
    }
}

/// A number from 1 on.
fn count(variable: &'static str, text: &str) -> Result<u32, ConfigError> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| ConfigError::new(variable, "must be a number from 1 on"))
}

/// OIDC mode, where an issuer is set; half of its settings are a mistake rather than local mode.
fn oidc(settings: &Settings) -> Result<Option<OidcSettings>, ConfigError> {
    let Some(issuer) = &settings.oidc_issuer else {
        for (variable, value) in [
            ("APIKEYS_OIDC_AUDIENCE", &settings.oidc_audience),
            ("APIKEYS_OIDC_CLIENT_ID", &settings.oidc_client_id),
            ("APIKEYS_OIDC_OWNER_CLAIM", &settings.oidc_owner_claim),
            ("APIKEYS_OIDC_SCOPE", &settings.oidc_scope),
        ] {
            if value.is_some() {
                let problem = "is set, but APIKEYS_OIDC_ISSUER is not; set both, or neither";
                return Err(ConfigError::new(variable, problem));
            }
        }
        return Ok(None);
    };
    if settings.local_token.is_some() {
        let problem = "is for local mode; with APIKEYS_OIDC_ISSUER there is no local token, so set one of the two";
        return Err(ConfigError::new("APIKEYS_LOCAL_TOKEN", problem));
    }
    let filled = |variable, value: &Option<String>| match value.as_deref() {
        Some(text) if text.trim().is_empty() => Err(ConfigError::new(variable, "is empty")),
        value => Ok(value.map(str::to_owned)),
    };
    let issuer =
        IssuerUrl::parse(issuer).map_err(|error| ConfigError::new("APIKEYS_OIDC_ISSUER", error))?;
    let audience = filled("APIKEYS_OIDC_AUDIENCE", &settings.oidc_audience)?.ok_or_else(|| {
        let problem = "is missing: with APIKEYS_OIDC_ISSUER it must say for whom tokens are, or those for other services would be taken too";
        ConfigError::new("APIKEYS_OIDC_AUDIENCE", problem)
    })?;
    let owner_claim = filled("APIKEYS_OIDC_OWNER_CLAIM", &settings.oidc_owner_claim)?;
    let scope = filled("APIKEYS_OIDC_SCOPE", &settings.oidc_scope)?;
    Ok(Some(OidcSettings {
        issuer,
        audience,
        client_id: filled("APIKEYS_OIDC_CLIENT_ID", &settings.oidc_client_id)?,
        owner_claim: owner_claim.unwrap_or_else(|| "sub".to_owned()),
        scope: scope.unwrap_or_else(|| "openid".to_owned()),
    }))
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
