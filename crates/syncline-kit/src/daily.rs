//! The day's calls: a connection keeps to its share of what an account has left of them (HUB-8).
//!
//! Everything else that works with the account has the rest. What others use meanwhile counts against the share too: the
//! account's own figure is the only one that is sure to be whole.

use crate::vendor::VendorError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A part of something, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// So many thousandths; more than all is all.
    pub fn permille(thousandths: u64) -> Self {
        Self(thousandths.min(1_000))
    }

    fn of(self, whole: u64) -> u64 {
        u64::try_from(u128::from(whole) * u128::from(self.0) / 1_000).unwrap_or(whole)
    }
}

impl Default for Share {
    fn default() -> Self {
        Self(500)
    }
}

/// What an account said of its day. Another process goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    used: u64,
    max: u64,
    /// What had been used when the share was measured.
    baseline: u64,
    /// From then on the share is measured anew.
    until: Timestamp,
}

/// A connection's share of one account's day.
#[derive(Debug, Clone)]
pub struct Daily {
    share: Share,
    measured: Option<Measured>,
}

impl Daily {
    /// Nothing is known of the day yet: calls go until the account tells.
    pub fn new(share: Share) -> Self {
        Self { share, measured: None }
    }

    /// The account says that `used` of `max` are gone. `until` is when its count, or this measurement, starts again.
    pub fn note(&mut self, used: u64, max: u64, now: Timestamp, until: Timestamp) {
        let (baseline, until) = match self.measured {
            // Less than before: the account's count started again, or its window moved on.
            Some(known) if now < known.until => (known.baseline.min(used), known.until),
            Some(_) | None => (used, until),
        };
        self.measured = Some(Measured { used, max, baseline, until });
    }

    /// A call was sent whose answer does not tell the count.
    pub fn sent(&mut self) {
        if let Some(measured) = &mut self.measured {
            measured.used = measured.used.saturating_add(1);
        }
    }

    /// Refuses a call beyond the share of what was left when it was measured.
    ///
    /// # Errors
    /// [`VendorError::Limit`].
    pub fn allows(&self, now: Timestamp) -> Result<(), VendorError> {
        let Some(day) = self.measured.filter(|day| now < day.until) else { return Ok(()) };
        let own = self.share.of(day.max.saturating_sub(day.baseline));
        if day.used < day.baseline.saturating_add(own) {
            return Ok(());
        }
        let Measured { used, max, until, .. } = day;
        let limit = format!(
            "share of daily calls (`[budget] daily_share`; {used} of {max} are used in the account, until {until:.0})"
        );
        Err(VendorError::Limit { limit, retry_after: None })
    }

    /// What the next process has to know.
    pub fn state(&self, now: Timestamp) -> Option<Measured> {
        self.measured.filter(|day| now < day.until)
    }

    /// Goes on with what an earlier process measured, unless that is over, or further ahead than `latest`: this
    /// machine's clock was set back since.
    pub fn resume(&mut self, earlier: Measured, now: Timestamp, latest: Timestamp) {
        if now < earlier.until && earlier.until <= latest {
            self.measured = Some(earlier);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn at(hour: i64) -> Timestamp {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        start.checked_add(SignedDuration::from_hours(hour)).unwrap()
    }

    #[test]
    fn the_share_is_of_what_was_left_when_it_was_measured() {
        let mut day = Daily::new(Share::permille(250));
        assert!(day.allows(at(0)).is_ok(), "nothing is known yet");
        day.note(600, 1_000, at(0), at(24));
        day.note(699, 1_000, at(1), at(25));
        assert!(day.allows(at(1)).is_ok());
        day.sent();
        let refused = day.allows(at(1)).unwrap_err().to_string();
        assert!(
            refused.contains("700 of 1000") && refused.contains("until 2026-01-02T00:00:00Z"),
            "{refused}"
        );
        assert!(day.allows(at(24)).is_ok(), "the next answer measures anew");
        day.note(1_000, 1_000, at(24), at(48));
        assert!(day.allows(at(24)).is_err(), "nothing is left to share");
    }

    #[test]
    fn a_count_that_started_again_is_measured_from_there() {
        let mut day = Daily::new(Share::permille(500));
        day.note(900, 1_000, at(0), at(24));
        day.note(2, 1_000, at(1), at(25));
        day.note(500, 1_000, at(2), at(26));
        assert!(day.allows(at(2)).is_ok());
        day.note(501, 1_000, at(3), at(27));
        assert!(day.allows(at(3)).is_err());
    }

    #[test]
    fn a_share_of_all_is_all_and_of_nothing_nothing() {
        let mut day = Daily::new(Share::permille(2_000));
        day.note(0, u64::MAX, at(0), at(24));
        day.note(u64::MAX - 1, u64::MAX, at(0), at(24));
        assert!(day.allows(at(0)).is_ok());
        let mut none = Daily::new(Share::permille(0));
        none.note(0, 1_000, at(0), at(24));
        assert!(none.allows(at(0)).is_err());
    }

    #[test]
    fn another_process_goes_on_with_what_still_counts() {
        let mut first = Daily::new(Share::permille(100));
        first.note(10, 100, at(0), at(24));
        first.note(19, 100, at(0), at(24));
        let state = first.state(at(1)).unwrap();
        assert_eq!(first.state(at(24)), None);
        let resumed = |now, latest| {
            let mut next = Daily::new(Share::permille(100));
            next.resume(state, now, latest);
            next.state(now).is_some()
        };
        assert!(resumed(at(1), at(25)));
        assert!(!resumed(at(24), at(48)), "that day is over");
        assert!(!resumed(at(-3), at(21)), "the clock was set back");
    }
}
