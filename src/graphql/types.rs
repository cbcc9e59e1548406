//! The objects, inputs and enums of the schema, and how the domain's types become them. Doc comments in here are what
//! a frontend developer reads in GraphiQL.

use std::sync::Arc;

use async_graphql::{
    ComplexObject, Context, Enum, ID, InputObject, Interface, Result, SimpleObject,
};

use super::connection::ApiKeyEdge;
use super::datetime::DateTime;
use crate::auth::{Caller, Credential, ReadOwnKey};
use crate::key::model;
use crate::key::service::Service;

/// Anything that has an id of its own and can be fetched again with `node(id:)`.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "&ID",
    desc = "The id, unique among everything in this service. It never changes."
))]
pub enum Node {
    ApiKey(ApiKey),
}

/// A named identity that belongs to an owner. A program proves that it holds the key with the key's secret, which was
/// shown once, when the key was created, and cannot be read again.
#[derive(SimpleObject)]
pub struct ApiKey {
    /// The id of the key. It never changes.
    id: ID,
    /// What its owner calls it. Names need not be unique.
    name: String,
    /// The start of the key's secret, enough to recognise it by, such as `ak_7Fh3…`. It opens nothing.
    hint: String,
    /// Whose key it is, as the identity provider spells it; `local` in local mode.
    owner: String,
    /// What the key may do: words that the product gives a meaning to. Those that start with `apikeys:` are this
    /// service's own.
    scopes: Vec<String>,
    /// When the key was created.
    created_at: DateTime,
    /// Who created it: a subject, as in `viewer { subject }`.
    created_by: String,
    /// When it was last presented and good, to within some seconds; null where that never happened.
    last_used_at: Option<DateTime>,
}

impl From<model::ApiKey> for ApiKey {
    fn from(api_key: model::ApiKey) -> Self {
        Self {
            id: ID(api_key.id.to_string()),
            name: api_key.name.as_str().to_owned(),
            hint: api_key.hint().to_owned(),
            last_used_at: api_key.last_used_at().map(DateTime),
            owner: api_key.owner.as_str().to_owned(),
            scopes: api_key.scopes.iter().map(str::to_owned).collect(),
            created_at: DateTime(api_key.created_at),
            created_by: api_key.created_by,
        }
    }
}

/// Who is asking, as this service sees them.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Viewer {
    /// Whose keys this caller works on.
    owner: String,
    /// Who it is: the `sub` of the access token, the id of the API key that was presented, or `local` for the operator of an
    /// installation in local mode.
    subject: String,
    /// How they proved who they are.
    credential: CredentialKind,
    #[graphql(skip)]
    own_key: Option<ReadOwnKey>,
}

#[ComplexObject]
impl Viewer {
    /// The API key that was presented, if one was. A program that holds only a key learns here whose it is and what
    /// it may do.
    async fn api_key(&self, ctx: &Context<'_>) -> Result<Option<ApiKey>> {
        let Some(permission) = &self.own_key else {
            return Ok(None);
        };
        let api_key = ctx.data::<Arc<Service>>()?.find_own(permission).await?;
        Ok(api_key.map(ApiKey::from))
    }
}

impl From<&Caller> for Viewer {
    fn from(caller: &Caller) -> Self {
        Self {
            owner: caller.owner().as_str().to_owned(),
            subject: caller.subject(),
            credential: caller.credential().into(),
            own_key: caller.read_own_key(),
        }
    }
}

/// How a caller proved who they are.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// The local token, or a browser session that was opened with it.
    Local,
    /// The command line, on a machine that reaches the database.
    CommandLine,
    /// An access token of the identity provider (OpenID Connect).
    Oidc,
    /// An API key's secret.
    ApiKey,
}

impl From<Credential> for CredentialKind {
    fn from(credential: Credential) -> Self {
        match credential {
            Credential::Local => Self::Local,
            Credential::CommandLine => Self::CommandLine,
            Credential::Oidc => Self::Oidc,
            Credential::ApiKey => Self::ApiKey,
        }
    }
}

/// What a new key shall be.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// What to call the key: 1 to 100 characters after blanks around it are cut off, no control characters. It need
    /// not be unique.
    pub(super) name: String,
    /// What the key may do: at most 50 words of at most 100 visible ASCII characters, without `"` and `\`. Given twice, one
    /// counts once. Those that start with `apikeys:` only operators may grant, else `FORBIDDEN`.
    pub(super) scopes: Option<Vec<String>>,
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
