//! The mutations.

mod types;

use std::sync::Arc;

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};
use jiff::SignedDuration;

use self::types::{
    CreateApiKeyInput, CreateApiKeyPayload, DeleteApiKeyInput, DeleteApiKeyPayload,
    DeleteApiKeysInput, DeleteApiKeysPayload, RotateApiKeyInput, RotateApiKeyPayload,
    UpdateApiKeyInput, UpdateApiKeyPayload,
};
use crate::auth::Caller;
use crate::graphql::questions::Questions;
use crate::graphql::types::ApiKey;
use crate::key::api_key::ApiKeyUpdate;
use crate::key::error::InvalidInput;
use crate::key::model::{KeyId, Name};
use crate::key::scope::Scopes;
use crate::key::service::{KeyWithSecret, NewApiKey, Service};

/// The entry to all mutations.
pub struct Mutation;

/// What can be changed. When a mutation has answered, the change is stored for good.
#[Object]
impl Mutation {
    /// Creates an API key for the caller's owner. The answer is the only place where its secret is ever shown.
    /// `LIMIT_REACHED` where the owner has as many keys as may be.
    #[graphql(complexity = "50 + child_complexity")]
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the new key shall be.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let new = NewApiKey {
            name: Name::parse(&input.name)?,
            scopes: Scopes::parse(&input.scopes.unwrap_or_default())?,
            expires_at: input.expires_at.map(|at| at.0),
        };
        let permission = ctx.data::<Caller>()?.write_keys()?;
        let create = async move |service: Arc<Service>| service.create(&permission, new).await;
        let KeyWithSecret { api_key, secret } = ctx.data::<Questions>()?.change(create).await?;
        let api_key = ApiKey::from(api_key);
        Ok(CreateApiKeyPayload {
            api_key: api_key.clone(),
            api_key_edge: api_key.into(),
            secret: secret.expose_secret().to_owned(),
        })
    }

    /// Changes the name of an API key, when it ends, or whether it is paused. What is left out stays as it is, null clears.
    /// `NOT_FOUND` where the caller has no such key.
    #[graphql(complexity = "50 + child_complexity")]
    async fn update_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What shall become different.")] input: UpdateApiKeyInput,
    ) -> Result<UpdateApiKeyPayload> {
        let id = KeyId::parse("id", &input.id)?;
        let name = match input.name {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Value(name) => Some(Name::parse(&name)?),
            MaybeUndefined::Null => {
                let problem =
                    "`name` is null, and a key must have one; leave it out to keep the name";
                return Err(InvalidInput::new("name", problem).into());
            }
        };
        let update = ApiKeyUpdate {
            name,
            expires_at: set(input.expires_at).map(|end| end.map(|at| at.0)),
            disabled: set(input.disabled).map(Option::unwrap_or_default),
        };
        let permission = ctx.data::<Caller>()?.write_keys()?;
        let change =
            async move |service: Arc<Service>| service.update(&permission, id, update).await;
        let api_key = ctx.data::<Questions>()?.change(change).await?;
        Ok(UpdateApiKeyPayload {
            api_key: api_key.into(),
        })
    }

    /// Gives an API key a new secret; the key itself stays the same. The answer is the only place where the secret is ever
    /// shown. The one that the key had works on for `overlapSeconds`. A program may do this to the key that it presents,
    /// whatever its scopes. `NOT_FOUND` where the caller has no such key.
    #[graphql(complexity = "50 + child_complexity")]
    async fn rotate_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key, and how long the old secret works on.")]
        input: RotateApiKeyInput,
    ) -> Result<RotateApiKeyPayload> {
        let id = KeyId::parse("id", &input.id)?;
        let overlap = SignedDuration::from_secs(input.overlap_seconds.unwrap_or_default());
        let permission = ctx.data::<Caller>()?.rotate_key(id)?;
        let rotate = async move |service: Arc<Service>| service.rotate(&permission, overlap).await;
        let KeyWithSecret { api_key, secret } = ctx.data::<Questions>()?.change(rotate).await?;
        Ok(RotateApiKeyPayload {
            api_key: api_key.into(),
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
        let delete = async move |service: Arc<Service>| service.delete(&permission, id).await;
        ctx.data::<Questions>()?.change(delete).await?;
        Ok(DeleteApiKeyPayload {
            deleted_api_key_id: ID(id.to_string()),
        })
    }

    /// Deletes API keys, all or none: `NOT_FOUND`, and none is deleted, where the caller has no such key as one of them.
    #[graphql(complexity = "50 + child_complexity")]
    async fn delete_api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which keys to delete.")] input: DeleteApiKeysInput,
    ) -> Result<DeleteApiKeysPayload> {
        let ids = input.ids.iter().map(|id| KeyId::parse("ids", id));
        let ids = ids.collect::<Result<_, _>>()?;
        let permission = ctx.data::<Caller>()?.write_keys()?;
        let delete =
            async move |service: Arc<Service>| service.delete_several(&permission, ids).await;
        ctx.data::<Questions>()?.change(delete).await?;
        Ok(DeleteApiKeysPayload {
            deleted_api_key_ids: input.ids,
        })
    }
}

/// What was given, null included; `None` for what was left out.
fn set<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
