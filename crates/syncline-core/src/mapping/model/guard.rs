//! Circuit breakers (HUB-7).

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Circuit breakers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Creates.
    pub create: Breaker,
    /// Cleared values.
    pub blank: Breaker,
    /// Archives.
    pub archive: Breaker,
    /// Fields that something keeps setting back.
    pub oscillation: Oscillation,
}

/// When a field is parked because our writes of it are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oscillation {
    /// So many of our writes taken back, at least 1.
    pub flips: u64,
    /// Within this time.
    pub window: SignedDuration,
}

impl Default for Oscillation {
    fn default() -> Self {
        Self { flips: 3, window: SignedDuration::from_hours(24) }
    }
}

/// Stops when more than the larger of the two is exceeded, per object and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// A number of records.
    pub count: u64,
    /// Thousandths of the object's live records.
    pub share_permille: u64,
}

impl Breaker {
    /// How many are allowed among `live` records.
    pub fn allows(&self, live: u64) -> u64 {
        self.count.max(live.saturating_mul(self.share_permille) / 1000)
    }
}
