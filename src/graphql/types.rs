//! The objects, inputs and enums of the schema, and how the domain's types become them. Doc comments in here are what
//! a frontend developer reads in GraphiQL.

use std::sync::Arc;

use async_graphql::resolver_utils::enum_value;
use async_graphql::{
    ComplexObject, Context, Enum, ID, Interface, Object, Result, ScalarType, SimpleObject, Value,
};
use jiff::Timestamp;

use super::connection::{ApiKeyEventConnection, QUESTION, page_complexity};
use super::datetime::DateTime;
use super::event::ApiKeyEvent;
use super::plain::{Held, Plain};
use super::questions::Questions;
use crate::auth::{Caller, Credential, ReadOwnKey};
use crate::key::api_key as model;
use crate::key::error::Error;
use crate::key::list::OrderField;
use crate::key::page::PageRequest;

/// Anything that has an id of its own and can be fetched again with `node(id:)`.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    method = "node_id",
    ty = "ID",
    desc = "The id, unique among everything in this service. It never changes."
))]
pub enum Node {
    ApiKey(ApiKey),
    ApiKeyEvent(ApiKeyEvent),
}

/// An API key. What is asked of it is written when it is asked.
#[derive(Clone)]
pub struct ApiKey(pub(super) Arc<model::ApiKey>);

/// A named identity that belongs to an owner. A program proves that it holds the key with the key's secret, which was
/// shown once, when the key was created, and cannot be read again.
#[Object]
impl ApiKey {
    /// The id of the key. It never changes.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// What its owner calls it. Names need not be unique.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// The start of the key's secret, enough to recognise it by, such as `ak_7Fh3…`. It opens nothing.
    async fn hint(&self) -> &str {
        self.0.hint()
    }

    /// Whose key it is, as the identity provider spells it; `local` in local mode.
    async fn owner(&self) -> &str {
        self.0.owner.as_str()
    }

    /// What the key may do: words that the product gives a meaning to. Those that start with `apikeys:` are this
    /// service's own.
    async fn scopes(&self) -> Vec<&str> {
        self.0.scopes.iter().collect()
    }

    /// Whether it works.
    async fn status(&self) -> ApiKeyStatus {
        self.0.status().into()
    }

    /// When the key was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Who created it: a subject, as in `viewer { subject }`.
    async fn created_by(&self) -> &str {
        &self.0.created_by
    }

    /// From when on it does not work any more, whatever its secrets; null for never.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When it was last presented and good, to within some seconds; null where that never happened.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at().map(DateTime)
    }

    /// The secrets that work now, while the key does, newest first: one, or two during a rotation.
    async fn secrets(&self) -> Vec<ApiKeySecret> {
        self.0.live_secrets().map(ApiKeySecret::from).collect()
    }

    /// What happened to the key, newest first, in pages. Without `first` and `last`, the first 20.
    #[graphql(complexity = "page_complexity(first, last, child_complexity)")]
    async fn events(
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
    ) -> Result<Option<ApiKeyEventConnection>> {
        if *ctx.data::<Caller>()?.owner() != self.0.owner {
            let problem = "this request acts for another owner than the key's, and sees that owner's events alone";
            return Err(Error::Forbidden(problem.to_owned()).into());
        }
        let by_id = OrderField::CreatedAt;
        let request = PageRequest::parse(by_id, first, after.as_deref(), last, before.as_deref())?;
        let page = ApiKeyEventConnection::read(ctx, Some(self.0.id), request);
        page.await.map(Some)
    }
}

/// Whether a key works.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "model::ApiKeyStatus")]
pub enum ApiKeyStatus {
    /// It works: its secrets are good.
    Active,
    /// Its owner has paused it: its secrets are refused until it is taken up again.
    Disabled,
    /// Its time is over. It stays in the list until it is deleted.
    Expired,
}

/// A secret of a key, as far as it is told of: what programs present is not part of it.
#[derive(SimpleObject)]
pub struct ApiKeySecret {
    /// The start of the secret, enough to recognise it by. It opens nothing.
    hint: String,
    /// When the secret was made.
    created_at: DateTime,
    /// When it ends, for one that a rotation has replaced; null for the one that goes on.
    expires_at: Option<DateTime>,
    /// When it was last presented and good, to within some seconds; null where that never happened.
    last_used_at: Option<DateTime>,
}

impl From<&model::ApiKeySecret> for ApiKeySecret {
    fn from(secret: &model::ApiKeySecret) -> Self {
        Self {
            hint: secret.hint.clone(),
            created_at: DateTime(secret.created_at),
            expires_at: secret.expires_at.map(DateTime),
            last_used_at: secret.last_used_at.map(DateTime),
        }
    }
}

impl ApiKey {
    pub(super) async fn node_id(&self, _ctx: &Context<'_>) -> Result<ID> {
        Ok(ID(self.0.id.to_string()))
    }
}

impl From<model::ApiKey> for ApiKey {
    fn from(api_key: model::ApiKey) -> Self {
        Self(Arc::new(api_key))
    }
}

impl Plain for ApiKey {
    fn type_name(&self) -> &'static str {
        "ApiKey"
    }

    fn interfaces(&self) -> &'static [&'static str] {
        &["Node"]
    }

    fn held(&self, field: &str) -> Option<Held<'_>> {
        let api_key = &*self.0;
        Some(Held::Leaf(match field {
            "id" => Value::String(api_key.id.to_string()),
            "name" => api_key.name.as_str().into(),
            "hint" => api_key.hint().into(),
            "owner" => api_key.owner.as_str().into(),
            "scopes" => Value::List(api_key.scopes.iter().map(Value::from).collect()),
            "status" => enum_value(ApiKeyStatus::from(api_key.status())),
            "createdAt" => DateTime(api_key.created_at).to_value(),
            "createdBy" => api_key.created_by.as_str().into(),
            "expiresAt" => nullable(api_key.expires_at),
            "lastUsedAt" => nullable(api_key.last_used_at()),
            "secrets" => {
                let secrets = api_key.live_secrets();
                return Some(Held::Objects(secrets.map(|secret| secret as _).collect()));
            }
            _ => return None,
        }))
    }
}

impl Plain for model::ApiKeySecret {
    fn type_name(&self) -> &'static str {
        "ApiKeySecret"
    }

    fn held(&self, field: &str) -> Option<Held<'_>> {
        Some(Held::Leaf(match field {
            "hint" => self.hint.as_str().into(),
            "createdAt" => DateTime(self.created_at).to_value(),
            "expiresAt" => nullable(self.expires_at),
            "lastUsedAt" => nullable(self.last_used_at),
            _ => return None,
        }))
    }
}

fn nullable(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| DateTime(at).to_value())
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
    #[graphql(complexity = "QUESTION + child_complexity")]
    async fn api_key(&self, ctx: &Context<'_>) -> Result<Option<ApiKey>> {
        match &self.own_key {
            Some(permission) => ctx.data::<Questions>()?.find_own(permission).await,
            None => Ok(None),
        }
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
