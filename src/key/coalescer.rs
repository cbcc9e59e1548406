//! Makes one question of many: those that arrive while others are being answered wait together, and half of them go as one.
//!
//! Nothing is kept: an answer is for those who asked before its question was put, so that a key that was deleted before a
//! request began is never found for it. There is no timer either; who comes when nothing is going on goes at once.
//! An outage that a lookup meets is told to all who wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::bounds;

/// How many questions are on their way at most. With more, fewer share each; with one, a slow one stops all.
const IN_FLIGHT: usize = bounds::LOOKUPS;
/// How many keys one question asks for at most.
const BATCH: usize = 256;

/// What can be asked for many keys at once.
pub(super) trait Lookup: Send + Sync + 'static {
    /// What is asked for.
    type Key: Ord + Copy + Send;
    /// What there is of it.
    type Value: Clone + Send;
    /// Why there was no answer. All who wait for it are told.
    type Error: Send + Sync;

    /// Looks for keys, of which none is there twice. What is not among the answers does not exist.
    fn look_up(
        &self,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<Found<Self>, Self::Error>> + Send;

    /// Whether an error says that nobody can be answered now, whatever they ask for.
    fn is_outage(error: &Self::Error) -> bool;
}

/// What there is, by what it was looked for.
pub(super) type Found<L> = Vec<(<L as Lookup>::Key, <L as Lookup>::Value)>;

/// Why there was no answer.
#[derive(Debug)]
pub(super) enum Failed<E> {
    /// The question that was put for several.
    Lookup(Arc<E>),
    /// As many wait as may. The question was not put.
    Full,
    /// A fault of ours: whoever put the question is gone.
    Lost,
}

/// The way to a [`Lookup`] for many callers.
pub(super) struct Coalescer<L: Lookup>(Arc<Shared<L>>);

struct Shared<L: Lookup> {
    lookup: L,
    state: Mutex<State<L>>,
}

struct State<L: Lookup> {
    waiting: Vec<Waiter<L>>,
    in_flight: usize,
}

type Answer<L> = Result<Option<<L as Lookup>::Value>, Arc<<L as Lookup>::Error>>;

struct Waiter<L: Lookup> {
    key: L::Key,
    answer: oneshot::Sender<Answer<L>>,
}

impl<L: Lookup> Coalescer<L> {
    pub(super) fn new(lookup: L) -> Self {
        let state = State {
            waiting: Vec::new(),
            in_flight: 0,
        };
        Self(Arc::new(Shared {
            lookup,
            state: Mutex::new(state),
        }))
    }

    /// What there is under a key, as of some moment after this call.
    pub(super) async fn get(&self, key: L::Key) -> Result<Option<L::Value>, Failed<L::Error>> {
        let (answer, answered) = oneshot::channel();
        let starts = {
            let mut state = self.0.state();
            if state.waiting.len() >= bounds::CHECKS {
                return Err(Failed::Full);
            }
            state.waiting.push(Waiter { key, answer });
            let starts = state.in_flight < IN_FLIGHT;
            state.in_flight += usize::from(starts);
            starts
        };
        if starts {
            // A task of its own: whoever goes away takes nothing from the others.
            tokio::spawn(Flight(self.0.clone()).run());
        }
        match answered.await {
            Ok(answer) => answer.map_err(Failed::Lookup),
            Err(_) => Err(Failed::Lost),
        }
    }
}

impl<L: Lookup> Shared<L> {
    fn state(&self) -> MutexGuard<'_, State<L>> {
        // What is done under the lock cannot fail halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of those that put questions, for as long as somebody waits.
struct Flight<L: Lookup>(Arc<Shared<L>>);

impl<L: Lookup> Flight<L> {
    async fn run(self) {
        loop {
            // Whoever is about to ask as well has a turn first. It takes no time where nobody is.
            tokio::task::yield_now().await;
            let Some(waiters) = self.next() else {
                return;
            };
            let mut keys: Vec<L::Key> = waiters.iter().map(|waiter| waiter.key).collect();
            keys.sort_unstable();
            keys.dedup();
            let found = self.0.lookup.look_up(keys).await;
            let mut waiters = waiters;
            if found.as_ref().is_err_and(L::is_outage) {
                // The next question would wait as long for the same.
                waiters.append(&mut self.0.state().waiting);
            }
            let found = found.map_err(Arc::new).map(|mut found| {
                found.sort_unstable_by_key(|(key, _)| *key);
                found
            });
            for Waiter { key, answer } in waiters {
                let found = found.as_ref().map_err(Arc::clone).map(|found| {
                    let place = found.binary_search_by_key(&key, |(key, _)| *key);
                    place.ok().map(|place| found[place].1.clone())
                });
                // Whoever does not wait any more needs no answer.
                drop(answer.send(found));
            }
        }
    }

    /// Those who go next: a share of all, so that no question is large while another one is small, and nothing goes on meanwhile.
    fn next(&self) -> Option<Vec<Waiter<L>>> {
        let mut state = self.0.state();
        state.waiting.retain(|waiter| !waiter.answer.is_closed());
        let count = state.waiting.len().div_ceil(IN_FLIGHT).min(BATCH);
        (count > 0).then(|| state.waiting.drain(..count).collect())
    }
}

impl<L: Lookup> Drop for Flight<L> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        // Somebody may have come since the last look, or a lookup have panicked: nobody is left waiting.
        match Handle::try_current() {
            Ok(runtime) if !state.waiting.is_empty() => {
                drop(runtime.spawn(Self(self.0.clone()).run()));
            }
            _ => state.in_flight -= 1,
        }
    }
}

#[cfg(test)]
mod tests;
