//! What can be read.

use uuid::Uuid;

use crate::auth::{ReadKeys, ReadOwnKey};
use crate::key::api_key::ApiKey;
use crate::key::error::Error;
use crate::key::event::ApiKeyEvent;
use crate::key::list::{Filter, Order};
use crate::key::model::KeyId;
use crate::key::page::{Page, PageRequest};

use super::Service;
use crate::store::again;

impl Service {
    /// One key; `None` where the owner has no such key.
    pub async fn find(&self, permission: &ReadKeys, id: KeyId) -> Result<Option<ApiKey>, Error> {
        let (owner, now) = (permission.owner(), self.clock.now());
        Ok(again(|| self.store.api_key_find(owner, id, now)).await?)
    }

    /// The key that the caller presented; `None` where it was deleted meanwhile.
    pub async fn find_own(&self, permission: &ReadOwnKey) -> Result<Option<ApiKey>, Error> {
        let (owner, id, now) = (permission.owner(), permission.id(), self.clock.now());
        Ok(again(|| self.store.api_key_find(owner, id, now)).await?)
    }

    /// A page of the keys that a filter lets pass, in order.
    pub async fn list(
        &self,
        permission: &ReadKeys,
        filter: &Filter,
        order: Order,
        request: &PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        let (owner, now) = (permission.owner(), self.clock.now());
        let page = || self.store.api_keys_page(owner, filter, order, request, now);
        Ok(again(page).await?)
    }

    /// How many keys a filter lets pass.
    pub async fn count(&self, permission: &ReadKeys, filter: &Filter) -> Result<i64, Error> {
        let (owner, now) = (permission.owner(), self.clock.now());
        Ok(again(|| self.store.api_keys_count(owner, filter, now)).await?)
    }

    /// What happened to the owner's keys, or to one of them, newest first.
    pub async fn events(
        &self,
        permission: &ReadKeys,
        of: Option<KeyId>,
        request: &PageRequest,
    ) -> Result<Page<ApiKeyEvent>, Error> {
        let owner = permission.owner();
        Ok(again(|| self.store.api_key_events_page(owner, of, request)).await?)
    }

    /// How many events that are.
    pub async fn count_events(
        &self,
        permission: &ReadKeys,
        of: Option<KeyId>,
    ) -> Result<i64, Error> {
        let owner = permission.owner();
        Ok(again(|| self.store.api_key_events_count(owner, of)).await?)
    }

    /// One event; `None` where the owner has no such event.
    pub async fn find_event(
        &self,
        permission: &ReadKeys,
        id: Uuid,
    ) -> Result<Option<ApiKeyEvent>, Error> {
        let owner = permission.owner();
        Ok(again(|| self.store.api_key_event_find(owner, id)).await?)
    }
}
