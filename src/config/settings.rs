//! The flags and variables, as `--help` shows them.

use clap::Args;

use crate::bounds;

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
    pub(super) database_url: String,

    /// The address and port to listen on. Port 0 takes a free one.
    #[arg(
        long,
        env = "APIKEYS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) listen: String,

    /// Where browsers reach this server, such as `https://keys.example.com`. It is used in the sign-in link and
    /// where the identity provider sends browsers back to.
    /// [default: `http://` and the address]
    #[arg(
        long,
        env = "APIKEYS_PUBLIC_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub(super) public_url: Option<String>,

    /// The token of the local operator, at least 32 characters. Better given as a variable: other users of the
    /// machine can see flags. [default: made at each start]
    #[arg(
        long,
        env = "APIKEYS_LOCAL_TOKEN",
        value_name = "TOKEN",
        global = true,
        hide_env_values = true
    )]
    pub(super) local_token: Option<String>,

    /// The issuer whose access tokens people present (OIDC mode): a URL, exactly as its tokens have it in `iss`. Without
    /// it the server is in local mode. [default: none]
    #[arg(
        long,
        env = "APIKEYS_OIDC_ISSUER",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub(super) oidc_issuer: Option<String>,

    /// For whom a token must be: one of the values of its `aud`. OIDC mode needs it.
    #[arg(
        long,
        env = "APIKEYS_OIDC_AUDIENCE",
        value_name = "AUDIENCE",
        global = true,
        hide_env_values = true
    )]
    pub(super) oidc_audience: Option<String>,

    /// The id under which the page is registered with the issuer, as a public client. Without it the page cannot sign
    /// anyone in. [default: none]
    #[arg(
        long,
        env = "APIKEYS_OIDC_CLIENT_ID",
        value_name = "ID",
        global = true,
        hide_env_values = true
    )]
    pub(super) oidc_client_id: Option<String>,

    /// The claim of a token that says whose keys its bearer works on: `sub` for each person their own, or one that names
    /// an organisation. [default: `sub`]
    #[arg(
        long,
        env = "APIKEYS_OIDC_OWNER_CLAIM",
        value_name = "CLAIM",
        global = true,
        hide_env_values = true
    )]
    pub(super) oidc_owner_claim: Option<String>,

    /// What the page asks the issuer for, separated by blanks. `offline_access` gets it a refresh token from most; some
    /// want a scope of their own for the audience. [default: `openid`]
    #[arg(
        long,
        env = "APIKEYS_OIDC_SCOPE",
        value_name = "SCOPES",
        global = true,
        hide_env_values = true
    )]
    pub(super) oidc_scope: Option<String>,

    /// What every secret starts with: a lower-case letter, then up to 15 lower-case letters or digits.
    #[arg(
        long,
        env = "APIKEYS_KEY_PREFIX",
        value_name = "PREFIX",
        default_value = "ak"
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) key_prefix: String,

    /// The most API keys that one owner may have.
    #[arg(
        long,
        env = "APIKEYS_MAX_KEYS_PER_OWNER",
        value_name = "COUNT",
        default_value = "1000"
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) max_keys_per_owner: String,

    /// The most connections to PostgreSQL, from 2 on; checks have some of them to themselves.
    #[arg(
        long,
        env = "APIKEYS_DATABASE_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = bounds::CONNECTIONS.to_string()
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) database_connections: String,

    /// The longest time until a key's end, such as `365d`. With it, every key must end. [default: none]
    #[arg(
        long,
        env = "APIKEYS_MAX_LIFETIME",
        value_name = "TIME",
        global = true,
        hide_env_values = true
    )]
    pub(super) max_lifetime: Option<String>,

    /// How long the record of events is kept.
    #[arg(
        long,
        env = "APIKEYS_EVENT_RETENTION",
        value_name = "TIME",
        default_value = "400d"
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) event_retention: String,

    /// The most events that the record of one owner keeps; beyond, the oldest are removed.
    #[arg(
        long,
        env = "APIKEYS_MAX_EVENTS_PER_OWNER",
        value_name = "COUNT",
        default_value = "100000"
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) max_events_per_owner: String,

    /// The header in which API keys are taken, besides `Authorization: Bearer`.
    #[arg(
        long,
        env = "APIKEYS_KEY_HEADER",
        value_name = "NAME",
        default_value = "X-Api-Key"
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) key_header: String,

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
    pub(super) allowed_origins: String,

    /// Whether `/graphiql` shows GraphiQL: `on` or `off`. [default: `on` in local mode, else `off`]
    #[arg(
        long,
        env = "APIKEYS_GRAPHIQL",
        value_name = "ON|OFF",
        global = true,
        hide_env_values = true
    )]
    pub(super) graphiql: Option<String>,

    /// The form of the log, on stderr: `pretty` or `json`. [default: `pretty` on a terminal, else `json`]
    #[arg(
        long,
        env = "APIKEYS_LOG",
        value_name = "FORM",
        global = true,
        hide_env_values = true
    )]
    pub(super) log: Option<String>,

    /// What to log: `error`, `warn`, `info` or `debug`, or directives such as `info,poem=debug`.
    #[arg(
        long = "log-level",
        env = "RUST_LOG",
        value_name = "LEVEL",
        default_value = "info,poem=warn"
    )]
    #[arg(global = true, hide_env_values = true)]
    pub(super) log_level: String,
}
