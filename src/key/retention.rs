//! How long the record of events is kept. What is older is removed beside the server's work, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::clock::Clock;
use super::error::chain;
use crate::store::Store;

/// How many events are removed in one transaction: few enough to hold nobody up.
const BITE: i64 = 500;
/// The pause between two bites.
const PAUSE: Duration = Duration::from_millis(100);
/// The pause after one that did not come off.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// How often it is looked for what has grown old.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Removes old events.
pub struct Retention {
    store: Store,
    clock: Arc<Clock>,
    kept_for: SignedDuration,
}

impl Retention {
    /// Keeps events for so long.
    pub fn new(store: Store, clock: Arc<Clock>, kept_for: SignedDuration) -> Self {
        Self {
            store,
            clock,
            kept_for,
        }
    }

    /// Removes what is old, now and every hour, until the sender of `stopped` is gone.
    pub async fn keep_pruning(self, mut stopped: watch::Receiver<()>) {
        loop {
            let pause = self.prune().await;
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes a bite. Gives the pause until the next.
    async fn prune(&self) -> Duration {
        let now = self.clock.now();
        let oldest_kept = now.saturating_sub(self.kept_for).unwrap_or(Timestamp::MIN);
        match self.store.api_key_events_prune(oldest_kept, BITE).await {
            Ok(0) => INTERVAL,
            Ok(count) => {
                tracing::info!(count, "removed events that are older than they are kept");
                PAUSE
            }
            Err(error) => {
                tracing::warn!(
                    cause = chain(&error),
                    "old events could not be removed; it is tried again"
                );
                PAUSE_AFTER_FAILURE
            }
        }
    }
}
