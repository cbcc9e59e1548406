//! The queries.

use async_graphql::{Context, ID, Object, Result};

use super::connection::{ApiKeyConnection, ApiKeyEventConnection, QUESTION, page_complexity};
use super::event::ApiKeyEvent;
use super::listing::{ApiKeyFilter, ApiKeyOrder};
use super::questions::Questions;
use super::types::{ApiKey, Node, Viewer};
use crate::auth::Caller;
use crate::key::list::{Order, OrderField};
use crate::key::model::KeyId;
use crate::key::page::PageRequest;

/// The entry to all queries.
pub struct Query;

/// What can be read.
#[expect(
    clippy::too_many_arguments,
    reason = "a resolver has an argument for each of the field's"
)]
#[Object]
impl Query {
    /// Who is asking: the caller of this request, as this service sees them.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(ctx.data::<Caller>()?.into())
    }

    /// Anything that has an id; null where there is nothing with this id, or it is not the caller's.
    #[graphql(complexity = "QUESTION + child_complexity")]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id, as it was in an earlier answer.")] id: ID,
    ) -> Result<Option<Node>> {
        let id = KeyId::parse("id", &id)?;
        let permission = ctx.data::<Caller>()?.read_keys()?;
        let questions = ctx.data::<Questions>()?;
        if let Some(api_key) = questions.find(&permission, id).await? {
            return Ok(Some(Node::ApiKey(api_key)));
        }
        let event = questions.find_event(&permission, id.into()).await?;
        let event = event.as_deref().map(ApiKeyEvent::from);
        Ok(event.map(Node::ApiKeyEvent))
    }

    /// One API key; null where there is no key with this id, or it is not the caller's.
    #[graphql(complexity = "QUESTION + child_complexity")]
    async fn api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the key.")] id: ID,
    ) -> Result<Option<ApiKey>> {
        let id = KeyId::parse("id", &id)?;
        let permission = ctx.data::<Caller>()?.read_keys()?;
        ctx.data::<Questions>()?.find(&permission, id).await
    }

    /// The caller's API keys, newest first, in pages. Without `first` and `last`, the first 20.
    #[graphql(complexity = "page_complexity(first, last, child_complexity)")]
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many keys at most, from the newest on: 0 to 100. Not together with `last`."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only keys after this cursor, which is older ones.")] after: Option<
            String,
        >,
        #[graphql(
            desc = "How many keys at most, from the oldest back: 0 to 100. Not together with `first`."
        )]
        last: Option<i64>,
        #[graphql(desc = "Only keys before this cursor, which is newer ones.")] before: Option<
            String,
        >,
        #[graphql(desc = "Only keys for which all of this is so.")] filter: Option<ApiKeyFilter>,
        #[graphql(
            desc = "The order of the list, and of its cursors: those of one order are none in another. Without it, newest first."
        )]
        order_by: Option<ApiKeyOrder>,
    ) -> Result<ApiKeyConnection> {
        let order = order_by.map_or_else(Order::default, Order::from);
        let filter = filter.map(ApiKeyFilter::parse).transpose()?;
        let (after, before) = (after.as_deref(), before.as_deref());
        let request = PageRequest::parse(order.field, first, after, last, before)?;
        ApiKeyConnection::read(ctx, filter.unwrap_or_default(), order, request).await
    }

    /// What happened to the caller's API keys, those included that are gone, newest first, in pages. Without `first` and
    /// `last`, the first 20.
    #[graphql(complexity = "page_complexity(first, last, child_complexity)")]
    async fn api_key_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many events at most, from the newest on: 0 to 100. Not together with `last`."
        )]
        first: Option<i64>,
        #[graphql(desc = "Only events after this cursor, which is older ones.")] after: Option<
            String,
        >,
        #[graphql(
            desc = "How many events at most, from the oldest back: 0 to 100. Not together with `first`."
        )]
        last: Option<i64>,
        #[graphql(desc = "Only events before this cursor, which is newer ones.")] before: Option<
            String,
        >,
    ) -> Result<ApiKeyEventConnection> {
        let by_id = OrderField::CreatedAt;
        let request = PageRequest::parse(by_id, first, after.as_deref(), last, before.as_deref())?;
        ApiKeyEventConnection::read(ctx, None, request).await
    }
}
