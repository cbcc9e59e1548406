//! What can be changed of a key: its name, its end, its pause, and its secret.

use jiff::SignedDuration;

use crate::auth::{RotateKey, WriteKeys};
use crate::key::api_key::{ApiKey, ApiKeySecret, ApiKeyStatus, ApiKeyUpdate};
use crate::key::error::{Error, InvalidInput};
use crate::key::model::KeyId;
use crate::key::secret::Secret;
use crate::store::{ApiKeyChange, ApiKeyRotation};

use super::{KeyWithSecret, Service};

/// The longest that two secrets of a key work side by side.
pub const MAX_OVERLAP: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Service {
    /// Changes a key. A key that is paused is refused everywhere from when this returns.
    ///
    /// [`Error::NotFound`] where the owner has no such key. What changes nothing leaves no event.
    pub async fn update(
        &self,
        permission: &WriteKeys,
        id: KeyId,
        update: ApiKeyUpdate,
    ) -> Result<ApiKey, Error> {
        let actor = self.actor(permission);
        if let Some(end) = update.expires_at {
            self.check_end(end, actor.at)?;
        }
        let change = ApiKeyChange {
            id,
            owner: permission.caller().owner().clone(),
            update,
            event_id: self.clock.id(actor.at),
            actor,
        };
        let changed = self.store.api_key_update(change).await?;
        changed.ok_or(Error::NotFound)
    }

    /// Gives a key a new secret. The one that it had works on for `overlap`, and any older one ends at once.
    ///
    /// The new secret of a key that has scopes of this service itself is for those alone who may grant these, and for the
    /// key: it would be a way to come by them.
    pub async fn rotate(
        &self,
        permission: &RotateKey,
        overlap: SignedDuration,
    ) -> Result<KeyWithSecret, Error> {
        if overlap < SignedDuration::ZERO || overlap > MAX_OVERLAP {
            let problem = format!(
                "`overlapSeconds` is {}; it must be from 0 to {} (30 days)",
                overlap.as_secs(),
                MAX_OVERLAP.as_secs()
            );
            return Err(InvalidInput::new("overlapSeconds", problem).into());
        }
        let (write, id) = (permission.write(), permission.id());
        let caller = write.caller();
        let actor = self.actor(write);
        let found = self
            .store
            .api_key_find(caller.owner(), id, actor.at)
            .await?;
        let api_key = found.ok_or(Error::NotFound)?;
        let may_see_secret = permission.is_own() || caller.may_grant_reserved_scopes();
        if api_key.scopes.has_reserved() && !may_see_secret {
            let needed = "a key that has scopes that start with `apikeys:` is rotated by itself, on the command line, or by the local operator";
            return Err(Error::Forbidden(needed.to_owned()));
        }
        if api_key.status() == ApiKeyStatus::Expired {
            let problem = "`id` is of a key that has expired; give it a later `expiresAt` first, or make another";
            return Err(InvalidInput::new("id", problem).into());
        }
        let secret = Secret::generate(&self.prefix)?;
        let rotation = ApiKeyRotation {
            id,
            owner: caller.owner().clone(),
            digest: secret.digest(),
            secret: ApiKeySecret {
                hint: secret.hint(),
                created_at: actor.at,
                expires_at: None,
                last_used_at: None,
            },
            overlap_ends: actor.at.saturating_add(overlap).unwrap_or(actor.at),
            event_id: self.clock.id(actor.at),
            actor,
        };
        let rotated = self.store.api_key_rotate(rotation).await?;
        let api_key = rotated.ok_or(Error::NotFound)?;
        Ok(KeyWithSecret { api_key, secret })
    }
}
