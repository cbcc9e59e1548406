//! Whose turn it is: so many GraphQL requests are executed at once, some wait for a short time, and the others are told to come back.
//!
//! They are executed on threads of their own: to validate a large document takes milliseconds, which checks would wait for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::exchange::Unread;
use crate::bounds;

/// The turns of GraphQL requests.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    threads: Threads,
}

/// One request's turn.
pub(super) struct Turn {
    permit: OwnedSemaphorePermit,
    threads: Handle,
}

impl Turn {
    /// Uses the turn for `work`, which goes on when nobody waits for it.
    pub(super) fn spawn(self, work: impl Future<Output = ()> + Send + 'static) {
        let Self { permit, threads } = self;
        threads.spawn(async move {
            work.await;
            drop(permit);
        });
    }
}

/// The threads on which GraphQL is executed.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // It is dropped where one must not wait.
            runtime.shutdown_background();
        }
    }
}

impl Turns {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("graphql")
            .max_blocking_threads(1)
            .enable_all()
            .build()?;
        Ok(Self {
            free: Arc::new(Semaphore::new(bounds::EXECUTIONS)),
            waiting: AtomicUsize::new(0),
            threads: Threads(Some(runtime)),
        })
    }

    /// Waits for a turn, in the order of those who came. `None` where too many wait, or too many answers are not read, or no turn came within
    /// [`bounds::TURN`].
    pub(super) async fn next(&self) -> Option<Turn> {
        let waiting = Waiting::new(&self.waiting);
        if waiting.count > bounds::TURNS || Unread::is_too_much() {
            return None;
        }
        let permit = tokio::time::timeout(bounds::TURN, self.free.clone().acquire_owned()).await;
        Some(Turn {
            permit: permit.ok()?.ok()?,
            threads: self.threads.0.as_ref()?.handle().clone(),
        })
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
