//! When each secret was last used. Checks only write it down in memory; a task of its own brings it to the database every few
//! seconds, and once more when the server stops.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::error::chain;
use super::secret::Digest;
use crate::store::Store;

/// How long a use is kept in memory alone.
const INTERVAL: Duration = Duration::from_secs(3);
/// How many secrets one statement writes at most: other writers wait for it.
const AT_ONCE: usize = 2_000;
/// From how many secrets on they are written at once.
const MANY: usize = 20_000;
/// How many secrets are kept. Where the database takes them no faster, the uses of others are not written down.
const MOST: usize = 5 * MANY;

/// The uses that the database does not know yet.
pub struct LastUsed {
    store: Store,
    marks: Mutex<HashMap<Digest, Timestamp>>,
    are_many: Notify,
}

impl LastUsed {
    /// Nothing was used yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            marks: Mutex::default(),
            are_many: Notify::new(),
        }
    }

    /// Writes down that a secret was used. It waits for nothing and cannot fail.
    pub(super) fn mark(&self, digest: Digest, at: Timestamp) {
        let count = {
            let mut marks = self.marks();
            merge(&mut marks, digest, at);
            marks.len()
        };
        if count == MANY {
            self.are_many.notify_one();
        }
    }

    /// Brings what was written down to the database, again and again, until the sender of `stopped` is gone, and then once more.
    pub async fn keep_writing(self: Arc<Self>, mut stopped: watch::Receiver<()>) {
        loop {
            let is_last = tokio::select! {
                _ = stopped.changed() => true,
                () = tokio::time::sleep(INTERVAL) => false,
                () = self.are_many.notified() => false,
            };
            self.write().await;
            if is_last {
                return;
            }
        }
    }

    /// Brings what was written down to the database; where that is not possible, it is kept.
    async fn write(&self) {
        let marks = std::mem::take(&mut *self.marks());
        if marks.is_empty() {
            return;
        }
        let marks: Vec<(Digest, Timestamp)> = marks.into_iter().collect();
        let mut rest = marks.as_slice();
        while !rest.is_empty() {
            let (first, later) = rest.split_at(rest.len().min(AT_ONCE));
            if let Err(error) = self.store.secrets_set_last_used(first).await {
                tracing::warn!(
                    cause = chain(&error),
                    "when keys were last used could not be written; it is tried again"
                );
                let mut newer = self.marks();
                for (digest, at) in rest {
                    merge(&mut newer, *digest, *at);
                }
                return;
            }
            rest = later;
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
