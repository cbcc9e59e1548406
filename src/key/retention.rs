//! How much of the record of events is kept: so long, and so many of each owner. What is beyond is removed beside the server's
//! work, a little at a time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::background::Fares;
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
    fares: Arc<Fares>,
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
            fares: Fares::new("events that are kept no longer cannot be removed"),
        }
    }

    /// How the removing fares.
    pub fn fares(&self) -> Arc<Fares> {
        self.fares.clone()
    }

    /// Takes note that an owner has one more event. Of so many, one by chance has the owner's events counted: to count costs more
    /// than to write, and an owner that goes on to write is met. The chance is in the id, whose end is random.
    pub(super) fn note(&self, owner: &Owner, event_id: Uuid) {
        let sample = (self.most / 16).clamp(1, SAMPLE);
        let chance = event_id.as_u128() % u128::from(sample);
        if chance == 0 {
            let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
            grown.insert(owner.as_str().into());
            self.has_grown.notify_one();
        }
    }

    /// Removes what is beyond, at once where an owner has grown and else every hour, until the sender of `stopped` is gone.
    pub async fn keep_pruning(self: Arc<Self>, mut stopped: watch::Receiver<()>) {
        loop {
            let pause = match self.prune().await {
                Ok(0) => INTERVAL,
                Ok(count) => {
                    tracing::info!(count, "removed events that are kept no longer");
                    PAUSE
                }
                Err(error) => {
                    self.fares.failed();
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
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes a bite of what is old, and one of each owner that has grown. Gives how many events they were.
    async fn prune(&self) -> Result<usize, store::Error> {
        let now = self.clock.now();
        let oldest_kept = now.saturating_sub(self.kept_for).unwrap_or(Timestamp::MIN);
        let mut count = self.store.api_key_events_prune(oldest_kept, BITE).await?;
        let mut grown = {
            let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *grown)
        };
        while let Some(name) = grown.pop_first() {
            let owner = Owner::from_store(name.to_string());
            let bite = self
                .store
                .api_key_events_prune_owner(&owner, self.most, BITE);
            let removed = bite.await;
            if !matches!(removed, Ok(0)) {
                // Not done with, or not begun.
                let mut still = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
                still.insert(name);
                if removed.is_err() {
                    still.append(&mut grown);
                }
            }
            count += removed?;
        }
        self.fares.worked();
        Ok(count)
    }
}
