//! The command line: which subcommand, and what it prints.

mod keys;
mod log;
mod scan;
mod serve;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, Settings};
use crate::graphql;
use crate::key::error::InvalidInput;
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
        /// When the key shall end, from now on: a time such as `90d` or `12h`. Without it, never.
        #[arg(long, value_name = "TIME")]
        expires_in: Option<String>,
    },
    /// Delete an owner's keys, for the day on which something leaked. Prints how many there were. The database must be
    /// reachable, a server need not run.
    Revoke {
        /// Whose keys: the owner as your identity provider spells it; `local` in local mode.
        #[arg(long)]
        owner: String,
        /// Every one of them.
        #[arg(long, required = true)]
        all: bool,
    },
    /// Find secrets of this installation in files and folders, by their form and checksum. It asks nobody and prints file, line
    /// and hint, never a secret. Exit code 1 when it finds any.
    Scan {
        /// Files, and folders with all that is in them.
        #[arg(required_unless_present = "rule")]
        paths: Vec<PathBuf>,
        /// Ask the database which of them are live: whose keys they open.
        #[arg(long)]
        check: bool,
        /// Print a rule for another scanner instead, so that it refuses a commit that holds a secret.
        #[arg(long, value_enum, conflicts_with_all = ["paths", "check"])]
        rule: Option<scan::Scanner>,
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
        Command::Serve => serve::serve(config).await,
        Command::Migrate => {
            let _log = log::start(&config);
            Store::open(&config.database_url, config.database_connections).await?;
            tracing::info!("the database is up to date");
            Ok(())
        }
        Command::CreateKey {
            owner,
            name,
            scopes,
            expires_in,
        } => {
            let new = keys::New::parse(&owner, &name, &scopes, expires_in.as_deref())?;
            keys::create(config, new).await
        }
        Command::Revoke { owner, all: _ } => keys::revoke_all(config, &owner).await,
        Command::Scan { rule, .. } if rule.is_some() => scan::print_rule(&config),
        Command::Scan { paths, check, .. } => scan::scan(config, &paths, check).await,
        // Answered above, before the configuration is looked at.
        Command::Schema => Ok(()),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::Failed(format!("cannot write to stdout: {error}")))
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
            OpenError::Unreachable(_) | OpenError::Outdated | OpenError::Migration(_) => {
                Self::Failed(error.to_string())
            }
        }
    }
}
