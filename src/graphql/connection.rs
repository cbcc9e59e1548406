//! Lists in pages, as the [Relay cursor connections specification](https://relay.dev/graphql/connections.htm) has them.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use super::types::ApiKey;
use crate::auth::ReadKeys;
use crate::key::model;
use crate::key::page::{DEFAULT_SIZE, MAX_SIZE, Page};
use crate::key::service::Service;

/// What a page costs: its size times what is asked of each item.
pub(super) fn page_complexity(
    first: Option<i64>,
    last: Option<i64>,
    child_complexity: usize,
) -> usize {
    let asked = first.or(last).and_then(|size| u32::try_from(size).ok());
    let size = asked.unwrap_or(DEFAULT_SIZE).clamp(1, MAX_SIZE);
    usize::try_from(size).map_or(child_complexity, |size| size * child_complexity)
}

/// A page of API keys.
pub struct ApiKeyConnection {
    page: Page<model::ApiKey>,
    permission: ReadKeys,
}

impl ApiKeyConnection {
    pub(super) fn new(page: Page<model::ApiKey>, permission: ReadKeys) -> Self {
        Self { page, permission }
    }
}

/// A page of API keys, newest first.
#[Object]
impl ApiKeyConnection {
    /// The keys of this page, each with its cursor. Client libraries that merge pages work on these.
    async fn edges(&self) -> Vec<ApiKeyEdge> {
        self.page
            .items
            .iter()
            .cloned()
            .map(ApiKeyEdge::from)
            .collect()
    }

    /// The keys of this page, for queries written by hand.
    async fn nodes(&self) -> Vec<ApiKey> {
        self.page.items.iter().cloned().map(ApiKey::from).collect()
    }

    /// Where this page lies in the whole list.
    async fn page_info(&self) -> PageInfo {
        let cursor =
            |api_key: Option<&model::ApiKey>| api_key.map(|api_key| api_key.id.to_string());
        PageInfo {
            has_next_page: self.page.has_next,
            has_previous_page: self.page.has_previous,
            start_cursor: cursor(self.page.items.first()),
            end_cursor: cursor(self.page.items.last()),
        }
    }

    /// How many keys the whole list has. It costs a query of its own: leave it out where it is not shown.
    #[graphql(complexity = 10)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(ctx.data::<Arc<Service>>()?.count(&self.permission).await?)
    }
}

/// An API key in a list.
#[derive(SimpleObject)]
pub struct ApiKeyEdge {
    /// Where in the list this key stands, for `after` and `before`.
    cursor: String,
    /// The key that stands there.
    node: ApiKey,
}

impl From<model::ApiKey> for ApiKeyEdge {
    fn from(api_key: model::ApiKey) -> Self {
        Self {
            cursor: api_key.id.to_string(),
            node: api_key.into(),
        }
    }
}

/// Where a page lies in the whole list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether there are more items after this page.
    has_next_page: bool,
    /// Whether there are more items before this page.
    has_previous_page: bool,
    /// The cursor of the first item, for `before`; null on an empty page.
    start_cursor: Option<String>,
    /// The cursor of the last item, for `after`; null on an empty page.
    end_cursor: Option<String>,
}
