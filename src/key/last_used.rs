//! When each secret was last used. Checks only write it down in memory; a task of its own brings it to the database every few
//! seconds, and once more when the server stops.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::background::Health;
use super::error::chain;
use super::secret::Digest;
use crate::store::Store;

/// The time without writing, after each round.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long a round writes at most. With the interval it bounds what all of this costs the database, half of one connection's time: where
/// more secrets are used than it can take meanwhile, each waits longer for its turn.
const ROUND: Duration = Duration::from_secs(2);
/// How many secrets one statement writes at most: others who write to SQLite have their turn in between.
const AT_ONCE: usize = 2_000;
/// How many secrets are kept at most, which is some 30 MB. Where more are used before their turn, the uses of others are not written
/// down.
const MOST: usize = 250_000;

/// The uses that the database does not know yet.
pub struct LastUsed {
    store: Store,
    marks: Mutex<HashMap<Digest, Timestamp>>,
    health: Arc<Health>,
}

impl LastUsed {
    /// Nothing was used yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            marks: Mutex::default(),
            health: Health::new("when keys were last used cannot be written"),
        }
    }

    /// Whether the writing succeeds.
    pub fn health(&self) -> Arc<Health> {
        self.health.clone()
    }

    /// Writes down that a secret was used. It waits for nothing and cannot fail.
    pub(super) fn mark(&self, digest: Digest, at: Timestamp) {
        merge(&mut self.marks(), digest, at);
    }

    /// Brings what was written down to the database, one statement after the other, until the sender of `stopped` is gone, and
    /// then all that is left.
    pub async fn keep_writing(self: Arc<Self>, mut stopped: watch::Receiver<()>) {
        // Those whose turn it is. Whoever is used meanwhile waits for the next round, so that everyone has a turn.
        let mut round = Vec::new();
        loop {
            let is_last = tokio::select! {
                _ = stopped.changed() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            let begun = Instant::now();
            loop {
                if round.is_empty() {
                    round.extend(std::mem::take(&mut *self.marks()));
                }
                if round.is_empty() || !self.write(&mut round).await {
                    break;
                }
                let is_over = round.is_empty() || begun.elapsed() >= ROUND;
                if is_over && !is_last {
                    break;
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Writes some of them. `false` where that was not possible; then they are kept.
    async fn write(&self, round: &mut Vec<(Digest, Timestamp)>) -> bool {
        let first = round.len().saturating_sub(AT_ONCE);
        match self.store.secrets_set_last_used(&round[first..]).await {
            Ok(()) => {
                round.truncate(first);
                self.health.worked();
                true
            }
            Err(error) => {
                self.health.failed();
                tracing::warn!(
                    cause = chain(&error),
                    "when keys were last used could not be written; it is tried again"
                );
                false
            }
        }
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<Digest, Timestamp>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The later of two uses counts.
fn merge(marks: &mut HashMap<Digest, Timestamp>, digest: Digest, at: Timestamp) {
    let has_room = marks.len() < MOST;
    match marks.entry(digest) {
        Entry::Occupied(mut last) => *last.get_mut() = at.max(*last.get()),
        Entry::Vacant(entry) if has_room => drop(entry.insert(at)),
        Entry::Vacant(_) => {}
    }
}
