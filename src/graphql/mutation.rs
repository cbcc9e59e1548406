//! The mutations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::types::{
    CreateApiKeyInput, CreateApiKeyPayload, DeleteApiKeyInput, DeleteApiKeyPayload,
};
use crate::auth::Caller;
use crate::key::model::{KeyId, Name};
use crate::key::scope::Scopes;
use crate::key::service::{CreatedApiKey, Service};

/// The entry to all mutations.
pub struct Mutation;

/// What can be changed. When a mutation has answered, the change is stored for good.
#[Object]
impl Mutation {
    /// Creates an API key for the caller's owner. The answer is the only place where its secret is ever shown.
    #[graphql(complexity = "50 + child_complexity")]
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the new key shall be.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let name = Name::parse(&input.name)?;
        let scopes = Scopes::parse(&input.scopes.unwrap_or_default())?;
        let permission = ctx.data::<Caller>()?.write_keys()?;
        let CreatedApiKey { api_key, secret } = ctx
            .data::<Arc<Service>>()?
            .create(&permission, name, scopes)
            .await?;
        Ok(CreateApiKeyPayload {
            api_key: api_key.clone().into(),
            api_key_edge: api_key.into(),
            secret: secret.expose_secret().to_owned(),
        })
    }

    /// Deletes an API key. From then on its secret opens nothing. `NOT_FOUND` where the caller has no such key.
    #[graphql(complexity = "50 + child_complexity")]
    async fn delete_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key to delete.")] input: DeleteApiKeyInput,
    ) -> Result<DeleteApiKeyPayload> {
        let id = KeyId::parse("id", &input.id)?;
        let permission = ctx.data::<Caller>()?.write_keys()?;
        ctx.data::<Arc<Service>>()?.delete(&permission, id).await?;
        Ok(DeleteApiKeyPayload {
            deleted_api_key_id: ID(id.to_string()),
        })
    }
}
