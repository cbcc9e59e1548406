//! The queries.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::connection::{ApiKeyConnection, page_complexity};
use super::types::{ApiKey, Node, Viewer};
use crate::auth::Caller;
use crate::key::model::KeyId;
use crate::key::page::PageRequest;
use crate::key::service::Service;

/// The entry to all queries.
pub struct Query;

/// What can be read.
#[Object]
impl Query {
    /// Who is asking: the caller of this request, as this service sees them.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(ctx.data::<Caller>()?.into())
    }

    /// Anything that has an id; null where there is nothing with this id, or it is not the caller's.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id, as it was in an earlier answer.")] id: ID,
    ) -> Result<Option<Node>> {
        Ok(find(ctx, &id).await?.map(Node::ApiKey))
    }

    /// One API key; null where there is no key with this id, or it is not the caller's.
    async fn api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the key.")] id: ID,
    ) -> Result<Option<ApiKey>> {
        find(ctx, &id).await
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
    ) -> Result<ApiKeyConnection> {
        let request = PageRequest::parse(first, after.as_deref(), last, before.as_deref())?;
        let permission = ctx.data::<Caller>()?.read_keys()?;
        let page = ctx
            .data::<Arc<Service>>()?
            .list(&permission, &request)
            .await?;
        Ok(ApiKeyConnection::new(page, permission))
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<ApiKey>> {
    let id = KeyId::parse("id", id)?;
    let permission = ctx.data::<Caller>()?.read_keys()?;
    let api_key = ctx.data::<Arc<Service>>()?.find(&permission, id).await?;
    Ok(api_key.map(ApiKey::from))
}
