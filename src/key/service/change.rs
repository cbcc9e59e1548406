//! What can be changed of a key: its name, its end, its pause, and its secret.

use jiff::SignedDuration;

use crate::auth::{RotateKey, WriteKeys};
use crate::bounds;
use crate::key::api_key::{ApiKey, ApiKeySecret, ApiKeyStatus, ApiKeyUpdate, ENDED};
use crate::key::error::{Error, InvalidInput};
use crate::key::model::KeyId;
use crate::key::secret::Secret;
use crate::store::{self, ApiKeyChange, ApiKeyRotation};

use super::{KeyWithSecret, Service};

/// The longest that two secrets of a key work side by side.
const MAX_OVERLAP: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Service {
    /// Changes a key. A key that is paused is refused everywhere from when this returns.
    ///
    /// [`Error::NotFound`] where the owner has no such key. What changes nothing leaves no event. To let a key that has scopes of
    /// this service itself work longer is to grant them, and [`Error::Forbidden`] to those who may not.
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
        let may_give_more = permission.caller().may_grant_reserved_scopes();
        let (owner, event_id) = (permission.caller().owner(), self.clock.id(actor.at));
        let change = ApiKeyChange {
            id,
            owner: owner.clone(),
            update,
            may_give_more,
            event_id,
            actor,
        };
        match self.store.api_key_update(change).await {
            Ok(changed) => {
                self.retention.note(owner, event_id);
                changed.ok_or(Error::NotFound)
            }
            Err(store::Error::RolledBack) => Err(Error::Forbidden(
                "a key that has scopes that start with `apikeys:` is given a later end, or taken up again, on the command \
                 line or by the local operator; it can be paused, or end earlier"
                    .to_owned(),
            )),
            Err(error) => Err(error.into()),
        }
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
        let found = self.store.api_key_find(caller.owner(), id, actor.at);
        let found = tokio::time::timeout(bounds::LOOK, found).await;
        let found = found.map_err(|elapsed| Error::Unavailable(Box::new(elapsed)))?;
        let api_key = found?.ok_or(Error::NotFound)?;
        let may_see_secret = permission.presented().is_some() || caller.may_grant_reserved_scopes();
        if api_key.scopes.has_reserved() && !may_see_secret {
            let needed = "a key that has scopes that start with `apikeys:` is rotated by itself, on the command line, or by the local operator";
            return Err(Error::Forbidden(needed.to_owned()));
        }
        if api_key.status() == ApiKeyStatus::Expired {
            let problem = "`id` is of a key that has expired; give it a later `expiresAt` first, or make another";
            return Err(InvalidInput::new("id", problem).into());
        }
        if self.check_end(api_key.expires_at, actor.at).is_err() {
            let problem = "`id` is of a key that may live longer than keys may now; give it an `expiresAt` first";
            return Err(InvalidInput::new("id", problem).into());
        }
        let secret = Secret::generate(&self.prefix)?;
        let event_id = self.clock.id(actor.at);
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
            overlap_ends: match overlap.is_zero() {
                true => ENDED,
                // By the clock that will judge it.
                false => api_key.as_of.saturating_add(overlap).unwrap_or(ENDED),
            },
            presented: permission.presented(),
            event_id,
            actor,
        };
        match self.store.api_key_rotate(rotation).await {
            Ok(rotated) => {
                let api_key = rotated.ok_or(Error::NotFound)?;
                self.retention.note(caller.owner(), event_id);
                Ok(KeyWithSecret { api_key, secret })
            }
            // Whoever has an old secret must not take the key from those who have the new one.
            Err(store::Error::RolledBack) => Err(Error::Forbidden(
                "the secret that you presented was replaced; the newest one rotates the key"
                    .to_owned(),
            )),
            Err(error) => Err(error.into()),
        }
    }
}
