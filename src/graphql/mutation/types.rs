//! What mutations take and give. Doc comments in here are what a frontend developer reads in GraphiQL.

use async_graphql::{ID, InputObject, MaybeUndefined, SimpleObject};

use crate::graphql::connection::ApiKeyEdge;
use crate::graphql::datetime::DateTime;
use crate::graphql::types::ApiKey;

/// What a new key shall be.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// What to call the key: 1 to 100 characters after blanks around it are cut off, no control characters. It need
    /// not be unique.
    pub(super) name: String,
    /// What the key may do: at most 50 words of at most 100 visible ASCII characters, without `"` and `\`. Given twice, one
    /// counts once. Those that start with `apikeys:` only operators may grant, else `FORBIDDEN`.
    pub(super) scopes: Option<Vec<String>>,
    /// From when on it shall not work any more; without it, never. It must be later than now, and not beyond what this
    /// installation allows.
    pub(super) expires_at: Option<DateTime>,
}

/// A key that was just created, with the only sight of its secret.
#[derive(SimpleObject)]
pub struct CreateApiKeyPayload {
    /// The new key.
    pub(super) api_key: ApiKey,
    /// The new key as an edge, to put in front of a list that is already on the screen.
    pub(super) api_key_edge: ApiKeyEdge,
    /// The secret, which a program presents to prove that it holds the key. Show it once and tell its owner to keep
    /// it: it is stored nowhere and can never be read again.
    pub(super) secret: String,
}

/// Which key to delete.
#[derive(InputObject)]
pub struct DeleteApiKeyInput {
    /// The id of the key.
    pub(super) id: ID,
}

/// A key that was just deleted.
#[derive(SimpleObject)]
pub struct DeleteApiKeyPayload {
    /// The id of the key that is no more, to drop it from a list that is already on the screen.
    pub(super) deleted_api_key_id: ID,
}

/// What shall become different of a key. What is left out stays as it is.
#[derive(InputObject)]
pub struct UpdateApiKeyInput {
    /// The id of the key.
    pub(super) id: ID,
    /// What to call it from now on, as in `createApiKey`.
    pub(super) name: MaybeUndefined<String>,
    /// From when on it shall not work any more, later than now; null for never.
    pub(super) expires_at: MaybeUndefined<DateTime>,
    /// Whether it is paused: refused everywhere until it is taken up again. Null is false.
    pub(super) disabled: MaybeUndefined<bool>,
}

/// A key that was just changed.
#[derive(SimpleObject)]
pub struct UpdateApiKeyPayload {
    /// The key as it is now.
    pub(super) api_key: ApiKey,
}

/// Which key shall get a new secret.
#[derive(InputObject)]
pub struct RotateApiKeyInput {
    /// The id of the key.
    pub(super) id: ID,
    /// For how many seconds the secret that it has goes on working, so that programs can be given the new one: 0 to 2592000
    /// (30 days). An older one than that ends at once.
    #[graphql(default_with = "Some(0)")]
    pub(super) overlap_seconds: Option<i64>,
}

/// A key that just got a new secret, with the only sight of it.
#[derive(SimpleObject)]
pub struct RotateApiKeyPayload {
    /// The key, the same as before.
    pub(super) api_key: ApiKey,
    /// The new secret, which a program presents to prove that it holds the key. Show it once and tell its owner to keep
    /// it: it is stored nowhere and can never be read again.
    pub(super) secret: String,
}

/// Which keys to delete, all or none.
#[derive(InputObject)]
pub struct DeleteApiKeysInput {
    /// The ids of the keys, at most 100.
    pub(super) ids: Vec<ID>,
}

/// Keys that were just deleted.
#[derive(SimpleObject)]
pub struct DeleteApiKeysPayload {
    /// The ids of the keys that are no more, to drop them from a list that is already on the screen.
    pub(super) deleted_api_key_ids: Vec<ID>,
}
