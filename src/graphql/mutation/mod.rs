//! The mutations.

mod types;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{
    Context, ID, MaybeUndefined, Name as GraphqlName, Object, Result, SelectionField, Value,
};
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
use crate::key::error::{Error, InvalidInput};
use crate::key::list::OrderField;
use crate::key::model::{KeyId, Name};
use crate::key::page::PageRequest;
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
    ) -> Result<Option<CreateApiKeyPayload>> {
        let new = NewApiKey {
            name: Name::parse(&input.name)?,
            scopes: Scopes::parse(&input.scopes.unwrap_or_default())?,
            expires_at: input.expires_at.map(|at| at.0),
        };
        let permission = ctx.data::<Caller>()?.write_keys()?;
        let create = async move |service: Arc<Service>| service.create(&permission, new).await;
        let KeyWithSecret { api_key, secret } = change(ctx, create).await?;
        let api_key = ApiKey::from(api_key);
        Ok(Some(CreateApiKeyPayload {
            api_key: api_key.clone(),
            api_key_edge: api_key.into(),
            secret: secret.expose_secret().to_owned(),
        }))
    }

    /// Changes the name of an API key, when it ends, or whether it is paused. What is left out stays as it is, null clears.
    /// `NOT_FOUND` where the caller has no such key.
    #[graphql(complexity = "50 + child_complexity")]
    async fn update_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What shall become different.")] input: UpdateApiKeyInput,
    ) -> Result<Option<UpdateApiKeyPayload>> {
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
        let update =
            async move |service: Arc<Service>| service.update(&permission, id, update).await;
        let api_key = change(ctx, update).await?;
        Ok(Some(UpdateApiKeyPayload {
            api_key: api_key.into(),
        }))
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
    ) -> Result<Option<RotateApiKeyPayload>> {
        let id = KeyId::parse("id", &input.id)?;
        let overlap = SignedDuration::from_secs(input.overlap_seconds.unwrap_or_default());
        let permission = ctx.data::<Caller>()?.rotate_key(id)?;
        let rotate = async move |service: Arc<Service>| service.rotate(&permission, overlap).await;
        let KeyWithSecret { api_key, secret } = change(ctx, rotate).await?;
        Ok(Some(RotateApiKeyPayload {
            api_key: api_key.into(),
            secret: secret.expose_secret().to_owned(),
        }))
    }

    /// Deletes an API key. From then on its secret opens nothing. `NOT_FOUND` where the caller has no such key.
    #[graphql(complexity = "50 + child_complexity")]
    async fn delete_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key to delete.")] input: DeleteApiKeyInput,
    ) -> Result<Option<DeleteApiKeyPayload>> {
        let id = KeyId::parse("id", &input.id)?;
        let permission = ctx.data::<Caller>()?.write_keys()?;
        let delete = async move |service: Arc<Service>| service.delete(&permission, id).await;
        change(ctx, delete).await?;
        Ok(Some(DeleteApiKeyPayload {
            deleted_api_key_id: ID(id.to_string()),
        }))
    }

    /// Deletes API keys, all or none: `NOT_FOUND`, and none is deleted, where the caller has no such key as one of them.
    #[graphql(complexity = "50 + child_complexity")]
    async fn delete_api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which keys to delete.")] input: DeleteApiKeysInput,
    ) -> Result<Option<DeleteApiKeysPayload>> {
        let ids = input.ids.iter().map(|id| KeyId::parse("ids", id));
        let ids = ids.collect::<Result<_, _>>()?;
        let permission = ctx.data::<Caller>()?.write_keys()?;
        let delete =
            async move |service: Arc<Service>| service.delete_several(&permission, ids).await;
        change(ctx, delete).await?;
        Ok(Some(DeleteApiKeysPayload {
            deleted_api_key_ids: input.ids,
        }))
    }
}

/// Changes something, after a look at the arguments that the payload's fields have: what they find fault with must not come up
/// when the change is made.
async fn change<A, F>(ctx: &Context<'_>, work: impl FnOnce(Arc<Service>) -> F) -> Result<A>
where
    F: Future<Output = std::result::Result<A, Error>>,
{
    check_arguments(ctx.field())?;
    ctx.data::<Questions>()?.change(work).await
}

/// Checks the arguments of all fields below a field.
fn check_arguments(field: SelectionField<'_>) -> Result<()> {
    for below in field.selection_set() {
        if below.name() == "events" {
            let arguments = below.arguments();
            let arguments = arguments.map_err(|error| async_graphql::Error::new(error.message))?;
            let arguments: HashMap<GraphqlName, Value> = arguments.into_iter().collect();
            let number = |name| match arguments.get(name) {
                Some(Value::Number(number)) => number.as_i64(),
                _ => None,
            };
            let text = |name| match arguments.get(name) {
                Some(Value::String(text)) => Some(text.as_str()),
                _ => None,
            };
            PageRequest::parse(
                OrderField::CreatedAt,
                number("first"),
                text("after"),
                number("last"),
                text("before"),
            )?;
        }
        check_arguments(below)?;
    }
    Ok(())
}

/// What was given, null included; `None` for what was left out.
fn set<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
