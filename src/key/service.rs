//! What can be done with API keys. Every method takes the permission that it needs, so that forgetting to
//! authorise does not compile.

use std::sync::Arc;

use crate::auth::{ReadKeys, ReadOwnKey, WriteKeys};
use crate::store::{self, ApiKeyCreation, ApiKeyDeletion, Store};

use super::clock::Clock;
use super::error::Error;
use super::model::{ApiKey, ApiKeySecret, KeyId, Name};
use super::page::{Page, PageRequest};
use super::scope::Scopes;
use super::secret::{Prefix, RandomUnavailable, Secret};

/// The rules for API keys, over a store.
pub struct Service {
    store: Store,
    prefix: Prefix,
    clock: Arc<Clock>,
}

/// A key that was just made, with the only sight of its secret.
#[derive(Debug)]
pub struct CreatedApiKey {
    /// The key.
    pub api_key: ApiKey,
    /// What a program presents to prove that it holds the key.
    pub secret: Secret,
}

impl Service {
    /// A service whose secrets start with `prefix`.
    pub fn new(store: Store, prefix: Prefix, clock: Arc<Clock>) -> Self {
        Self {
            store,
            prefix,
            clock,
        }
    }

    /// Makes a key. When this returns, the key is stored for good.
    ///
    /// [`Error::Forbidden`] where a scope of this service itself is asked for, and the caller may not grant those.
    pub async fn create(
        &self,
        permission: &WriteKeys,
        name: Name,
        scopes: Scopes,
    ) -> Result<CreatedApiKey, Error> {
        let caller = permission.caller();
        if scopes.has_reserved() && !caller.may_grant_reserved_scopes() {
            let needed = "scopes that start with `apikeys:` are granted on the command line, or by the local operator";
            return Err(Error::Forbidden(needed.to_owned()));
        }
        let secret = Secret::generate(&self.prefix)?;
        let created_at = self.clock.now();
        let api_key = ApiKey {
            id: self.clock.id(created_at).into(),
            owner: caller.owner().clone(),
            name,
            scopes,
            created_at,
            created_by: caller.subject(),
            secrets: vec![ApiKeySecret {
                hint: secret.hint(),
                created_at,
                expires_at: None,
                last_used_at: None,
            }],
        };
        let creation = ApiKeyCreation {
            api_key: api_key.clone(),
            digest: secret.digest(),
            event_id: self.clock.id(created_at),
            credential: caller.credential().as_str(),
        };
        self.store.api_key_insert(creation).await?;
        Ok(CreatedApiKey { api_key, secret })
    }

    /// Deletes a key and with it its secrets. [`Error::NotFound`] where the owner has no such key.
    pub async fn delete(&self, permission: &WriteKeys, id: KeyId) -> Result<(), Error> {
        let caller = permission.caller();
        let at = self.clock.now();
        let deletion = ApiKeyDeletion {
            id,
            owner: caller.owner().clone(),
            event_id: self.clock.id(at),
            actor: caller.subject(),
            credential: caller.credential().as_str(),
            at,
        };
        if self.store.api_key_delete(deletion).await? {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    /// One key; `None` where the owner has no such key.
    pub async fn find(&self, permission: &ReadKeys, id: KeyId) -> Result<Option<ApiKey>, Error> {
        Ok(self.store.api_key_find(permission.owner(), id).await?)
    }

    /// The key that the caller presented; `None` where it was deleted meanwhile.
    pub async fn find_own(&self, permission: &ReadOwnKey) -> Result<Option<ApiKey>, Error> {
        let (owner, id) = (permission.owner(), permission.id());
        Ok(self.store.api_key_find(owner, id).await?)
    }

    /// A page of keys, newest first.
    pub async fn list(
        &self,
        permission: &ReadKeys,
        request: &PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        Ok(self
            .store
            .api_keys_page(permission.owner(), request)
            .await?)
    }

    /// How many keys there are.
    pub async fn count(&self, permission: &ReadKeys) -> Result<i64, Error> {
        Ok(self.store.api_keys_count(permission.owner()).await?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.store.ping().await?)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(cause) => Self::Unavailable(cause),
            store::Error::Unexpected(cause) => Self::Internal(cause),
        }
    }
}

impl From<RandomUnavailable> for Error {
    fn from(error: RandomUnavailable) -> Self {
        Self::Internal(Box::new(error))
    }
}
