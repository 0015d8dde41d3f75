//! The one clock of a simulated world. It moves when somebody waits, and when the script says so.

use jiff::{SignedDuration, Timestamp};
use std::{
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use syncline_kit::{BoxFuture, Clock};

/// Virtual time.
pub(crate) struct VirtualClock(Mutex<Timestamp>);

impl VirtualClock {
    pub(crate) fn at(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    fn lock(&self) -> MutexGuard<'_, Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, duration: Duration) {
        let mut now = self.lock();
        let by = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        *now = now.checked_add(by).unwrap_or(Timestamp::MAX);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.lock()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.pass(duration);
        Box::pin(ready(()))
    }
}
