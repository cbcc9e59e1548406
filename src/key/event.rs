//! The record of what happened to keys: who did what to which, and when. It outlives the key, and never holds a secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{KeyId, Owner};
use super::secret::Digest;
use crate::auth::Credential;

/// Something that happened to a key.
#[derive(Debug, Clone)]
pub struct ApiKeyEvent {
    /// A UUID of version 7.
    pub id: Uuid,
    /// The key, which may be gone.
    pub api_key_id: KeyId,
    /// What its owner called it at that time.
    pub api_key_name: String,
    /// Whose key it was.
    pub owner: Owner,
    /// The subject that did it.
    pub actor: String,
    /// How they proved who they were.
    pub credential: Credential,
    /// What was done.
    pub action: Action,
    /// When, UTC.
    pub at: Timestamp,
    /// What became different.
    pub changes: Vec<Change>,
}

/// What can be done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was made.
    Created,
    /// Its name, its end or its pause was changed.
    Updated,
    /// It got a new secret.
    Rotated,
    /// It was removed.
    Deleted,
}

impl Action {
    /// The word that the database keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Rotated => "ROTATED",
            Self::Deleted => "DELETED",
        }
    }

    /// What a word of the database means.
    pub fn from_store(word: &str) -> Option<Self> {
        let all = [Self::Created, Self::Updated, Self::Rotated, Self::Deleted];
        all.into_iter().find(|action| action.as_str() == word)
    }
}

/// One thing that became different. The database keeps it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field as the schema calls it.
    pub field: String,
    /// What it was; `None` for nothing.
    pub before: Option<String>,
    /// What it is; `None` for nothing.
    pub after: Option<String>,
}

impl Change {
    /// A change of `field`, where there is one.
    pub fn of<T: PartialEq>(
        field: &str,
        before: Option<T>,
        after: Option<T>,
        write: impl Fn(T) -> String,
    ) -> Option<Self> {
        (before != after).then(|| Self {
            field: field.to_owned(),
            before: before.map(&write),
            after: after.map(&write),
        })
    }
}

/// What is recorded besides the key itself: made before the change, so that both are written together.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who does it: a subject.
    pub subject: String,
    /// How they proved who they are.
    pub credential: Credential,
    /// When, UTC.
    pub at: Timestamp,
    /// The secret that they presented, if it was that of a key: it must still work when the change is made.
    pub presented: Option<PresentedSecret>,
}

/// A secret that a caller presented, and the key that it was found to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentedSecret {
    /// The key.
    pub id: KeyId,
    /// What is kept of the secret.
    pub digest: Digest,
}
