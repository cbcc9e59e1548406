//! Is this secret good, and whose is it? The question that every check of a key asks.

use std::sync::Arc;

use crate::auth::IntrospectKeys;
use crate::bounds;
use crate::store::{self, Store};

use super::api_key::LiveKey;
use super::clock::Clock;
use super::coalescer::{Coalescer, Failed, Lookup};
use super::error::Error;
use super::last_used::LastUsed;
use super::scan;
use super::secret::{Digest, Prefix, Secret};

/// Answers whether a secret is good.
pub struct Verifier {
    lookups: Coalescer<LiveKeys>,
    last_used: Arc<LastUsed>,
    prefix: Prefix,
    clock: Arc<Clock>,
}

/// The keys that work at the moment of asking, by the digests of their secrets.
struct LiveKeys {
    store: Store,
    clock: Arc<Clock>,
}

impl Lookup for LiveKeys {
    type Key = Digest;
    type Value = Arc<LiveKey>;
    type Error = store::Error;

    async fn look_up(
        &self,
        digests: Vec<Digest>,
    ) -> Result<Vec<(Digest, Arc<LiveKey>)>, store::Error> {
        let now = self.clock.now();
        self.store.secrets_find_live(digests, now).await
    }

    fn is_outage(error: &store::Error) -> bool {
        matches!(error, store::Error::Unavailable(_))
    }
}

impl Verifier {
    /// A verifier of secrets that start with `prefix`, which tells `last_used` of those that were good.
    pub fn new(store: Store, prefix: Prefix, clock: Arc<Clock>, last_used: Arc<LastUsed>) -> Self {
        let live_keys = LiveKeys {
            store,
            clock: clock.clone(),
        };
        Self {
            lookups: Coalescer::new(live_keys),
            last_used,
            prefix,
            clock,
        }
    }

    /// The key whose secret this is; `None` for whatever is not the secret of a key that works now, all alike.
    ///
    /// The database is asked after this was called, so that a key which was deleted before is never found. What is
    /// malformed never reaches it. [`Error::Unavailable`] is an outage and never means "bad"; it comes within [`bounds::CHECK`].
    pub async fn verify(&self, presented: &str) -> Result<Option<Arc<LiveKey>>, Error> {
        let Ok(secret) = Secret::parse(&self.prefix, presented) else {
            return Ok(None);
        };
        let digest = secret.digest();
        let found = self.look_up(digest).await?;
        if found.is_some() {
            self.last_used.mark(digest, self.clock.now());
        }
        Ok(found)
    }

    /// Whether checks are answered: it asks what they ask, for a secret that nobody has.
    pub async fn ping(&self) -> Result<(), Error> {
        self.look_up(Digest::from_store([0; 32])).await.map(drop)
    }

    /// Whether a text that a client chose may stand in the log: it is short, and no secret is in it.
    pub fn may_be_logged(&self, text: &str) -> bool {
        let mut has_secret = false;
        let read = scan::find(&self.prefix, text.as_bytes(), |_| has_secret = true);
        text.len() <= bounds::LOGGED_NAME && read.is_ok() && !has_secret
    }

    async fn look_up(&self, digest: Digest) -> Result<Option<Arc<LiveKey>>, Error> {
        match tokio::time::timeout(bounds::CHECK, self.lookups.get(digest)).await {
            Ok(found) => Ok(found?),
            Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed))),
        }
    }

    /// The same as [`Self::verify`], for somebody who may ask about keys that are not theirs.
    pub async fn introspect(
        &self,
        _permission: &IntrospectKeys,
        presented: &str,
    ) -> Result<Option<Arc<LiveKey>>, Error> {
        self.verify(presented).await
    }
}

impl From<Failed<store::Error>> for Error {
    fn from(failed: Failed<store::Error>) -> Self {
        match failed {
            Failed::Lookup(error) => match *error {
                store::Error::Unavailable(_) => Self::Unavailable(Box::new(error)),
                _ => Self::Internal(Box::new(error)),
            },
            Failed::Full => Self::Unavailable("too many checks wait for an answer".into()),
            Failed::Lost => Self::Internal("a lookup ended without an answer".into()),
        }
    }
}
