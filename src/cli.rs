//! The command line: which subcommand, and what it prints.

use std::io::{self, Write};
use std::sync::Arc;

use clap::{Parser, Subcommand};
use tokio::sync::oneshot;
use tracing_subscriber::util::SubscriberInitExt;

use crate::auth::{Authenticator, Caller, LocalToken, Oidc, People};
use crate::config::{Config, ConfigError, LogForm, Settings};
use crate::graphql;
use crate::http::{self, Server};
use crate::key::clock::Clock;
use crate::key::error::{InvalidInput, chain};
use crate::key::last_used::LastUsed;
use crate::key::model::{Name, Owner};
use crate::key::scope::Scopes;
use crate::key::service::{CreatedApiKey, Service};
use crate::key::verify::Verifier;
use crate::store::{OpenError, Store};

/// API keys for your product: a GraphQL server where people create, list and delete the keys of your API.
///
/// Without a subcommand it serves, on SQLite in the working folder, and prints one link to open.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 a mistake in the command or the configuration."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve: run the migrations, listen, and print the link to sign in with (the default).
    Serve,
    /// Run the migrations and stop. The server does the same when it starts.
    Migrate,
    /// Print the GraphQL schema (SDL). No database is needed.
    Schema,
    /// Create a key and print its secret, alone, on stdout: it is shown only here. The database must be reachable,
    /// a server need not run.
    CreateKey {
        /// Whose key it is: the owner as your identity provider spells it; `local` in local mode.
        #[arg(long)]
        owner: String,
        /// What to call the key: 1 to 100 characters.
        #[arg(long)]
        name: String,
        /// What the key may do; give it once for each scope. Of those that start with `apikeys:` there are
        /// `apikeys:read` and `apikeys:write` (manage the owner's keys), `apikeys:act-as` (for the owner that a request
        /// names) and `apikeys:introspect` (ask about keys).
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
}

/// Why a command did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// A mistake in the command or the configuration: exit code 2.
    Mistake(String),
    /// Anything else: exit code 1.
    Failed(String),
}

/// Does what the command line asks for.
pub async fn run(cli: Cli) -> Result<(), Failure> {
    if let Some(Command::Schema) = cli.command {
        return print(&graphql::sdl());
    }
    let config = Config::try_from(cli.settings)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config).await,
        Command::Migrate => {
            start_logging(&config);
            Store::open(&config.database_url).await?;
            tracing::info!("the database is up to date");
            Ok(())
        }
        Command::CreateKey {
            owner,
            name,
            scopes,
        } => {
            let owner = Owner::parse(&owner)?;
            let name = Name::parse(&name)?;
            let scopes = Scopes::parse(&scopes)?;
            start_logging(&config);
            create_key(config, owner, name, scopes).await
        }
        // Answered above, before the configuration is looked at.
        Command::Schema => Ok(()),
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    start_logging(&config);
    let people = match (config.oidc, config.local_token) {
        (Some(settings), _) => {
            if settings.issuer.is_open_to_others() {
                tracing::warn!(
                    "APIKEYS_OIDC_ISSUER is not https: whoever is on the way can make tokens that this server takes"
                );
            }
            let oidc = Oidc::new(settings).map_err(|error| Failure::Failed(chain(&*error)))?;
            People::Oidc(oidc)
        }
        (None, Some(token)) => People::Local(token),
        (None, None) => {
            let token = LocalToken::generate();
            People::Local(token.map_err(|error| Failure::Failed(chain(&error)))?)
        }
    };
    let store = Store::open(&config.database_url).await?;
    let clock = Arc::new(Clock::system());
    let last_used = Arc::new(LastUsed::new(store.clone()));
    let verifier = Arc::new(Verifier::new(
        store.clone(),
        config.key_prefix.clone(),
        clock.clone(),
        last_used.clone(),
    ));
    let service = Arc::new(Service::new(store, config.key_prefix, clock));
    let settings = http::Settings {
        listen: config.listen,
        public_url: config.public_url,
        key_header: config.key_header,
        allowed_origins: config.allowed_origins,
        has_graphiql: config.graphiql,
    };
    let is_local = matches!(people, People::Local(_));
    let authenticator = Authenticator::new(people, verifier.clone());
    let server = Server::bind(settings, authenticator, service, verifier)
        .map_err(|error| Failure::Failed(format!("cannot listen on {}: {error}", config.listen)))?;
    if is_local && !config.listen.ip().is_loopback() {
        tracing::warn!(
            "APIKEYS_LISTEN is not a loopback address: whoever reads the traffic can read the local token; put TLS in front"
        );
    }
    print(&format!("Open {}\n", server.link()))?;
    let (stop, stopped) = oneshot::channel();
    let writing = tokio::spawn(last_used.keep_writing(stopped));
    let served = server.run().await;
    drop(stop);
    if let Err(panic) = writing.await {
        tracing::error!(%panic, "when keys were last used was not written");
    }
    served.map_err(|error| Failure::Failed(chain(&error)))
}

async fn create_key(
    config: Config,
    owner: Owner,
    name: Name,
    scopes: Scopes,
) -> Result<(), Failure> {
    let store = Store::open(&config.database_url).await?;
    let service = Service::new(store, config.key_prefix, Arc::new(Clock::system()));
    let failed = |error| Failure::Failed(chain(&error));
    let permission = Caller::command_line(owner).write_keys().map_err(failed)?;
    let CreatedApiKey { api_key, secret } = service
        .create(&permission, name, scopes)
        .await
        .map_err(failed)?;
    if let Err(unprinted) = print(&format!("{}\n", secret.expose_secret())) {
        // A key whose secret nobody saw is of no use to anyone.
        service
            .delete(&permission, api_key.id)
            .await
            .map_err(failed)?;
        return Err(unprinted);
    }
    Ok(())
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::Failed(format!("cannot write to stdout: {error}")))
}

fn start_logging(config: &Config) {
    // What a panic says goes to the log as one line, where whoever reads the log finds it.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
    let log = tracing_subscriber::fmt()
        .with_env_filter(config.log_filter.clone())
        .with_writer(io::stderr)
        // Where nobody reads stderr any more, the server goes on without a log.
        .log_internal_errors(false);
    match config.log_form {
        LogForm::Pretty => log.compact().with_target(false).finish().init(),
        LogForm::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .init(),
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Mistake(error.to_string())
    }
}

impl From<InvalidInput> for Failure {
    fn from(error: InvalidInput) -> Self {
        Self::Mistake(error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unusable(problem) => ConfigError::new("DATABASE_URL", problem).into(),
            OpenError::Unreachable(_) | OpenError::Migration(_) => Self::Failed(error.to_string()),
        }
    }
}
