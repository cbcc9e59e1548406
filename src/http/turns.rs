//! Whose turn it is: so many GraphQL requests are executed at once, some wait for a short time, and the others are told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bounds;

/// The turns of GraphQL requests.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// One request's turn, for as long as this is kept.
pub(super) type Turn = OwnedSemaphorePermit;

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(bounds::EXECUTIONS)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits for a turn, in the order of those who came. `None` where too many wait, or nobody had done within
    /// [`bounds::TURN`].
    pub(super) async fn next(&self) -> Option<Turn> {
        let waiting = Waiting::new(&self.waiting);
        if waiting.count > bounds::TURNS {
            return None;
        }
        let turn = tokio::time::timeout(bounds::TURN, self.free.clone().acquire_owned()).await;
        turn.ok()?.ok()
    }
}

/// One of those that wait.
struct Waiting<'a> {
    all: &'a AtomicUsize,
    count: usize,
}

impl<'a> Waiting<'a> {
    fn new(all: &'a AtomicUsize) -> Self {
        let count = all.fetch_add(1, Ordering::Relaxed) + 1;
        Self { all, count }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}
