//! Lists in pages, as the [Relay cursor connections specification](https://relay.dev/graphql/connections.htm) has them.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject, Value};

use super::event::ApiKeyEvent;
use super::plain::{Held, Plain, PlainList};
use super::questions::Questions;
use super::types::ApiKey;
use crate::auth::{Caller, ReadKeys};
use crate::key::event;
use crate::key::list::{Cursor, Filter, Order, OrderField};
use crate::key::model::KeyId;
use crate::key::page::{DEFAULT_SIZE, MAX_SIZE, Page, PageRequest};

/// What a question to the database costs, however little is asked.
pub(super) const QUESTION: usize = 20;

/// What a page costs: a question, and its size times what is asked of each item.
pub(super) fn page_complexity(
    first: Option<i64>,
    last: Option<i64>,
    child_complexity: usize,
) -> usize {
    let asked = first.or(last).and_then(|size| u32::try_from(size).ok());
    let size = asked.unwrap_or(DEFAULT_SIZE).clamp(1, MAX_SIZE);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    QUESTION.saturating_add(size.saturating_mul(child_complexity))
}

/// A page of API keys.
pub struct ApiKeyConnection {
    page: Arc<Page<ApiKey>>,
    filter: Filter,
    by: OrderField,
    permission: ReadKeys,
}

impl ApiKeyConnection {
    /// Reads a page of the caller's keys.
    pub(super) async fn read(
        ctx: &Context<'_>,
        filter: Filter,
        order: Order,
        request: PageRequest,
    ) -> Result<Self> {
        let permission = ctx.data::<Caller>()?.read_keys()?;
        let questions = ctx.data::<Questions>()?;
        let page = questions.list(&permission, &filter, order, &request);
        Ok(Self {
            page: page.await?,
            filter,
            by: order.field,
            permission,
        })
    }
}

/// A page of API keys, newest first unless another order was asked for.
#[Object]
impl ApiKeyConnection {
    /// The keys of this page, each with its cursor. Client libraries that merge pages work on these.
    async fn edges(&self) -> PlainList<ApiKeyEdge> {
        let nodes = self.page.items.iter().cloned();
        let edges = nodes.map(|node| ApiKeyEdge { node, by: self.by });
        PlainList(edges.collect())
    }

    /// The keys of this page, for queries written by hand.
    async fn nodes(&self) -> PlainList<ApiKey> {
        PlainList(self.page.items.clone())
    }

    /// Where this page lies in the whole list.
    async fn page_info(&self) -> PageInfo {
        PageInfo::of(&self.page, |item| Cursor::of(&item.0, self.by))
    }

    /// How many keys the whole list has, as far as the filter lets them pass. It costs a query of its own: leave it out where
    /// it is not shown.
    #[graphql(complexity = 50)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        let questions = ctx.data::<Questions>()?;
        questions.count(&self.permission, &self.filter).await
    }
}

/// A key in a list, and by what the list is ordered.
pub struct ApiKeyEdge {
    node: ApiKey,
    by: OrderField,
}

/// An API key in a list.
#[Object]
impl ApiKeyEdge {
    /// Where in the list this key stands, for `after` and `before`.
    async fn cursor(&self) -> String {
        Cursor::of(&self.node.0, self.by).to_string()
    }

    /// The key that stands there.
    async fn node(&self) -> &ApiKey {
        &self.node
    }
}

impl Plain for ApiKeyEdge {
    fn type_name(&self) -> &'static str {
        "ApiKeyEdge"
    }

    fn held(&self, field: &str) -> Option<Held<'_>> {
        Some(match field {
            "cursor" => Held::Leaf(Value::String(Cursor::of(&self.node.0, self.by).to_string())),
            "node" => Held::Object(&self.node),
            _ => return None,
        })
    }
}

/// In the order that a list has when none is asked for.
impl From<ApiKey> for ApiKeyEdge {
    fn from(node: ApiKey) -> Self {
        let by = Order::default().field;
        Self { node, by }
    }
}

/// A page of events.
pub struct ApiKeyEventConnection {
    page: Arc<Page<event::ApiKeyEvent>>,
    of: Option<KeyId>,
    permission: ReadKeys,
}

impl ApiKeyEventConnection {
    /// Reads a page of what happened to the caller's keys, or to one of them.
    pub(super) async fn read(
        ctx: &Context<'_>,
        of: Option<KeyId>,
        request: PageRequest,
    ) -> Result<Self> {
        let permission = ctx.data::<Caller>()?.read_keys()?;
        let questions = ctx.data::<Questions>()?;
        let page = questions.events(&permission, of, &request).await?;
        Ok(Self {
            page,
            of,
            permission,
        })
    }
}

/// A page of events, newest first.
#[Object]
impl ApiKeyEventConnection {
    /// The events of this page, each with its cursor. Client libraries that merge pages work on these.
    async fn edges(&self) -> Vec<ApiKeyEventEdge> {
        let items = self.page.items.iter();
        items.map(ApiKeyEventEdge::from).collect()
    }

    /// The events of this page, for queries written by hand.
    async fn nodes(&self) -> Vec<ApiKeyEvent> {
        self.page.items.iter().map(ApiKeyEvent::from).collect()
    }

    /// Where this page lies in the whole list.
    async fn page_info(&self) -> PageInfo {
        PageInfo::of(&self.page, |item| Cursor::of_id(item.id))
    }

    /// How many events the whole list has. It costs a query of its own: leave it out where it is not shown.
    #[graphql(complexity = 50)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        let questions = ctx.data::<Questions>()?;
        questions.count_events(&self.permission, self.of).await
    }
}

/// An event in a list.
#[derive(SimpleObject)]
pub struct ApiKeyEventEdge {
    /// Where in the list this event stands, for `after` and `before`.
    cursor: String,
    /// The event that stands there.
    node: ApiKeyEvent,
}

impl From<&event::ApiKeyEvent> for ApiKeyEventEdge {
    fn from(event: &event::ApiKeyEvent) -> Self {
        Self {
            cursor: Cursor::of_id(event.id).to_string(),
            node: event.into(),
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

impl PageInfo {
    fn of<T>(page: &Page<T>, cursor: impl Fn(&T) -> Cursor) -> Self {
        let cursor = |item: Option<&T>| item.map(|item| cursor(item).to_string());
        Self {
            has_next_page: page.has_next,
            has_previous_page: page.has_previous,
            start_cursor: cursor(page.items.first()),
            end_cursor: cursor(page.items.last()),
        }
    }
}
