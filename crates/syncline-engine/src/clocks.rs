//! How the vendors' clocks go, from run to run. Which of two changes is the later one hangs on it: what was decided so and
//! waits is decided again when a clock is seen to go otherwise, so that `explain` and a run say the same.

use crate::{ctx::Ctx, error::Error, hoods::RESOLUTION};
use serde::{Deserialize, Serialize};
use syncline_kit::vendor::ClockOffset;

/// A clock as it went when it was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    ahead_ms: i128,
    uncertainty_ms: i128,
}

impl Kept {
    fn of(offset: ClockOffset) -> Self {
        Self { ahead_ms: offset.ahead.as_millis(), uncertainty_ms: offset.uncertainty.as_millis() }
    }

    /// Whether it goes so differently that it may order two stamps otherwise; what a request takes varies, and is no matter.
    fn differs(self, other: Self) -> bool {
        let apart =
            |one: i128, two: i128| (one - two).unsigned_abs() >= RESOLUTION.unsigned_abs().as_millis();
        apart(self.ahead_ms, other.ahead_ms) || apart(self.uncertainty_ms, other.uncertainty_ms)
    }
}

/// Notes how the clocks go, and wakes what was decided by one that goes otherwise now.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn note(ctx: &Ctx) -> Result<(), Error> {
    let mut batch = ctx.batch();
    for (name, connection) in &ctx.connections {
        let Some(offset) = connection.vendor.clock_offset() else { continue };
        let slot = format!("clock/{name}");
        let now = Kept::of(offset);
        let stored = ctx.store.get(&slot).await?;
        let before: Option<Kept> = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if before.is_none_or(|before| before.differs(now)) {
            batch.puts.push((slot, serde_json::to_vec(&now).ok()));
            batch.wake.push(format!("clock:{name}"));
        }
    }
    if !batch.puts.is_empty() {
        ctx.store.commit(batch).await?;
    }
    Ok(())
}
