//! What can be done with API keys. Every method takes the permission that it needs, so that forgetting to
//! authorise does not compile.

mod change;
mod read;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::auth::WriteKeys;
use crate::store::{self, ApiKeyCreation, Created, Store};

use super::api_key::{ApiKey, ApiKeySecret};
use super::clock::Clock;
use super::error::{Error, InvalidInput};
use super::event::Actor;
use super::lifetime;
use super::model::{KeyId, Name};
use super::retention::Retention;
use super::scope::Scopes;
use super::secret::{Prefix, RandomUnavailable, Secret};

/// The rules for API keys, over a store.
pub struct Service {
    store: Store,
    prefix: Prefix,
    limits: Limits,
    clock: Arc<Clock>,
    retention: Arc<Retention>,
}

/// What this installation allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most keys of one owner.
    pub max_keys_per_owner: u32,
    /// The longest time from now until a key's end; with it, every key must end.
    pub max_lifetime: Option<SignedDuration>,
}

/// What a new key shall be.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What its owner calls it.
    pub name: Name,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// A key that got a secret, with the only sight of it.
#[derive(Debug)]
pub struct KeyWithSecret {
    /// The key.
    pub api_key: ApiKey,
    /// What a program presents to prove that it holds the key.
    pub secret: Secret,
}

/// The most keys that are deleted together.
pub const MAX_DELETIONS: usize = 100;

impl Service {
    /// A service whose secrets start with `prefix`, which tells `retention` of each event.
    pub fn new(
        store: Store,
        prefix: Prefix,
        limits: Limits,
        clock: Arc<Clock>,
        retention: Arc<Retention>,
    ) -> Self {
        Self {
            store,
            prefix,
            limits,
            clock,
            retention,
        }
    }

    /// Makes a key. When this returns, the key is stored for good.
    ///
    /// [`Error::Forbidden`] where a scope of this service itself is asked for, and the caller may not grant those;
    /// [`Error::LimitReached`] where the owner has as many keys as may be.
    pub async fn create(
        &self,
        permission: &WriteKeys,
        new: NewApiKey,
    ) -> Result<KeyWithSecret, Error> {
        let caller = permission.caller();
        if new.scopes.has_reserved() && !caller.may_grant_reserved_scopes() {
            let needed = "scopes that start with `apikeys:` are granted on the command line, or by the local operator";
            return Err(Error::Forbidden(needed.to_owned()));
        }
        let secret = Secret::generate(&self.prefix)?;
        let actor = self.actor(permission);
        self.check_end(new.expires_at, actor.at)?;
        let api_key = ApiKey {
            id: self.clock.id(actor.at).into(),
            owner: caller.owner().clone(),
            folded_name: new.name.folded(),
            name: new.name,
            scopes: new.scopes,
            created_at: actor.at,
            created_by: actor.subject.clone(),
            expires_at: new.expires_at,
            disabled_at: None,
            secrets: vec![ApiKeySecret {
                hint: secret.hint(),
                created_at: actor.at,
                expires_at: None,
                last_used_at: None,
            }],
            as_of: actor.at,
        };
        let event_id = self.clock.id(actor.at);
        let creation = ApiKeyCreation {
            api_key: api_key.clone(),
            digest: secret.digest(),
            event_id,
            actor,
            most: self.limits.max_keys_per_owner,
        };
        match self.store.api_key_insert(creation).await? {
            Created::Yes => {
                self.retention.note(&api_key.owner, event_id);
                Ok(KeyWithSecret { api_key, secret })
            }
            Created::LimitReached => Err(Error::LimitReached(format!(
                "the owner has {} API keys, and may have no more; delete one first",
                self.limits.max_keys_per_owner
            ))),
        }
    }

    /// Deletes a key and with it its secrets. [`Error::NotFound`] where the owner has no such key.
    pub async fn delete(&self, permission: &WriteKeys, id: KeyId) -> Result<(), Error> {
        self.delete_several(permission, vec![id]).await
    }

    /// Deletes keys, at most [`MAX_DELETIONS`], all or none: [`Error::NotFound`] where one of them is not the owner's.
    pub async fn delete_several(
        &self,
        permission: &WriteKeys,
        mut ids: Vec<KeyId>,
    ) -> Result<(), Error> {
        if ids.len() > MAX_DELETIONS {
            let problem = format!("`ids` has {}; the most is {MAX_DELETIONS}", ids.len());
            return Err(InvalidInput::new("ids", problem).into());
        }
        ids.sort_unstable();
        ids.dedup();
        let owner = permission.caller().owner().clone();
        let actor = self.actor(permission);
        let deletions = ids.into_iter().map(|id| (id, self.clock.id(actor.at)));
        let deletions: Vec<(KeyId, Uuid)> = deletions.collect();
        let event_ids: Vec<Uuid> = deletions.iter().map(|(_, event_id)| *event_id).collect();
        let is_done = self.store.api_keys_delete(owner.clone(), deletions, actor);
        if is_done.await? {
            let mut note = |event_id| self.retention.note(&owner, event_id);
            event_ids.into_iter().for_each(&mut note);
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    /// Deletes every key of the owner. Gives how many there were.
    pub async fn delete_all(&self, permission: &WriteKeys) -> Result<usize, Error> {
        let owner = permission.caller().owner();
        let mut count = 0;
        loop {
            let ids = self.store.api_keys_some_ids(owner, MAX_DELETIONS).await?;
            if ids.is_empty() {
                return Ok(count);
            }
            let several = ids.len();
            match self.delete_several(permission, ids).await {
                Ok(()) => count += several,
                // Somebody else deleted one of them meanwhile.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn actor(&self, permission: &WriteKeys) -> Actor {
        let caller = permission.caller();
        Actor {
            subject: caller.subject(),
            credential: caller.credential(),
            at: self.clock.now(),
            presented: caller.presented(),
        }
    }

    /// Whether a key may end then.
    fn check_end(&self, expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), InvalidInput> {
        let invalid = |problem: String| Err(InvalidInput::new("expiresAt", problem));
        if expires_at.is_some_and(|end| end <= now) {
            return invalid("`expiresAt` is in the past; it must be later than now".to_owned());
        }
        let Some(most) = self.limits.max_lifetime else {
            return Ok(());
        };
        let latest = now.saturating_add(most).unwrap_or(Timestamp::MAX);
        let most = lifetime::words(most);
        match expires_at {
            Some(end) if end <= latest => Ok(()),
            Some(_) => invalid(format!(
                "`expiresAt` is too late; keys end after {most} at the latest, which is {latest:.0}"
            )),
            None => invalid(format!(
                "`expiresAt` is missing; keys must end, after {most} at the latest, which is {latest:.0}"
            )),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(cause) | store::Error::Lost(cause) => {
                Self::Unavailable(cause)
            }
            store::Error::Unexpected(cause) => Self::Internal(cause),
            store::Error::CredentialEnded => Self::Unauthenticated,
            store::Error::RolledBack | store::Error::NotFound => Self::Internal(Box::new(error)),
        }
    }
}

impl From<RandomUnavailable> for Error {
    fn from(error: RandomUnavailable) -> Self {
        Self::Internal(Box::new(error))
    }
}
