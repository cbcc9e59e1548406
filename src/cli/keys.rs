//! `apikeys create-key` and `apikeys revoke`: keys by whoever has the database.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{Failure, log, print};
use crate::auth::{Caller, WriteKeys};
use crate::config::Config;
use crate::key::clock::Clock;
use crate::key::error::{Error, chain};
use crate::key::lifetime;
use crate::key::model::{Name, Owner};
use crate::key::retention::Retention;
use crate::key::scope::Scopes;
use crate::key::service::{KeyWithSecret, NewApiKey, Service};
use crate::store::Store;

/// The key that the command line asks for.
pub(super) struct New {
    owner: Owner,
    name: Name,
    scopes: Scopes,
    expires_in: Option<SignedDuration>,
}

impl New {
    pub(super) fn parse(
        owner: &str,
        name: &str,
        scopes: &[String],
        expires_in: Option<&str>,
    ) -> Result<Self, Failure> {
        let expires_in = expires_in.map(lifetime::parse).transpose();
        Ok(Self {
            owner: Owner::parse(owner)?,
            name: Name::parse(name)?,
            scopes: Scopes::parse(scopes)?,
            expires_in: expires_in
                .map_err(|problem| Failure::Mistake(format!("--expires-in {problem}")))?,
        })
    }
}

pub(super) async fn create(config: Config, new: New) -> Result<(), Failure> {
    let _log = log::start(&config);
    let store = Store::open(&config.database_url, config.database_connections).await?;
    let (service, clock) = service(config, store);
    let permission = permission(new.owner)?;
    let ends = |span| clock.now().saturating_add(span);
    let expires_at = new.expires_in.map(ends).transpose();
    let new = NewApiKey {
        name: new.name,
        scopes: new.scopes,
        expires_at: expires_at.map_err(|error| Failure::Mistake(error.to_string()))?,
    };
    let KeyWithSecret { api_key, secret } = service.create(&permission, new).await?;
    if let Err(unprinted) = print(&format!("{}\n", secret.expose_secret())) {
        // A key whose secret nobody saw is of no use to anyone.
        service.delete(&permission, api_key.id).await?;
        return Err(unprinted);
    }
    Ok(())
}

pub(super) async fn revoke_all(config: Config, owner: &str) -> Result<(), Failure> {
    let owner = Owner::parse(owner)?;
    let _log = log::start(&config);
    let store = Store::open_existing(&config.database_url, config.database_connections).await?;
    let (service, _) = service(config, store);
    let count = service.delete_all(&permission(owner)?).await?;
    print(&match count {
        1 => "1 key deleted\n".to_owned(),
        count => format!("{count} keys deleted\n"),
    })
}

fn service(config: Config, store: Store) -> (Service, Arc<Clock>) {
    let clock = Arc::new(Clock::system());
    let (prefix, limits) = (config.key_prefix, config.limits);
    // A server of this installation removes what is kept no longer.
    let retention = Retention::new(
        store.clone(),
        clock.clone(),
        config.event_retention,
        config.max_events_per_owner,
    );
    let service = Service::new(store, prefix, limits, clock.clone(), Arc::new(retention));
    (service, clock)
}

fn permission(owner: Owner) -> Result<WriteKeys, Failure> {
    Ok(Caller::command_line(owner).write_keys()?)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidInput(invalid) => invalid.into(),
            error => Self::Failed(chain(&error)),
        }
    }
}
