//! Is this secret good, and whose is it? The question that every check of a key asks.

use crate::store::Store;

use super::clock::Clock;
use super::error::Error;
use super::model::ApiKey;
use super::secret::{Prefix, Secret};

/// Answers whether a secret is good.
pub struct Verifier {
    store: Store,
    prefix: Prefix,
    clock: Clock,
}

impl Verifier {
    /// A verifier of secrets that start with `prefix`.
    pub fn new(store: Store, prefix: Prefix, clock: Clock) -> Self {
        Self {
            store,
            prefix,
            clock,
        }
    }

    /// The key whose secret this is; `None` for whatever is not the secret of a key that works now, all alike.
    ///
    /// What is malformed never reaches the database. [`Error::Unavailable`] is an outage and never means "bad".
    pub async fn verify(&self, presented: &str) -> Result<Option<ApiKey>, Error> {
        let Ok(secret) = Secret::parse(&self.prefix, presented) else {
            return Ok(None);
        };
        let now = self.clock.now();
        Ok(self.store.secret_find_live(secret.digest(), now).await?)
    }
}
