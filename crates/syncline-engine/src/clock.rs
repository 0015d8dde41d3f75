//! The machine's own clock. Nothing else in the engine asks the operating system for the time or waits by itself (A14).

use jiff::Timestamp;
use std::time::Duration;
use syncline_kit::{BoxFuture, Clock};

/// Wall clock and timers of the running machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
