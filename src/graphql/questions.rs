//! What one request asks the service: so many questions at most, each once, and all within the request's time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_graphql::Result;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::types::ApiKey;
use crate::auth::{ReadKeys, ReadOwnKey};
use crate::bounds;
use crate::key::error::Error;
use crate::key::event::ApiKeyEvent;
use crate::key::list::{Filter, Order};
use crate::key::model::KeyId;
use crate::key::page::{Page, PageRequest};
use crate::key::service::Service;

/// The way of one request, which has one caller, to the service.
pub(super) struct Questions {
    service: Arc<Service>,
    /// When the request began.
    begun: Instant,
    asked: AtomicUsize,
    keys: Answers<Option<KeyId>, Option<ApiKey>>,
    pages: Answers<(Filter, Order, PageRequest), Arc<Page<ApiKey>>>,
    counts: Answers<Filter, i64>,
    events: Answers<Uuid, Option<Arc<ApiKeyEvent>>>,
    event_pages: Answers<(Option<KeyId>, PageRequest), Arc<Page<ApiKeyEvent>>>,
    event_counts: Answers<Option<KeyId>, i64>,
}

/// The answers to questions of one kind. One that is being asked is waited for.
struct Answers<Q, A>(Mutex<HashMap<Q, Arc<OnceCell<Result<A>>>>>);

impl<Q: Eq + Hash, A> Answers<Q, A> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn to(&self, question: Q) -> Arc<OnceCell<Result<A>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(question).or_default().clone()
    }

    fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Questions {
    /// Those of a request that began at `begun`.
    pub(super) fn new(service: Arc<Service>, begun: Instant) -> Self {
        Self {
            service,
            begun,
            asked: AtomicUsize::new(0),
            keys: Answers::new(),
            pages: Answers::new(),
            counts: Answers::new(),
            events: Answers::new(),
            event_pages: Answers::new(),
            event_counts: Answers::new(),
        }
    }

    /// One key of the owner.
    pub(super) async fn find(&self, permission: &ReadKeys, id: KeyId) -> Result<Option<ApiKey>> {
        let work = || async { Ok(self.service.find(permission, id).await?.map(ApiKey::from)) };
        self.ask(self.keys.to(Some(id)), work).await
    }

    /// The key that the caller presented.
    pub(super) async fn find_own(&self, permission: &ReadOwnKey) -> Result<Option<ApiKey>> {
        let work = || async { Ok(self.service.find_own(permission).await?.map(ApiKey::from)) };
        self.ask(self.keys.to(None), work).await
    }

    /// A page of keys.
    pub(super) async fn list(
        &self,
        permission: &ReadKeys,
        filter: &Filter,
        order: Order,
        request: &PageRequest,
    ) -> Result<Arc<Page<ApiKey>>> {
        let question = (filter.clone(), order, request.clone());
        let work = || async {
            let page = self.service.list(permission, filter, order, request);
            Ok(Arc::new(page.await?.map(ApiKey::from)))
        };
        self.ask(self.pages.to(question), work).await
    }

    /// How many keys a filter lets pass.
    pub(super) async fn count(&self, permission: &ReadKeys, filter: &Filter) -> Result<i64> {
        let work = || self.service.count(permission, filter);
        self.ask(self.counts.to(filter.clone()), work).await
    }

    /// One event of the owner.
    pub(super) async fn find_event(
        &self,
        permission: &ReadKeys,
        id: Uuid,
    ) -> Result<Option<Arc<ApiKeyEvent>>> {
        let work = || async { Ok(self.service.find_event(permission, id).await?.map(Arc::new)) };
        self.ask(self.events.to(id), work).await
    }

    /// A page of what happened to the owner's keys, or to one of them.
    pub(super) async fn events(
        &self,
        permission: &ReadKeys,
        of: Option<KeyId>,
        request: &PageRequest,
    ) -> Result<Arc<Page<ApiKeyEvent>>> {
        let work = || async {
            Ok(Arc::new(
                self.service.events(permission, of, request).await?,
            ))
        };
        self.ask(self.event_pages.to((of, request.clone())), work)
            .await
    }

    /// How many events that are.
    pub(super) async fn count_events(
        &self,
        permission: &ReadKeys,
        of: Option<KeyId>,
    ) -> Result<i64> {
        let work = || self.service.count_events(permission, of);
        self.ask(self.event_counts.to(of), work).await
    }

    /// Changes something. What was known before is asked anew.
    ///
    /// It is not begun where it might end after the request was answered: what was answered as an outage then happens no more.
    pub(super) async fn change<A, F>(&self, work: impl FnOnce(Arc<Service>) -> F) -> Result<A>
    where
        F: Future<Output = std::result::Result<A, Error>>,
    {
        self.count_one()?;
        if self.begun.elapsed() > bounds::LAST_CHANGE {
            let late = "it was too late to begin a change";
            return Err(Error::Unavailable(late.into()).into());
        }
        let changed = Box::pin(work(self.service.clone())).await;
        self.keys.forget();
        self.pages.forget();
        self.counts.forget();
        self.events.forget();
        self.event_pages.forget();
        self.event_counts.forget();
        Ok(changed?)
    }

    /// The work is made, and kept apart from the caller, where it is asked for the first time: a document may have thousands of
    /// fields that ask, and each would have room for it.
    async fn ask<A: Clone, F>(
        &self,
        answer: Arc<OnceCell<Result<A>>>,
        work: impl FnOnce() -> F,
    ) -> Result<A>
    where
        F: Future<Output = std::result::Result<A, Error>>,
    {
        let ask = || async {
            self.count_one()?;
            let end = (self.begun + bounds::REQUEST).into();
            match tokio::time::timeout_at(end, Box::pin(work())).await {
                Ok(answer) => Ok(answer?),
                Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed)).into()),
            }
        };
        answer.get_or_init(ask).await.clone()
    }

    fn count_one(&self) -> std::result::Result<(), Error> {
        if self.asked.fetch_add(1, Ordering::Relaxed) < bounds::QUESTIONS {
            return Ok(());
        }
        Err(Error::LimitReached(format!(
            "this request has asked the database {} times, which is the most; ask for the rest in another one",
            bounds::QUESTIONS
        )))
    }
}
