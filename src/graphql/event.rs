//! The record of what happened, as the schema has it. Doc comments in here are what a frontend developer reads in GraphiQL.

use async_graphql::{Context, Enum, ID, Result, SimpleObject};

use super::datetime::DateTime;
use super::types::CredentialKind;
use crate::key::event as model;

/// Something that happened to a key. It can be read when the key is gone, too.
#[derive(SimpleObject)]
pub struct ApiKeyEvent {
    /// The id of the event.
    id: ID,
    /// The id of the key, which may be gone.
    api_key_id: ID,
    /// What its owner called the key at that time.
    api_key_name: String,
    /// Whose key it was.
    owner: String,
    /// What was done.
    action: ApiKeyEventAction,
    /// Who did it: a subject, as in `viewer { subject }`; `command-line` for the command line.
    actor: String,
    /// How they proved who they were.
    credential: CredentialKind,
    /// When it happened.
    at: DateTime,
    /// What became different; empty where the action says it all.
    changes: Vec<ApiKeyChange>,
}

/// What can be done to a key.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "model::Action")]
pub enum ApiKeyEventAction {
    /// It was created.
    Created,
    /// Its name, its end or its pause was changed.
    Updated,
    /// It got a new secret.
    Rotated,
    /// It was deleted.
    Deleted,
}

/// One thing that became different.
#[derive(SimpleObject)]
pub struct ApiKeyChange {
    /// What: `name`, `expiresAt`, `disabled`, or `hint` for a new secret.
    field: String,
    /// What it was; null for nothing.
    before: Option<String>,
    /// What it is since; null for nothing.
    after: Option<String>,
}

impl ApiKeyEvent {
    pub(super) async fn node_id(&self, _ctx: &Context<'_>) -> Result<ID> {
        Ok(self.id.clone())
    }
}

impl From<&model::ApiKeyEvent> for ApiKeyEvent {
    fn from(event: &model::ApiKeyEvent) -> Self {
        let changes = event.changes.iter().cloned();
        Self {
            id: ID(event.id.to_string()),
            api_key_id: ID(event.api_key_id.to_string()),
            api_key_name: event.api_key_name.clone(),
            owner: event.owner.as_str().to_owned(),
            action: event.action.into(),
            actor: event.actor.clone(),
            credential: event.credential.into(),
            at: DateTime(event.at),
            changes: changes.map(ApiKeyChange::from).collect(),
        }
    }
}

impl From<model::Change> for ApiKeyChange {
    fn from(change: model::Change) -> Self {
        let model::Change {
            field,
            before,
            after,
        } = change;
        Self {
            field,
            before,
            after,
        }
    }
}
