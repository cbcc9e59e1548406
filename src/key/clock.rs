//! The one clock: when it is, and ids that follow it.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;
use uuid::timestamp::context::ContextV7;

/// Tells the time and makes ids from it.
///
/// Two ids of one clock are ordered as they were made, even within a millisecond or when the system's time is
/// set back; ids of two servers are ordered to the millisecond.
pub struct Clock {
    sequence: Mutex<ContextV7>,
    system: fn() -> Timestamp,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    fn new(system: fn() -> Timestamp) -> Self {
        Self {
            sequence: Mutex::new(ContextV7::new()),
            system,
        }
    }

    /// Now, cut to microseconds: PostgreSQL keeps no more, so that what was written is what is read.
    pub fn now(&self) -> Timestamp {
        let now = (self.system)();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// A new UUID of version 7 (RFC 9562 section 5.7) for something that happened at `at`.
    pub fn id(&self, at: Timestamp) -> Uuid {
        let sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(&*sequence, seconds, nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn ids_keep_their_order_when_the_time_stands_still_or_is_set_back() {
        static STEP: AtomicI64 = AtomicI64::new(0);
        // Forward, still, an hour back, and on from there.
        let clock = Clock::new(|| {
            let step = STEP.fetch_add(1, Ordering::Relaxed);
            let millis = 1_800_000_000_000
                + if step < 5_000 {
                    step / 100
                } else {
                    step - 3_600_000
                };
            Timestamp::from_millisecond(millis).unwrap()
        });
        let ids: Vec<Uuid> = (0..10_000).map(|_| clock.id(clock.now())).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_time_is_cut_to_microseconds() {
        let clock = Clock::new(|| Timestamp::new(1_800_000_000, 123_456_789).unwrap());
        assert_eq!(clock.now().subsec_nanosecond(), 123_456_000);
    }
}
