//! How much of the record of events is kept: so long, and so many of each owner. What is beyond is removed beside the server's
//! work, a little at a time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::background::Health;
use super::clock::Clock;
use super::error::chain;
use super::model::Owner;
use crate::store::{self, Store};

/// How many events are removed in one transaction: few enough to hold nobody up.
const BITE: i64 = 500;
/// The pause between two bites.
const PAUSE: Duration = Duration::from_millis(100);
/// The pause after one that did not come off.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// How often it is looked for what has grown old.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How many owners are looked at in one go, when all are.
const OWNERS: usize = 20;
/// One of so many events has its owner's counted, or more often where few may be kept.
const SAMPLE: u32 = 256;

/// Removes events that are kept no longer.
pub struct Retention {
    store: Store,
    clock: Arc<Clock>,
    kept_for: SignedDuration,
    most: u32,
    grown: Mutex<BTreeSet<Arc<str>>>,
    has_grown: Notify,
    /// The owner that was looked at last, while all are.
    walked: Mutex<Option<Owner>>,
    health: Arc<Health>,
}

impl Retention {
    /// Keeps events for so long, and of each owner so many at most.
    pub fn new(store: Store, clock: Arc<Clock>, kept_for: SignedDuration, most: u32) -> Self {
        Self {
            store,
            clock,
            kept_for,
            most,
            grown: Mutex::default(),
            has_grown: Notify::new(),
            walked: Mutex::default(),
            health: Health::new("events that are kept no longer cannot be removed"),
        }
    }

    /// Whether the removing succeeds.
    pub fn health(&self) -> Arc<Health> {
        self.health.clone()
    }

    /// Takes note that an owner has one more event. Of so many, one by chance has the owner's events counted: to count costs more
    /// than to write, and an owner that goes on to write is met soon. The chance is in the id, whose end is random.
    pub(super) fn note(&self, owner: &Owner, event_id: Uuid) {
        let sample = (self.most / 16).clamp(1, SAMPLE);
        let chance = event_id.as_u128() % u128::from(sample);
        if chance == 0 {
            self.lock(&self.grown).insert(owner.as_str().into());
            self.has_grown.notify_one();
        }
    }

    /// Removes what is beyond, at once where an owner has grown and else every hour, until the sender of `stopped` is gone. At the start,
    /// and every hour, each owner is looked at.
    pub async fn keep_pruning(self: Arc<Self>, mut stopped: watch::Receiver<()>) {
        let mut is_walking = true;
        loop {
            let pruned = async {
                if is_walking {
                    is_walking = self.walk().await?;
                }
                Ok::<_, store::Error>((self.prune().await?, is_walking))
            };
            let pause = match pruned.await {
                Ok((0, false)) => INTERVAL,
                Ok((0, true)) => PAUSE,
                Ok((count, _)) => {
                    tracing::info!(count, "removed events that are kept no longer");
                    PAUSE
                }
                Err(error) => {
                    self.health.failed();
                    tracing::warn!(
                        cause = chain(&error),
                        "events could not be removed; it is tried again"
                    );
                    PAUSE_AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = stopped.changed() => return,
                () = self.has_grown.notified(), if pause == INTERVAL => {}
                () = tokio::time::sleep(pause) => is_walking |= pause == INTERVAL,
            }
        }
    }

    /// Looks at the next owners, and takes note of those that have too many events. `false` where all were looked at.
    async fn walk(&self) -> Result<bool, store::Error> {
        for _ in 0..OWNERS {
            let last = self.lock(&self.walked).clone();
            let next = self.store.api_key_events_next_owner(last.as_ref()).await?;
            self.lock(&self.walked).clone_from(&next);
            let Some(owner) = next else {
                return Ok(false);
            };
            if self
                .store
                .api_key_events_are_more_than(&owner, self.most)
                .await?
            {
                self.lock(&self.grown).insert(owner.as_str().into());
            }
        }
        Ok(true)
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a bite of what is old, and one of each owner that has grown. Gives how many events they were.
    async fn prune(&self) -> Result<usize, store::Error> {
        let now = self.clock.now();
        let oldest_kept = now.saturating_sub(self.kept_for).unwrap_or(Timestamp::MIN);
        let mut count = self.store.api_key_events_prune(oldest_kept, BITE).await?;
        let mut grown = std::mem::take(&mut *self.lock(&self.grown));
        while let Some(name) = grown.pop_first() {
            let owner = Owner::from_store(name.to_string());
            let bite = self
                .store
                .api_key_events_prune_owner(&owner, self.most, BITE);
            let removed = bite.await;
            if !matches!(removed, Ok(0)) {
                // Not done with, or not begun.
                let mut still = self.lock(&self.grown);
                still.insert(name);
                if removed.is_err() {
                    still.append(&mut grown);
                }
            }
            count += removed?;
        }
        self.health.worked();
        Ok(count)
    }
}
