//! An API key: what is told of it, and what of that a check tells.
//!
//! No secret is ever part of these: that is [`super::secret`]'s.

use jiff::Timestamp;

use super::model::{KeyId, Name, Owner};
use super::scope::Scopes;
use super::secret::Digest;

/// A named identity that belongs to an owner. Programs prove that they hold it with a secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Never changes.
    pub id: KeyId,
    /// Whose key it is.
    pub owner: Owner,
    /// What its owner calls it.
    pub name: Name,
    /// Its name as it is ordered by, which the database keeps.
    pub(crate) folded_name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made, UTC.
    pub created_at: Timestamp,
    /// The subject that made it.
    pub created_by: String,
    /// From when on it does not work any more; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was paused, if it is.
    pub disabled_at: Option<Timestamp>,
    /// Its secrets as far as the database remembers them, newest first.
    pub secrets: Vec<ApiKeySecret>,
    /// When this was so.
    pub as_of: Timestamp,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiKeyStatus {
    /// It works.
    Active,
    /// Its owner has paused it.
    Disabled,
    /// Its time is over.
    Expired,
}

/// When a secret ends that ends at once: in the past on every server's clock.
pub(crate) const ENDED: Timestamp = Timestamp::UNIX_EPOCH;

/// What is told of a secret. Neither it nor its digest is part of this.
#[derive(Debug, Clone)]
pub struct ApiKeySecret {
    /// Its start (`ak_7Fh3…`).
    pub hint: String,
    /// When it was made, UTC.
    pub created_at: Timestamp,
    /// When it ends, apart from its key; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last presented and good, to within some seconds.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// The start of its newest secret, to recognise it by (`ak_7Fh3…`).
    pub fn hint(&self) -> &str {
        self.secrets.first().map_or("", |secret| &secret.hint)
    }

    /// When any of its secrets was last presented and good, to within some seconds.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        let secrets = self.secrets.iter();
        secrets.filter_map(|secret| secret.last_used_at).max()
    }

    /// Whether it worked. One that has ended has ended, paused or not.
    pub fn status(&self) -> ApiKeyStatus {
        match (has_ended(self.expires_at, self.as_of), self.disabled_at) {
            (true, _) => ApiKeyStatus::Expired,
            (false, Some(_)) => ApiKeyStatus::Disabled,
            (false, None) => ApiKeyStatus::Active,
        }
    }

    /// The secrets that had not ended, newest first: one, or two during a rotation.
    pub fn live_secrets(&self) -> impl Iterator<Item = &ApiKeySecret> {
        let secrets = self.secrets.iter();
        secrets.filter(|secret| !has_ended(secret.expires_at, self.as_of))
    }
}

fn has_ended(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now)
}

/// What shall become different; `None` for what shall not.
#[derive(Debug, Clone, Default)]
pub struct ApiKeyUpdate {
    /// What its owner calls it.
    pub name: Option<Name>,
    /// When it ends; `Some(None)` for never.
    pub expires_at: Option<Option<Timestamp>>,
    /// Whether it is paused.
    pub disabled: Option<bool>,
}

impl ApiKeyUpdate {
    /// Whether a key that ends then, and is paused or not, could do more or for longer after this.
    pub fn gives_more(&self, expires_at: Option<Timestamp>, is_disabled: bool) -> bool {
        let ends_later = match (self.expires_at, expires_at) {
            (None, _) | (_, None) => false,
            (Some(None), Some(_)) => true,
            (Some(Some(new)), Some(old)) => new > old,
        };
        ends_later || (is_disabled && self.disabled == Some(false))
    }
}

/// A key whose secret was presented and works: what a check of it tells.
#[derive(Debug)]
pub struct LiveKey {
    /// Which key.
    pub id: KeyId,
    /// Whose key it is.
    pub owner: Owner,
    /// What its owner calls it.
    pub name: Name,
    /// What it may do.
    pub scopes: Scopes,
    /// The digest of the secret that was presented.
    pub digest: Digest,
    /// When the secret was made, UTC.
    pub issued_at: Timestamp,
    /// When the secret or the key ends, whichever is first.
    pub expires_at: Option<Timestamp>,
}
