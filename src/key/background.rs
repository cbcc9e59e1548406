//! Tasks that go on beside the requests: started anew when they end badly, and known to be failing when they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// The pause before a task that panicked is started anew.
const PAUSE: Duration = Duration::from_secs(1);
/// After so many failures in a row a task counts as one that cannot be kept up.
const MANY: u32 = 3;

/// Whether a task can do its work.
#[derive(Debug)]
pub struct Health {
    /// What is not done while it fails, in words for the operator.
    what: &'static str,
    failures: AtomicU32,
}

impl Health {
    /// Of a task that has not failed yet. `what` says what is not done while the task fails.
    pub fn new(what: &'static str) -> Arc<Self> {
        let failures = AtomicU32::new(0);
        Arc::new(Self { what, failures })
    }

    /// Tells that the task did its work.
    pub(super) fn worked(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Tells that the task could not do its work.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// What is not done, where the task failed again and again and not once worked in between.
    pub fn problem(&self) -> Option<&'static str> {
        (self.failures.load(Ordering::Relaxed) >= MANY).then_some(self.what)
    }
}

/// Runs a task until the sender of `stopped` is gone, and starts it anew when it panics.
pub async fn keep_up<F>(
    health: Arc<Health>,
    mut stopped: watch::Receiver<()>,
    start: impl Fn(watch::Receiver<()>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    while let Err(panic) = tokio::spawn(start(stopped.clone())).await {
        health.failed();
        tracing::error!(%panic, task = health.what, "a task beside the requests ended in a panic; it is started anew");
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_anew_and_known() {
        let health = Health::new("the work of the test");
        let (stop, stopped) = watch::channel(());
        let starts = Arc::new(AtomicU32::new(0));
        let (known, count) = (health.clone(), starts.clone());
        let kept = tokio::spawn(keep_up(health.clone(), stopped, move |mut stopped| {
            let (health, starts) = (known.clone(), count.clone());
            async move {
                assert!(starts.fetch_add(1, Ordering::SeqCst) >= 4, "the task fails");
                health.worked();
                let _ = stopped.changed().await;
            }
        }));
        while health.problem().is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(health.problem(), Some("the work of the test"));
        while health.problem().is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(starts.load(Ordering::SeqCst), 5);
        drop(stop);
        kept.await.unwrap();
    }
}
