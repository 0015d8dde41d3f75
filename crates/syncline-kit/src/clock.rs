//! The seam to time. Engine code never asks the operating system for it.

use crate::BoxFuture;
use jiff::Timestamp;
use std::time::Duration;

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// The instant now, by this machine's clock.
    fn now(&self) -> Timestamp;
    /// Waits for `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
